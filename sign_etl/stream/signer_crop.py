"""The signer cut out of a clip: one square for all of its frames, so that the picture is still.

The square comes from the keypoints of a backend: it holds every point that was surely seen inside
the picture, in any frame, and a margin. Beyond the edges of the picture it is black. A clip in
which nothing was seen is taken whole, so no frame is lost and none is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, near_miss
from sign_etl.reader.sample import NPY
from sign_etl.schema.layouts import layout
from sign_etl.stream.base import SampleError, SampleFacts
from sign_etl.stream.index import Index
from sign_etl.stream.made import made
from sign_etl.stream.npy import decode_npy
from sign_etl.stream.sources import Source

LEAST = 16
"""Side of the smallest square in pixels."""


class Square(NamedTuple):
    """A square part of a picture.

    Attributes:
        left: in pixels of the source, may be below 0.
        top: likewise.
        side: of the square.
    """

    left: int
    top: int
    side: int


class SignerCrop:
    """Cuts the signer out.

    Args:
        backend: whose keypoints; default the first one of each build.
        margin: added on each side, as a share of the longer side of the box.
        score: points below it do not count.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(
        self, backend: str | None = None, margin: float = 0.15, score: float = 0.3
    ) -> None:
        if not 0 <= margin <= 2 or not 0 <= score < 1:
            raise ConfigError(
                "`signer`: `margin` is from 0 to 2, `score` from 0 to below 1, "
                f"not {margin:g} and {score:g}",
                hint="such as `signer: {margin: 0.15, score: 0.3}`",
            )
        self.backend, self.margin, self.score = backend, float(margin), float(score)
        self._backends: tuple[str, ...] = ()
        self._shapes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, given: bool | Mapping[str, Any]) -> SignerCrop | None:
        """As a recipe says it: `signer: true`, or `signer: {margin: 0.2}`; None for no crop.

        Raises:
            ConfigError: it has no such option.
        """
        if isinstance(given, bool):
            return cls() if given else None
        return made("`signer` of the view", cls, given)

    def policy(self) -> dict[str, Any]:
        """All settings."""
        return {"backend": self.backend, "margin": self.margin, "score": self.score}

    def members(self, index: Index) -> tuple[str, ...]:
        """`BACKEND.npy` for each source; their layouts may differ.

        Raises:
            ConfigError: a build has no keypoints of this backend.
        """
        self._backends = tuple(self._backend(source) for source in index.sources)
        kinds = [
            layout(source.layouts[name])
            for source, name in zip(index.sources, self._backends, strict=True)
        ]
        self._shapes = tuple((kind.size, kind.channels) for kind in kinds)
        return tuple(name + NPY for name in self._backends)

    def square(self, data: bytes, facts: SampleFacts, width: int, height: int) -> Square:
        """The square of a clip.

        Args:
            data: of the member with the keypoints.
            facts: which sample.
            width: of the video in pixels.
            height: of the video in pixels.

        Raises:
            SampleError: the keypoints are damaged, or not of so many frames.
        """
        member = self._backends[facts.source] + NPY
        try:
            keypoints = decode_npy(data)
        except ValueError:
            raise SampleError("decode", member) from None
        if (
            keypoints.dtype.kind != "f"
            or keypoints.shape[1:] != self._shapes[facts.source]
            or (facts.frames and len(keypoints) != facts.frames)
        ):
            raise SampleError("schema", member)
        return square_about(keypoints, width, height, margin=self.margin, score=self.score)

    def _backend(self, source: Source) -> str:
        known = tuple(source.layouts)
        name = self.backend or next(iter(known), "")
        if name not in known:
            wanted = f"keypoints of `{name}`" if name else "keypoints"
            raise ConfigError(
                f"{source.name} has no {wanted} to cut the signer out by",
                hint=near_miss(name, known) or "build it with a pose backend, or drop `signer`",
            )
        return name


def square_about(
    keypoints: NDArray[Any], width: int, height: int, *, margin: float, score: float
) -> Square:
    """The square that holds the points that were seen.

    Args:
        keypoints: (T, K, C): x / W, y / H, perhaps more, score last; NaN where not estimated.
        width: W in pixels.
        height: H in pixels.
        margin: on each side, as a share of the longer side of the box.
        score: of a point that counts, at least.

    Returns:
        The square about the middle of the box; of all of the picture where no point counts.
    """
    points = keypoints.reshape(-1, keypoints.shape[-1]).astype(np.float64)
    x, y, sure = points[:, 0], points[:, 1], points[:, -1]
    # Comparisons with NaN are false, so what was not estimated does not count.
    with np.errstate(invalid="ignore"):
        seen = (sure >= score) & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    low_x, high_x, low_y, high_y = 0.0, float(width), 0.0, float(height)
    if seen.any():
        low_x, high_x = float(x[seen].min()) * width, float(x[seen].max()) * width
        low_y, high_y = float(y[seen].min()) * height, float(y[seen].max()) * height
        grown = max(high_x - low_x, high_y - low_y) * (1 + 2 * margin)
    else:
        grown = float(max(width, height))
    side = max(LEAST, round(grown))
    return Square(
        round((low_x + high_x) / 2 - side / 2), round((low_y + high_y) / 2 - side / 2), side
    )


def cut(picture: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """The square of a picture (H, W, 3) as (side, side, 3), black beyond the picture's edges."""
    height, width = picture.shape[:2]
    left, top, side = square
    made = np.zeros((side, side, 3), np.uint8)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    if x1 > x0 and y1 > y0:
        made[y0 - top : y1 - top, x0 - left : x1 - left] = picture[y0:y1, x0:x1]
    return made
