"""Preprocessing inside of a graph does what the transforms do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from sign_etl.schema.layouts import layout
from sign_etl.stream.transforms_pose import Mirror, Pose, PoseTransform, Relayout
from sign_etl.stream.transforms_spoter import ClipBox, HandShape, SpoterNormalise
from sign_etl.tasks.graph_steps import Prepared, graph_steps, prepared_input

VIEWS: dict[str, tuple[str, tuple[PoseTransform, ...]]] = {
    "spoter": ("spoter-54", (SpoterNormalise(),)),
    "spoter-from-holistic": ("holistic-75", (Relayout("spoter-54"), SpoterNormalise(0.5))),
    "clip-box": ("hands-42", (ClipBox(),)),
    "hand-shape": ("hands-42", (ClipBox(), HandShape(0.7))),
    "hand-shape-first": ("spoter-54", (Relayout("hands-42"), HandShape(), ClipBox(0.3))),
}


class Same(torch.nn.Module):
    """A model whose output is its input."""

    def forward(self, points: Any, mask: Any) -> Any:
        assert mask.shape == points.shape[:2]
        assert mask.all()
        return points


def whole(keypoints: Any) -> None:
    """No point is missing."""
    keypoints[..., :-1] = torch.nan_to_num(keypoints[..., :-1], nan=0.4)
    keypoints[..., -1] = 0.9


def late(keypoints: Any) -> None:
    """Nobody is there in the first half."""
    half = -(-keypoints.shape[1] // 2)
    keypoints[:, :half, :, :-1] = float("nan")
    keypoints[:, :half, :, -1] = 0


def empty(keypoints: Any) -> None:
    """Nobody is there."""
    keypoints[..., :-1] = float("nan")
    keypoints[..., -1] = 0


def holes(keypoints: Any) -> None:
    """As the example is: a tenth of the points is missing."""


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("spoil", [whole, holes, late, empty], ids=lambda one: one.__name__)
@pytest.mark.parametrize("size", [(720, 576), (0, 0)], ids=str)
def test_the_graph_does_what_the_transforms_do(
    name: str, spoil: Callable[[Any], None], size: tuple[int, int]
) -> None:
    source, transforms = VIEWS[name]
    kind = layout(source)
    steps = graph_steps(transforms, kind)
    assert steps is not None
    for frames in (1, 2, 30):
        keypoints = prepared_input(kind, frames)["keypoints"]
        spoil(keypoints)
        pose = Pose(keypoints[0].numpy().copy(), kind, *size)
        for step in transforms:
            pose = step(pose, lambda: np.random.default_rng(0))
        wanted = np.nan_to_num(pose.keypoints[..., :-1])
        found = Prepared(Same(), steps)(keypoints, torch.tensor(size, dtype=torch.float32))[0]
        np.testing.assert_allclose(found.numpy(), wanted, atol=2e-5)


def test_what_a_graph_cannot_do_is_told() -> None:
    kind = layout("spoter-54")
    assert graph_steps((Mirror(),), kind) is None
    assert graph_steps((SpoterNormalise(published=True),), kind) is None
