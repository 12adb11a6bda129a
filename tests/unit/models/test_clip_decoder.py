"""The decoder against its formulas: by hand, and as a whole by loops in numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_clip import write_tiny_clip  # noqa: E402

from sign_etl.models.base import Frames  # noqa: E402
from sign_etl.models.clip_decoder import NeighbourAttention  # noqa: E402
from sign_etl.models.signvlm import MODEL, SignVlm  # noqa: E402

FRAMES = Frames(6, 32, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("clip"), ["a sign"])


def made(folder: Path) -> SignVlm:
    """With numbers where training begins with zeros, so that every part says something."""
    torch.manual_seed(0)
    chosen = MODEL.options({"clip": str(folder), "layers": 2, "frames": 6})
    model = MODEL.build(chosen, inputs=FRAMES, outputs=3)
    assert isinstance(model, SignVlm)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "position" in name or "neighbours" in name or "norm" in name:
                parameter.normal_()
    return model.eval()


def test_neighbours_by_hand() -> None:
    """Patch 0 of the second frame looks at patch 3 of the first one: one down, one across."""
    neighbours = NeighbourAttention(2, 1)
    with torch.no_grad():
        neighbours.before.copy_(torch.arange(9.0)[:, None])
    queries, keys = torch.zeros(1, 2, 5, 1, 2), torch.zeros(1, 2, 5, 1, 2)
    queries[0, 1, 1] = torch.tensor([100.0, 0.0])
    keys[0, 0, 4] = torch.tensor([100.0, 0.0])
    found = neighbours(queries, keys, torch.ones(1, 2, dtype=torch.bool)).detach()
    assert found.shape == (1, 2, 5, 1)
    # Offset (-1, -1) is the first of the 3 x 3 offsets.
    assert float(found[0, 1, 1, 0]) == pytest.approx(0.0, abs=1e-4)
    # Patch 3 looks at all four alike: offsets (1, 1), (1, 0), (0, 1), (0, 0).
    assert float(found[0, 1, 4, 0]) == pytest.approx((8 + 7 + 5 + 4) / 4, abs=1e-4)
    assert not found[0, 0].any()  # nothing was learned about later frames
    assert not found[:, :, 0].any()  # class tokens do not move


def layer_norm(values: Any, of: dict[str, Any], name: str) -> Any:
    mean, var = values.mean(-1, keepdims=True), values.var(-1, keepdims=True)
    return (values - mean) / np.sqrt(var + 1e-5) * of[f"{name}.weight"] + of[f"{name}.bias"]


def linear(values: Any, of: dict[str, Any], name: str) -> Any:
    return values @ of[f"{name}.weight"].T + of[f"{name}.bias"]


def softmax(values: Any) -> Any:
    shares = np.exp(values - values.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def moved(queries: Any, keys: Any, table: Any, grid: int) -> Any:
    """Patches of one frame that look at those of another one, pair by pair."""
    heads, side = queries.shape[1], 2 * grid - 1
    out = np.zeros((1 + grid * grid, table.shape[1]))
    for asking in range(grid * grid):
        shares = np.mean(
            [
                softmax(queries[1 + asking, head] @ keys[1:, head].T / np.sqrt(keys.shape[2]))
                for head in range(heads)
            ],
            axis=0,
        )
        for seen in range(grid * grid):
            down = asking // grid - seen // grid + grid - 1
            across = asking % grid - seen % grid + grid - 1
            out[1 + asking] += shares[seen] * table[down * side + across]
    return out


def test_the_whole_of_it_by_loops_in_numpy(folder: Path) -> None:
    """One clip, by what transformers says of CLIP's blocks and by the published formulas."""
    model = made(folder)
    grid, heads, frames = 2, 2, 3
    pictures = torch.randn(1, frames, 3, 32, 32)
    vision = model.tower.frozen
    told = vision(pictures[0], output_hidden_states=True).hidden_states
    of = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    query = of["query"][None]
    for number, layer in enumerate(vision.encoder.layers[-2:]):
        normed = layer.layer_norm1(told[number + 1])
        q, k = (
            part(normed).detach().double().numpy().reshape(frames, 5, heads, 16)
            for part in (layer.self_attn.q_proj, layer.self_attn.k_proj)
        )
        out = told[number + 2].detach().double().numpy()
        at = f"blocks.{number}"
        tokens = out.copy()
        for t in range(frames):
            for tap in (-1, 0, 1):
                if 0 <= t + tap < frames:
                    tokens[t] += out[t + tap] * of[f"{at}.convolution.weight"][:, 0, tap + 1]
            tokens[t] += of[f"{at}.convolution.bias"] + of[f"{at}.position"][t]
            if t:
                tokens[t] += moved(q[t], k[t - 1], of[f"{at}.neighbours.before"], grid)
            if t < frames - 1:
                tokens[t] += moved(q[t], k[t + 1], of[f"{at}.neighbours.after"], grid)
        normed_tokens = layer_norm(tokens.reshape(-1, 32), of, f"{at}.token_norm")
        asked = linear(layer_norm(query, of, f"{at}.query_norm"), of, f"{at}.attention.query")
        key, value = (
            linear(normed_tokens, of, f"{at}.attention.{part}") for part in ("key", "value")
        )
        read = np.concatenate(
            [
                softmax(asked[:, part] @ key[:, part].T / np.sqrt(16)) @ value[:, part]
                for part in (slice(0, 16), slice(16, 32))
            ],
            axis=1,
        )
        query = query + linear(read, of, f"{at}.attention.out")
        inner = linear(layer_norm(query, of, f"{at}.mlp_norm"), of, f"{at}.widen")
        query = query + linear(inner / (1 + np.exp(-1.702 * inner)), of, f"{at}.narrow")
    wanted = linear(layer_norm(query, of, "norm"), of, "head")
    found = model(pictures, torch.ones(1, frames, dtype=torch.bool)).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert np.abs(wanted).max() > 0.1
