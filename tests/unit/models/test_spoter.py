"""SPOTER: shapes, masks in both halves, order, and published weights under their real names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import MODELS, Keypoints
from sign_etl.models.published import from_published

SMALL = {"encoder_layers": 2, "decoder_layers": 2, "feedforward": 32}


def model(outputs: int = 7, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    plugin = MODELS.get("spoter")
    chosen = plugin.options({**SMALL, **options})
    return plugin.build(chosen, inputs=Keypoints(54, 2), outputs=outputs).eval()


def clips(batch: int = 3, frames: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, frames, 54, 2, generator=generator) - 0.5


def published_state(kind: str, layers: int, outputs: int) -> dict[str, torch.Tensor]:
    """A state dict with the names and shapes of the published checkpoints, from torch itself."""
    torch.manual_seed(2)
    transformer = nn.Transformer(108, 9, layers, layers, 2048, batch_first=False)
    state = {
        f"transformer.{name}": tensor
        for name, tensor in transformer.state_dict().items()
        if ".self_attn." not in name or ".encoder." in f".{name}"
    }
    head = nn.Linear(108, outputs).state_dict()
    if kind == "classifier":
        rows = torch.rand(50, 108)
        state |= {"row_embed": rows, "pos": rows[:1][None], "class_query": torch.rand(1, 108)}
        return state | {f"linear_class.{name}": tensor for name, tensor in head.items()}
    state |= {"pos_encoding": torch.rand(1, 1, 108), "class_query": torch.rand(1, 1, 108)}
    return state | {f"linear_embed.{name}": tensor for name, tensor in head.items()}


def test_the_published_size_is_the_default() -> None:
    plugin = MODELS.get("spoter")
    built = plugin.build(plugin.options({}), inputs=Keypoints(54, 2), outputs=100)
    names = dict(built.named_parameters())
    assert names["encoder.blocks.layers.5.linear1.weight"].shape == (2048, 108)
    assert names["decoder.5.multihead_attn.in_proj_weight"].shape == (324, 108)
    assert not [name for name in names if name.startswith("decoder") and "self_attn" in name]
    assert names["head.weight"].shape == (100, 108)


@pytest.mark.parametrize("options", [{}, {"position": "learned"}, {"compat": "published"}])
def test_padding_changes_nothing(options: dict[str, Any]) -> None:
    net = model(**options)
    points, mask = clips(), torch.ones(3, 12, dtype=torch.bool)
    alone = net(points, mask)
    longer = torch.cat([points, torch.full((3, 9, 54, 2), 5.0)], dim=1)
    padded = net(longer, torch.cat([mask, torch.zeros(3, 9, dtype=torch.bool)], dim=1))
    torch.testing.assert_close(padded, alone, rtol=1e-5, atol=1e-5)
    unmasked = net(longer, torch.ones(3, 21, dtype=torch.bool))
    assert (unmasked - alone).abs().max() > 1e-3  # so the mask is what did it


@pytest.mark.parametrize("position", ["sinusoidal", "learned"])
def test_frames_have_an_order_now(position: str) -> None:
    points, mask = clips(), torch.ones(3, 12, dtype=torch.bool)
    net = model(position=position)
    assert (net(points, mask) - net(points.flip(1), mask)).abs().max() > 1e-3


def test_as_published_they_have_none() -> None:
    points, mask = clips(), torch.ones(3, 12, dtype=torch.bool)
    net = model(compat="published")
    torch.testing.assert_close(net(points, mask), net(points.flip(1), mask), rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    net = model(position="learned").train()
    mask = torch.ones(3, 512, dtype=torch.bool)
    net(clips(frames=512), mask).square().sum().backward()
    lost = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not lost


def test_an_embedding_may_have_length_one() -> None:
    out = model(unit_norm=True)(clips(), torch.ones(3, 12, dtype=torch.bool))
    torch.testing.assert_close(out.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize(("kind", "outputs"), [("classifier", 100), ("embedding", 32)])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_weights_fill_the_model(kind: str, outputs: int, prefix: str) -> None:
    plugin = MODELS.get("spoter")
    options = plugin.options({"compat": "published"})
    net = plugin.build(options, inputs=Keypoints(54, 2), outputs=outputs)
    state = {f"{prefix}{name}": t for name, t in published_state(kind, 6, outputs).items()}
    renamed = from_published(state, net.state_dict())
    assert renamed.keys() == net.state_dict().keys()
    used = {tensor.data_ptr() for tensor in renamed.values()}
    unused = [name for name, tensor in state.items() if tensor.data_ptr() not in used]
    assert {name.removeprefix(prefix) for name in unused} <= {"row_embed"}
    net.load_state_dict(renamed, strict=True)


def test_published_weights_compute_what_torch_computes() -> None:
    """Against torch's own `nn.Transformer` with the decoder's self-attention taken out."""
    state = published_state("embedding", 2, 32)
    plugin = MODELS.get("spoter")
    options = plugin.options(
        {"compat": "published", "encoder_layers": 2, "decoder_layers": 2, "feedforward": 2048}
    )
    net = plugin.build(options, inputs=Keypoints(54, 2), outputs=32).eval()
    net.load_state_dict(from_published(state, net.state_dict()))
    reference = nn.Transformer(108, 9, 2, 2, 2048).eval()
    reference.load_state_dict(
        {k.removeprefix("transformer."): v for k, v in state.items() if k.startswith("trans")},
        strict=False,
    )
    # What is left of the self-attention block is norm1(x + x): the attention returns its input.
    for layer in reference.decoder.layers:
        layer._sa_block = lambda x, *_, **__: x  # type: ignore[method-assign]
    points = clips()
    frames = points.flatten(2).transpose(0, 1)
    query = state["class_query"].expand(1, 3, -1)
    read = reference(frames + state["pos_encoding"], query)[0]
    wanted = read @ state["linear_embed.weight"].T + state["linear_embed.bias"]
    found = net(points, torch.ones(3, 12, dtype=torch.bool))
    np.testing.assert_allclose(found.detach(), wanted.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("transformer.encoder.norm.bias"), "lack 1 parts"),
        (lambda s: s.update(surprise=torch.zeros(1)), "no place for it"),
        (lambda s: s.update(class_query=torch.zeros(1, 54)), "has shape"),
    ],
    ids=["missing", "unknown", "shape"],
)
def test_weights_that_do_not_fit_are_refused(change: Any, words: str) -> None:
    state = published_state("embedding", 2, 32)
    change(state)
    net = model(compat="published", feedforward=2048)
    net.head = nn.Linear(108, 32)
    with pytest.raises(ConfigError, match=words):
        from_published(state, net.state_dict())


def test_a_width_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="108 numbers"):
        model(width=90, heads=9)
    assert model(width=90, heads=9, project=True) is not None


def test_depth_grows_from_input_to_head() -> None:
    plugin = MODELS.get("spoter")
    options = plugin.options(SMALL)
    depth = {
        name: plugin.depth(name, options)
        for name, _ in model(position="learned").named_parameters()
    }
    assert depth["encoder.position.vectors"] == 0
    assert depth["encoder.blocks.layers.0.linear1.weight"] == 1
    assert depth["decoder.0.norm1.weight"] == 3
    assert depth["head.weight"] == max(depth.values()) == 5
