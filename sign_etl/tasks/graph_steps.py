"""Preprocessing as part of a model's graph: the transforms of a view again, on tensors.

An exported model then takes keypoints as a pose backend gives them, and whoever runs it (a browser,
a phone) has nothing to normalise. What is written here is checked against the transforms themselves
whenever a model is exported. Only what looks at the whole clip without drawing lots is here; a view
with another step is exported without preprocessing.

Keypoints are unbatched here: (T, K, C) coordinates with 0 where a point is missing, and (T, K)
bool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sign_etl.schema.conversions import conversion
from sign_etl.schema.layouts import Layout, layout
from sign_etl.schema.normalise_spoter import BOX_HEADS, HAND_SIDES
from sign_etl.stream.transforms_pose import PoseTransform, Relayout
from sign_etl.stream.transforms_spoter import ClipBox, HandShape, SpoterNormalise

FAR = 1e9
"""Farther away than any point; where there is none, it is replaced before it counts."""


@dataclass(frozen=True, slots=True)
class Points:
    """Keypoints on their way through the graph.

    Attributes:
        places: (T, K, C) without score; 0 where missing.
        known: (T, K) bool.
        scored: (T, K) bool, True where the score is above 0.
    """

    places: Tensor
    known: Tensor
    scored: Tensor


Step = Callable[[Points, Tensor], Points]
"""A transform: points and (2,) width and height in pixels, 0 where unknown."""


class Prepared(nn.Module):
    """A model with its preprocessing before it, for one clip.

    Args:
        model: takes points (1, T, K, C) and a mask (1, T).
        steps: as `graph_steps` gives them.
    """

    def __init__(self, model: nn.Module, steps: Sequence[Step]) -> None:
        super().__init__()
        self.model = model
        self.steps = tuple(steps)

    def forward(self, keypoints: Tensor, size: Tensor) -> Tensor:
        """The model's output.

        Args:
            keypoints: (1, T, K', C') of the source layout, score last; NaN where missing.
            size: (2,) width and height of the picture in pixels, 0 where unknown.
        """
        raw = keypoints[0]
        places, score = raw[..., :-1], raw[..., -1]
        known = ~torch.isnan(places).any(dim=-1)
        places = torch.where(known[..., None], places, 0.0)
        points = Points(places, known, known & (score > 0))
        for step in self.steps:
            points = step(points, size)
        shown = torch.where(points.known[..., None], points.places, 0.0)[None]
        out: Tensor = self.model(shown, whole(shown))
        return out


class Clip(nn.Module):
    """A model for one clip, which needs no mask.

    Args:
        model: takes points (1, T, K, C) and a mask (1, T).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, points: Tensor) -> Tensor:
        """The model's output for points (1, T, K, C)."""
        out: Tensor = self.model(points, whole(points))
        return out


def whole(points: Tensor) -> Tensor:
    """A mask (1, T) without padding; made of the points, so that its length stays free."""
    return torch.ones_like(points[..., 0, 0], dtype=torch.bool)


def graph_steps(transforms: Sequence[PoseTransform], source: Layout) -> tuple[Step, ...] | None:
    """The transforms of a view as steps of a graph; None where one of them cannot be.

    Args:
        transforms: in their order.
        source: layout of what goes in.
    """
    steps: list[Step] = []
    kind = source
    for each in transforms:
        if isinstance(each, Relayout):
            steps.append(_Relayout(kind.name, each.to))
            kind = layout(each.to)
        elif isinstance(each, ClipBox):
            steps.append(_ClipBox(each.margin, kind.has_z))
        elif isinstance(each, HandShape):
            steps.append(_HandShape(each.scale, kind))
        elif isinstance(each, SpoterNormalise) and not each.published:
            steps.append(_SpoterNormalise(each.eye_to_edge, kind))
        else:
            return None
    return tuple(steps)


class _Relayout:
    def __init__(self, source: str, target: str) -> None:
        table = conversion(source, target)
        self.same = source == target
        self.first = torch.tensor([points[0] if points else 0 for points in table.origins])
        self.second = torch.tensor([points[-1] if points else 0 for points in table.origins])
        self.had = torch.tensor([bool(points) for points in table.origins])
        self.depth = (table.source.channels, table.target.channels)

    def __call__(self, points: Points, size: Tensor) -> Points:
        if self.same:
            return points
        one, two = (points.places[:, numbers] for numbers in (self.first, self.second))
        places = one / 2 + two / 2
        here, there = self.depth
        if there < here:
            places = places[..., : there - 1]
        elif there > here:
            places = torch.cat([places, torch.zeros_like(places[..., :1])], dim=-1)
        known, scored = (
            flags[:, self.first] & flags[:, self.second] & self.had
            for flags in (points.known, points.scored)
        )
        return Points(places, known, scored & known)


class _ClipBox:
    def __init__(self, margin: float, has_z: bool) -> None:
        self.margin = margin
        self.has_z = has_z

    def __call__(self, points: Points, size: Tensor) -> Points:
        told = (size > 0).all()
        aspect = torch.where(told, size[0] / torch.where(told, size[1], 1.0), 1.0)
        stretch = torch.stack([aspect, torch.ones_like(aspect)])
        places = points.places[..., :2] * stretch
        low, high = _extent(places.flatten(0, 1), points.known.flatten(), 0)
        side = ((high - low).max() * (1.0 + self.margin)).clamp(min=1e-6)
        made = (places - (low + high) / 2) / side
        if self.has_z:
            made = torch.cat([made, points.places[..., 2:] * (aspect / side)], dim=-1)
        return Points(made, points.known, points.scored)


