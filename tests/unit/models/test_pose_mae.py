"""The masked pose transformer: what is hidden stays hidden, and its encoder fits a classifier."""

from __future__ import annotations

import torch

from sign_etl.models.base import MODELS, Keypoints


def test_hidden_joints_are_not_seen() -> None:
    torch.manual_seed(0)
    plugin = MODELS.get("pose-mae")
    net = plugin.build(
        plugin.options({"layers": 2, "feedforward": 32}), inputs=Keypoints(54, 2), outputs=0
    ).eval()
    points, mask = torch.rand(2, 8, 54, 2), torch.ones(2, 8, dtype=torch.bool)
    hidden = torch.zeros(2, 8, 54, dtype=torch.bool)
    hidden[:, 2:5, 12:33] = True
    other = torch.where(hidden[..., None], torch.rand(2, 8, 54, 2), points)
    drawn = net(points, mask, hidden)
    assert drawn.shape == points.shape
    torch.testing.assert_close(drawn, net(other, mask, hidden))
    assert (drawn - net(other, mask, ~hidden)).abs().max() > 1e-4


def test_its_encoder_is_the_one_of_spoter() -> None:
    mae, spoter = MODELS.get("pose-mae"), MODELS.get("spoter")
    first = mae.build(mae.options({"layers": 2}), inputs=Keypoints(54, 2), outputs=0)
    second = spoter.build(
        spoter.options({"encoder_layers": 2, "feedforward": 512}),
        inputs=Keypoints(54, 2),
        outputs=7,
    )
    shapes = [
        {n: p.shape for n, p in net.state_dict().items() if n.startswith("encoder.")}
        for net in (first, second)
    ]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 20


def test_depth_grows_from_input_to_output() -> None:
    plugin = MODELS.get("pose-mae")
    options = plugin.options({"layers": 3, "project": True})
    net = plugin.build(options, inputs=Keypoints(5, 2), outputs=0)
    depth = {name: plugin.depth(name, options) for name, _ in net.named_parameters()}
    assert depth["hidden"] == depth["encoder.input.weight"] == 0
    assert depth["encoder.blocks.layers.2.linear2.bias"] == 3
    assert depth["draw.2.weight"] == 4
