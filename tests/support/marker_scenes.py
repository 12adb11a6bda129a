"""Clips for the nets of `marker_nets`: signers are patches of colour that carry six markers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from marker_nets import COLOURS, DOG, OTHER, SIGNER, Colour, Patch
from nets import POINTS
from numpy.typing import NDArray

from sign_etl.pose.base import PoseInput
from sign_etl.recipes.video_file import write_video

GREY = (90, 90, 90)
PLACES = ((0.5, 0.2), (0.25, 0.4), (0.75, 0.4), (0.3, 0.75), (0.7, 0.75), (0.5, 0.55))
"""Of the markers in their patch, as shares of it."""


@dataclass(frozen=True)
class Person:
    """A patch in one frame.

    Attributes:
        patch: which.
        x: left edge in pixels.
        y: upper edge.
        width: in pixels.
        height: in pixels.
        lift: markers 3 and 4 (hands) are so many shares of the height higher.
        hidden: markers that cannot be seen.
    """

    patch: Patch
    x: float
    y: float
    width: float = 60
    height: float = 100
    lift: float = 0.0
    hidden: tuple[int, ...] = ()

    def middles(self) -> NDArray[np.float64]:
        """(6, 2) x, y of the markers in pixels."""
        shares = np.array(PLACES)
        shares[3:5, 1] -= self.lift
        return np.array([self.x, self.y]) + shares * (self.width, self.height)


def picture(people: Sequence[Person], width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3) RGB."""
    drawn = np.full((height, width, 3), GREY, np.uint8)
    rows, columns = np.mgrid[:height, :width] + 0.5
    for person in people:
        inside = (columns > person.x) & (columns < person.x + person.width)
        inside &= (rows > person.y) & (rows < person.y + person.height)
        drawn[inside] = person.patch.colour
        if person.patch.label != 0:
            continue
        radius = person.width / 12
        for place, ((x, y), colour) in enumerate(zip(person.middles(), COLOURS, strict=True)):
            if place in person.hidden:
                continue
            drawn[np.hypot(columns - x, rows - y) < radius] = colour
    return drawn


Script = Callable[[int], Sequence[Person]]
"""Who is in frame t."""


def clip(path: Path, script: Script, frames: int, width: int = 320, height: int = 240) -> PoseInput:
    """Write a clip."""
    write_video(path, (picture(script(number), width, height) for number in range(frames)))
    return PoseInput(path, frames, width, height, 25.0)


def walker(patch: Patch = SIGNER, x: float = 120, step: float = 2.0) -> Script:
    """One person who moves sideways and waves."""
    return lambda t: [Person(patch, x + step * t, 70 + (t % 7), lift=0.1 * np.sin(t / 3))]


def true_points(script: Script, frames: int, patch: Patch = SIGNER) -> NDArray[np.float64]:
    """(T, 133, 2) pixels of the person with this patch; NaN where it is not there."""
    points = np.full((frames, POINTS, 2), np.nan)
    for number in range(frames):
        for person in script(number):
            if person.patch == patch:
                points[number] = person.middles()[np.arange(POINTS) % len(COLOURS)]
    return points


__all__ = [
    "DOG",
    "OTHER",
    "SIGNER",
    "Colour",
    "Person",
    "Script",
    "clip",
    "picture",
    "true_points",
    "walker",
]