class _HandShape:
    def __init__(self, scale: float, kind: Layout) -> None:
        self.scale = scale
        self.hands = []
        for side in ("left", "right"):
            hand = list(kind.parts[f"{side}_hand"])
            if hand:
                wrist, *rest = sorted(hand, key=lambda n: not kind.points[n].endswith("wrist"))
                self.hands.append((wrist, rest))

    def __call__(self, points: Points, size: Tensor) -> Points:
        places, known = points.places, points.known
        for wrist, rest in self.hands:
            hand = torch.tensor([wrist, *rest])
            flat = places[:, hand, :2]
            seen = known[:, hand].all(dim=1)
            sides = (flat.amax(dim=1) - flat.amin(dim=1)).amax(dim=1)
            middle = _median(sides, seen)
            extent = torch.where(middle > 1e-6, middle, 1e-6)
            others = torch.tensor(rest)
            moved = (places[:, others] - places[:, wrist : wrist + 1]) * (self.scale / extent)
            # A hand that is never whole keeps its places, as the transform leaves it.
            moved = torch.where(seen.any(), moved, places[:, others])
            kept = known[:, others] & (known[:, wrist : wrist + 1] | ~seen.any())
            places = places.index_copy(1, others, moved)
            known = known.index_copy(1, others, kept)
        return Points(places, known, points.scored & known)


class _SpoterNormalise:
    def __init__(self, eye_to_edge: float, kind: Layout) -> None:
        self.eye_to_edge = eye_to_edge
        self.body = torch.tensor(kind.parts["body"])
        self.hands = [torch.tensor(kind.parts[f"{side}_hand"]) for side in ("left", "right")]
        names = ("left_shoulder", "right_shoulder", "neck", "nose", "left_eye")
        self.numbers = {name: kind.index(name) for name in names}

    def __call__(self, points: Points, size: Tensor) -> Points:
        places = points.places[..., :2] * torch.where(size > 0, size, 1.0)
        known = points.scored

        def at(name: str) -> Tensor:
            return places[:, self.numbers[name]]

        def has(*names: str) -> Tensor:
            flags = [known[:, self.numbers[name]] for name in names]
            return torch.stack(flags).all(dim=0)

        shoulders = torch.linalg.vector_norm(at("left_shoulder") - at("right_shoulder"), dim=1)
        upright = torch.linalg.vector_norm(at("neck") - at("nose"), dim=1)
        by_shoulders = has("left_shoulder", "right_shoulder") & (shoulders > 0)
        head = torch.where(by_shoulders, shoulders, upright)
        usable = (by_shoulders | (has("neck", "nose") & (upright > 0))) & has("neck", "left_eye")
        corner = torch.stack(
            [
                at("neck")[:, 0] - BOX_HEADS / 2 * head,
                at("left_eye")[:, 1] - self.eye_to_edge * head,
            ],
            dim=1,
        )
        frame = _held(usable)
        corner, side = corner[frame], torch.where(usable, head, 1.0)[frame] * BOX_HEADS
        made = torch.zeros_like(places)
        body = (places[:, self.body] - corner[:, None]) / side[:, None, None] - 0.5
        made = made.index_copy(1, self.body, body)
        # Without any box the body is nowhere.
        lost = known[:, self.body] & usable.any()
        shown = known.index_copy(1, self.body, lost)
        for hand in self.hands:
            low, high = _extent(places[:, hand], known[:, hand], 1)
            reach = HAND_SIDES * (high - low).amax(dim=-1, keepdim=True)
            span = torch.where(reach > 0, reach, 1.0)
            inside = (places[:, hand] - ((low + high) / 2)[:, None]) / span[:, None]
            made = made.index_copy(1, hand, inside)
        return Points(made, shown, shown)


def _extent(places: Tensor, known: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Least and greatest coordinates of the known points along an axis; 0 without any."""
    low = torch.where(known[..., None], places, FAR).amin(dim=axis)
    high = torch.where(known[..., None], places, -FAR).amax(dim=axis)
    some = known.any(dim=axis)[..., None]
    return torch.where(some, low, 0.0), torch.where(some, high, 0.0)


def _held(usable: Tensor) -> Tensor:
    """(T,) for each frame the last usable one up to it, else the first usable one of all."""
    number = torch.cumsum(torch.ones_like(usable, dtype=torch.int64), 0) - 1
    earlier = (number[:, None] >= number[None]) & usable[None]
    last = torch.where(earlier, number[None], -1).amax(dim=1)
    first = torch.where(usable, number, number[-1]).amin(dim=0)
    return torch.where(last >= 0, last, first)


def _median(values: Tensor, known: Tensor) -> Tensor:
    """Median of the known values; without any, something finite."""
    ordered = torch.where(known, values, FAR).sort().values
    count = known.sum().clamp(min=1)
    return (ordered[(count - 1) // 2] + ordered[count // 2]) / 2


def prepared_input(source: Layout, frames: int) -> dict[str, Any]:
    """An example of what `Prepared` takes: missing points and all."""
    draw = torch.Generator().manual_seed(frames)
    shape = (1, frames, source.size, source.channels)
    keypoints = 0.3 + 0.4 * torch.rand(shape, generator=draw)
    lost = torch.rand(shape[:-1], generator=draw) < 0.1
    keypoints[..., -1] = torch.where(lost, 0.0, keypoints[..., -1])
    keypoints[..., :-1] = torch.where(lost[..., None], float("nan"), keypoints[..., :-1])
    return {"keypoints": keypoints, "size": torch.tensor([720.0, 576.0])}
