"""The set of motions and their reversals: twins have the same frames, and nothing else to go by."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest
import torch

from sign_etl.core.content import content_dir
from sign_etl.models.base import MODELS, Keypoints


@pytest.fixture(scope="module")
def reversals() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "training_reversals", content_dir("training") / "reversals.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_twin_is_the_clip_backwards(reversals: ModuleType) -> None:
    made = reversals.data_set(["circle", "rise"], 2)
    assert made["X"].shape == (8, reversals.FRAMES, 75 * 3)
    assert made["y"].tolist()[:2] == ["circle", "circle-reversed"]
    for first in range(0, 8, 2):
        np.testing.assert_array_equal(made["X"][first], made["X"][first + 1][::-1])
        assert made["take"][first] == made["take"][first + 1]


def test_the_motion_begins_and_ends_in_its_middle(reversals: ModuleType) -> None:
    track = np.cos(np.linspace(0, 2 * np.pi, 200))
    begins = set()
    for seed in range(40):
        shown = track[reversals.way(track, np.random.default_rng(seed))]
        assert shown[0] == shown[-1] == pytest.approx(0, abs=0.25)
        low, high = int(shown.argmin()), int(shown.argmax())
        assert low < high
        assert shown[low] < -0.7
        assert shown[high] > 0.7
        begins.add(int(np.flatnonzero(shown != shown[0])[0]))
    assert len(begins) > 15  # a frame's number tells nothing


def test_without_order_twins_look_alike(reversals: ModuleType) -> None:
    """The published SPOTER gives both the same scores, so it is right in half of the cases."""
    made = reversals.data_set(["swing"], 3)
    clips = torch.from_numpy(np.stack(made["X"])).unflatten(2, (75, 3))[:, :, 21:75, :2]
    mask = torch.ones(clips.shape[:2], dtype=torch.bool)
    plugin, differences = MODELS.get("spoter"), {}
    for compat in ("published", "none"):
        torch.manual_seed(0)
        small = {"encoder_layers": 1, "decoder_layers": 1, "feedforward": 16, "compat": compat}
        net = plugin.build(plugin.options(small), inputs=Keypoints(54, 2), outputs=2).eval()
        with torch.no_grad():
            scores = net(clips, mask)
        differences[compat] = float((scores[::2] - scores[1::2]).abs().max())
    assert differences["published"] < 1e-4 < 1e-3 < differences["none"]
