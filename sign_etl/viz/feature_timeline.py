"""The features of one clip over its time steps: shape, type, and how large each vector is.

As lines of characters for a terminal, and below a picture of the clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.reader import Build, Sample
from sign_etl.reader.features import features
from sign_etl.viz.contact_sheet import INK, MARGIN, PAPER, RULE, SMALL
from sign_etl.viz.pose_timeline import STEPS
from sign_etl.viz.text import lettering

BAR = "#3a5a8c"
HEIGHT = 54
BLOCK = SMALL + 14 + HEIGHT + 16
"""Pixels of one set below a picture."""


@dataclass(frozen=True, slots=True)
class FeatureCurve:
    """The vectors of one clip by one network.

    Attributes:
        name: of the set.
        shape: (T, D).
        dtype: of the array.
        norm: (T,) Euclidean length of each vector.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    norm: NDArray[np.float64]

    @property
    def words(self) -> str:
        """`clip  (87, 768) float16  norm 9.1 to 11.3`."""
        span = f"{self.norm.min():.3g} to {self.norm.max():.3g}" if len(self.norm) else "unknown"
        return f"{self.name}  ({', '.join(map(str, self.shape))}) {self.dtype}  norm {span}"

    @property
    def heights(self) -> NDArray[np.float64]:
        """(T,) from 0 for the shortest vector to 1 for the longest one; 0.5 where all are equal."""
        if not len(self.norm):
            return self.norm
        low, span = self.norm.min(), np.ptp(self.norm)
        return (self.norm - low) / span if span else np.full(len(self.norm), 0.5)


def feature_curves(build: Build, sample: Sample) -> list[FeatureCurve]:
    """One for each set of the sample.

    Raises:
        VerifyError: the bytes of the sample are damaged.
    """
    found = []
    for name in sample.features:
        array = features(build, sample, name)
        norm = np.linalg.norm(array.astype(np.float64), axis=1)
        found.append(FeatureCurve(name, array.shape, array.dtype.name, norm))
    return found


def feature_lines(curves: Sequence[FeatureCurve], width: int) -> list[str]:
    """A line of words for each curve, with eight heights for the norm behind it or below.

    Args:
        curves: of one clip.
        width: of a line in characters.
    """
    lines = []
    for curve in curves:
        beside = width - len(curve.words) - 2
        room = beside if beside >= len(STEPS) else width
        cells = max(min(room, len(curve.heights)), 1)
        pieces = np.array_split(curve.heights, cells)
        drawn = "".join(STEPS[1 + min(int(piece.mean() * 8), 7)] for piece in pieces if len(piece))
        lines += [f"{curve.words}  {drawn}"] if room == beside else [curve.words, drawn]
    return lines


def with_features(picture: Image.Image, curves: Sequence[FeatureCurve]) -> Image.Image:
    """`picture` with the curves below it; the very picture where there are none."""
    if not curves:
        return picture
    size = (picture.width, picture.height + len(curves) * BLOCK + MARGIN // 2)
    sheet = Image.new("RGB", size, PAPER)
    sheet.paste(picture, (0, 0))
    canvas, small = ImageDraw.Draw(sheet), lettering(SMALL)
    left, right = MARGIN, picture.width - MARGIN
    for place, curve in enumerate(curves):
        top = picture.height + place * BLOCK
        small.draw(canvas, (left, top + SMALL), small.fit(curve.words, right - left), INK)
        bottom = top + SMALL + 14 + HEIGHT
        step = (right - left) / max(len(curve.heights), 1)
        for number, height in enumerate(curve.heights.tolist()):
            x = (left + number * step, left + (number + 1) * step - (1 if step > 4 else 0))
            canvas.rectangle((x[0], bottom - 2 - (HEIGHT - 2) * height, x[1], bottom), fill=BAR)
        canvas.line((left, bottom, right, bottom), RULE)
    return sheet
