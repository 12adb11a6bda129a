"""The view `pose`: keypoints of one backend, in one layout, transformed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, near_or_all
from sign_etl.reader.sample import NPY
from sign_etl.schema.layouts import Layout, layout
from sign_etl.stream.base import RngMaker, SampleError, SampleFacts, Use, recipe_name
from sign_etl.stream.index import Index
from sign_etl.stream.npy import decode_npy
from sign_etl.stream.sources import Source
from sign_etl.stream.transforms_pose import Pose, PoseTransform, Relayout, transforms

Steps: TypeAlias = Sequence[Mapping[str, Any]]
"""Transforms with their options, as a recipe lists them."""


class PoseView:
    """Keypoints (T, K, C), score last.

    Args:
        backend: whose keypoints; default the first one of each build.
        layout: what they are converted to; default as they are, if all builds agree.
        transforms: what happens to them afterwards, in this order.
        source_layout: the layout in foreign data sets, which do not tell.
    """

    def __init__(
        self,
        backend: str | None = None,
        layout: str | None = None,
        transforms: Sequence[PoseTransform] = (),
        source_layout: str | None = None,
    ) -> None:
        self.backend = backend
        self.source_layout = source_layout
        first: list[PoseTransform] = [] if layout is None else [Relayout(layout)]
        self.transforms = (*first, *transforms)
        self._layouts: dict[int, Layout | None] = {}
        self._members: dict[int, str] = {}

    @classmethod
    def for_recipe(
        cls, options: Mapping[str, Any], *, augment: Steps, noise: float, use: Use
    ) -> PoseView:
        """The view of a recipe.

        Args:
            options: of the view, its `transforms` by name.
            augment: random transforms that come before them in training.
            noise: standard deviation of the noise that comes last in training.
            use: what the view is for.
        """
        given = dict(options)
        steps: list[Mapping[str, Any]] = [dict(step) for step in given.pop("transforms", ())]
        if use == "train":
            steps = [*augment, *steps, *([{"name": "noise", "sigma": noise}] if noise else [])]
        else:
            # Windows of time are drawn in training and fixed in evaluation.
            steps = [
                {**step, "evaluation": True} if step.get("name") == "temporal" else step
                for step in steps
            ]
        return cls(**given, transforms=transforms(steps))

    def policy(self) -> dict[str, Any]:
        """All settings."""
        return {
            "view": "pose",
            "backend": self.backend,
            "source_layout": self.source_layout,
            "transforms": [policy_of_step(step) for step in self.transforms],
        }

    def members(self, index: Index) -> tuple[str, ...]:
        """`BACKEND.npy` for each source.

        Raises:
            ConfigError: a build has no such backend, or the builds' layouts differ.
        """
        names = tuple(self._member(source) for source in index.sources)
        self._members = dict(enumerate(names))
        self._layouts = {
            number: self._layout(source, names[number])
            for number, source in enumerate(index.sources)
        }
        found = {kind.name if kind else None for kind in self._layouts.values()}
        converts = any(isinstance(step, Relayout) for step in self.transforms)
        if len(found) > 1 and not converts:
            raise ConfigError(
                f"the builds have keypoints in different layouts: "
                f"{', '.join(sorted(map(str, found)))}",
                hint="give the view a `layout` that all of them can become",
            )
        if None in found and self.transforms:
            raise ConfigError(
                "the layout of foreign keypoints is not known",
                hint="give the view a `source_layout`",
            )
        return names

    def lengths(self, index: Index) -> NDArray[np.int32]:
        """(N,) frames after the transforms."""
        lengths = np.maximum(index.frames, 1)
        for step in self.transforms:
            lengths = step.lengths(lengths)
        return lengths

    def read(self, data: bytes, facts: SampleFacts, rng: RngMaker) -> NDArray[Any]:
        """(T, K, C) float, NaN where a point was not estimated.

        Raises:
            SampleError: no array, or another shape than index and layout say.
        """
        pose = self.decode(data, facts)
        if isinstance(pose, Pose):
            for step in self.transforms:
                pose = step(pose, rng)
            return pose.keypoints
        return pose

    def decode(self, data: bytes, facts: SampleFacts) -> Pose | NDArray[Any]:
        """The keypoints before all transforms; the bare array where none is to come.

        Raises:
            SampleError: no array, or another shape than index and layout say.
        """
        member = self._members[facts.source]
        try:
            keypoints = decode_npy(data)
        except ValueError:
            raise SampleError("decode", member) from None
        kind = self._layouts[facts.source]
        if (
            keypoints.ndim != 3
            or keypoints.dtype.kind != "f"
            or not len(keypoints)
            or (facts.frames and len(keypoints) != facts.frames)
            or (kind is not None and keypoints.shape[1:] != (kind.size, kind.channels))
        ):
            raise SampleError("schema", member)
        if not self.transforms or kind is None:
            return keypoints
        return Pose(as_float32(keypoints), kind, facts.width, facts.height, facts.fps)

    def placeholder(self, index: Index) -> NDArray[Any]:
        """One frame of nothing, sent through the transforms."""
        self.members(index)
        kind = self._layouts[0]
        if kind is None:
            shape = index.sources[0].array_shapes[self._members[0]]
            return np.zeros((1, *shape), np.float32)
        pose = Pose(np.zeros((1, kind.size, kind.channels), np.float32), kind)
        for step in self.transforms:
            pose = step(pose, lambda: np.random.Generator(np.random.Philox(key=0)))
        return np.zeros_like(pose.keypoints)

    def _member(self, source: Source) -> str:
        arrays = {_backend(name): name for name in sorted(source.array_shapes)}
        known = {name: f"{name}{NPY}" for name in source.layouts} or arrays
        if not known:
            raise ConfigError(
                f"{source.name} has no keypoints",
                hint="build it with a pose backend (`sign-etl pose list`), or take the view `clip`",
            )
        if self.backend is None:
            return next(iter(known.values()))
        if self.backend not in known:
            hint = near_or_all(self.backend, known, "it has")
            raise ConfigError(f"{source.name} has no keypoints of `{self.backend}`", hint=hint)
        return known[self.backend]

    def _layout(self, source: Source, member: str) -> Layout | None:
        name = source.layouts.get(_backend(member), self.source_layout)
        return None if name is None else layout(name)


def _backend(member: str) -> str:
    return member.removesuffix(NPY)


def policy_of_step(step: Any) -> dict[str, Any]:
    """Name and settings of a transform."""
    told = asdict(step) if is_dataclass(step) and not isinstance(step, type) else {}
    return {"name": recipe_name(step), **told}


def as_float32(array: NDArray[Any]) -> NDArray[np.float32]:
    """A float32 array of the same values; torch widens float16 ten times as fast as numpy."""
    if array.dtype == np.float32:
        return array
    import torch

    widened: NDArray[np.float32] = torch.from_numpy(array).to(torch.float32).numpy()
    return widened
