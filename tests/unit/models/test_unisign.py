"""Uni-Sign: sizes, shared hands, padding, and its language model."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_mt5 import write_tiny_mt5  # noqa: E402

from sign_etl.core.errors import AccessError, ConfigError  # noqa: E402
from sign_etl.models.base import Keypoints  # noqa: E402
from sign_etl.models.part_graphs import LAYOUT, GraphBlock, PartGraphs, adjacency  # noqa: E402
from sign_etl.models.unisign import (  # noqa: E402
    IGNORED,
    MODEL,
    tokenizer_of,
)

SENTENCES = ["il treno parte alle otto", "domani piove a Roma"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_mt5(tmp_path_factory.mktemp("mt5"), SENTENCES, width=32)


MT5_BASE = {
    "model_type": "mt5",
    "is_encoder_decoder": True,
    "d_model": 768,
    "d_kv": 64,
    "d_ff": 2048,
    "num_layers": 12,
    "num_heads": 12,
    "vocab_size": 250_112,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
"""What tells the sizes in the configuration of google/mt5-base."""


def test_it_is_as_large_as_published(tmp_path: Path) -> None:
    """5.35 M parameters for poses and mT5-base's 582.4 M: some 588 M, as the published logs say."""
    (tmp_path / "config.json").write_text(json.dumps(MT5_BASE))
    options = MODEL.options({"language_model": str(tmp_path)})
    with torch.device("meta"):
        model = MODEL.build(options, inputs=Keypoints(69, 2), outputs=0)
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    assert sum(size for name, size in sizes.items() if name.startswith("poses.")) == 5_346_088
    attention, inside = 4 * 768 * 768, 3 * 768 * 2048
    encoder = 12 * (attention + inside + 2 * 768) + 32 * 12 + 768
    decoder = 12 * (2 * attention + inside + 3 * 768) + 32 * 12 + 768
    assert 2 * 250_112 * 768 + encoder + decoder == 582_401_280
    assert sum(sizes.values()) == 582_401_280 + 5_346_088


def test_adjacency_by_hand() -> None:
    """A chain of three points: the ends have two columns' worth of neighbours, the middle three."""
    graph = adjacency(3, [(0, 1), (1, 2)])
    assert torch.allclose(graph.sum((0, 1)), torch.ones(3))
    assert torch.allclose(graph[0], torch.diag(torch.tensor([1 / 2, 1 / 3, 1 / 2])))
    near = torch.tensor([[0, 1 / 3, 0], [1 / 2, 0, 1 / 2], [0, 1 / 3, 0]])
    assert torch.allclose(graph[1], near)


@pytest.mark.parametrize("frames", [1, 5], ids=["spatial", "temporal"])
def test_a_block_by_hand(frames: int) -> None:
    """Each sum written out: neighbours by the learned graph, five frames, what was there before."""
    torch.manual_seed(0)
    points, inputs, outputs, length = 3, 2, 4, 6
    block = GraphBlock(inputs, outputs, torch.rand(2, points, points), frames).eval()
    for name, buffer in block.named_buffers():
        if name.endswith(("mean", "var")):
            buffer.uniform_(0.5, 1.5)
    x = torch.randn(length, inputs, points)
    w = {name: tensor.detach().numpy() for name, tensor in block.state_dict().items()}

    def normal(values: np.ndarray, name: str) -> np.ndarray:
        part = [w[f"{name}.{each}"] for each in ("running_mean", "running_var", "weight", "bias")]
        mean, variance, scale, shift = (each[None, :, None] for each in part)
        return (values - mean) / np.sqrt(variance + 1e-5) * scale + shift

    mixed = np.zeros((length, outputs, points))
    for t, k, c, v, u in product(
        range(length), (0, 1), range(outputs), range(points), range(points)
    ):
        row = k * outputs + c
        told = w["mix.bias"][row] + float(w["mix.weight"][row, :, 0] @ x[t, :, v].numpy())
        mixed[t, c, u] += told * w["graph"][k, v, u]
    mixed = np.maximum(normal(mixed, "mix_norm"), 0)
    if frames > 1:
        moved = np.zeros_like(mixed) + w["time.bias"][None, :, None]
        for t, c, d, back in product(range(length), range(outputs), range(outputs), range(-2, 3)):
            if 0 <= t + back < length:
                moved[t, c] += w["time.weight"][c, d, back + 2] * mixed[t + back, d]
        mixed = normal(moved, "time_norm")
    skip = np.einsum("oi,tiv->tov", w["skip.weight"][..., 0], x) + w["skip.bias"][None, :, None]
    wanted = np.maximum(mixed + normal(skip, "skip_norm"), 0)
    found = block(x, torch.ones(1, length, dtype=torch.bool)).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_padding_changes_nothing(training: bool) -> None:
    """Not even the statistics of a batch in training."""
    torch.manual_seed(0)
    poses = PartGraphs(16, width=8).train(training)
    points = torch.randn(2, 9, LAYOUT.size, 3)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1, 5:] = False
    found = poses(points, mask)
    longer = torch.cat([points, torch.full((2, 4, LAYOUT.size, 3), 7.0)], dim=1)
    more = torch.cat([mask, torch.zeros(2, 4, dtype=torch.bool)], dim=1)
    padded = poses(longer, more)
    assert torch.allclose(padded[:, :9], found, atol=1e-5)
    assert not padded[:, 9:].any()
    if not training:
        assert torch.allclose(poses(points[1:, :5], mask[1:, :5])[0], found[1, :5], atol=1e-5)


def test_both_hands_go_through_one_network_and_the_wrists_add_to_them() -> None:
    torch.manual_seed(0)
    poses = PartGraphs(16, width=8).eval()
    assert set(poses.networks) == {"body", "hand", "face"}
    points = torch.randn(1, 4, LAYOUT.size, 3)
    mask = torch.ones(1, 4, dtype=torch.bool)
    body = LAYOUT.parts["body"]
    poses(points, mask).sum().backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0
        for name, parameter in poses.networks["body"].named_parameters()
        if "temporal" in name and "norm" not in name
    )
    left = points.clone()
    left[:, :, LAYOUT.index("left_wrist")] += 1
    assert LAYOUT.index("left_wrist") in body
    assert not torch.allclose(poses(left, mask), poses(points, mask))


def test_a_language_model_that_is_not_there(tmp_path: Path) -> None:
    options = MODEL.options({"language_model": str(tmp_path / "nothing")})
    with pytest.raises(AccessError, match="cannot be loaded") as caught:
        MODEL.build(options, inputs=Keypoints(69, 2), outputs=0)
    assert "model.language_model" in (caught.value.hint or "")


def test_a_random_language_model_needs_no_file() -> None:
    """Its bytes spell every language, and its first loss is that of a guess among its tokens."""
    texts = ["Červená", "你好", "sì, domani"]
    tokenizer = tokenizer_of("random")
    tokens = tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]
    assert tokens.shape == (3, 12)
    assert tokenizer.batch_decode(tokens, skip_special_tokens=True) == texts
    torch.manual_seed(0)
    options = MODEL.options({"language_model": "random", "graph_width": 8})
    net = MODEL.build(options, inputs=Keypoints(69, 2), outputs=0)
    labels = tokens.masked_fill(tokens == tokenizer.pad_token_id, IGNORED)
    prompt = torch.tensor(tokenizer("to English: ")["input_ids"])
    points, mask = torch.randn(3, 6, 69, 3), torch.ones(3, 6, dtype=torch.bool)
    scores = net(points, mask, prompt, labels)
    loss = torch.nn.functional.cross_entropy(scores.transpose(1, 2), labels, ignore_index=IGNORED)
    assert 0.5 * np.log(259) < loss.item() < 1.5 * np.log(259)


@pytest.mark.filterwarnings("ignore")
def test_a_graph_of_poses_says_what_torch_says() -> None:
    """Padding included: an exported graph computes all frames, real ones or not."""
    torch.manual_seed(0)
    poses = PartGraphs(16, width=8)
    poses(torch.randn(2, 9, LAYOUT.size, 3), torch.ones(2, 9, dtype=torch.bool))  # statistics
    poses.eval()
    points, mask = torch.randn(1, 11, LAYOUT.size, 3), torch.ones(1, 11, dtype=torch.bool)
    mask[:, 7:] = False
    free = {1: torch.export.Dim("frames", max=99)}
    with torch.no_grad():
        graph = torch.export.export(
            poses, (points[:, :6], mask[:, 3:9]), dynamic_shapes=(free, free), strict=False
        )
        found = graph.module()(points, mask)
        torch.testing.assert_close(found, poses(points, mask), rtol=0, atol=1e-5)


def test_other_points_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="unisign-69"):
        MODEL.build(
            MODEL.options({"language_model": str(folder)}), inputs=Keypoints(54, 2), outputs=0
        )
