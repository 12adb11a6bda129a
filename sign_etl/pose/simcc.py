"""Top-down pose nets with SimCC heads: from a box to the net's input, from its output to points.

SimCC (Li et al. 2022, arXiv:2107.03332) gives one vector along each axis for each point; the place
is where it is largest, in steps of half a pixel of the input. Crop, padding and score as RTMPose
(Jiang et al. 2023, arXiv:2303.07399) and rtmlib have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PADDING: Final = 1.25
"""The crop is so much larger than the box."""
SPLIT: Final = 2.0
"""Steps of the output for each pixel of the input."""
MEAN: Final = (123.675, 116.28, 103.53)
STD: Final = (58.395, 57.12, 57.375)
"""Of ImageNet, in the order red, green, blue, which RTMPose was trained with."""


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a picture that a net looks at.

    Attributes:
        centre: (2,) x, y in pixels of the picture.
        extent: (2,) width and height in pixels of the picture, in the proportion of the input.
    """

    centre: NDArray[np.float64]
    extent: NDArray[np.float64]


def crop_of(box: NDArray[np.float32], size: tuple[int, int]) -> Crop:
    """The crop for a box: padded, then widened to the proportion of the input.

    Args:
        box: x0, y0, x1, y1 in pixels.
        size: (height, width) of the input.
    """
    x0, y0, x1, y1 = (float(value) for value in box)
    width, height = (x1 - x0) * PADDING, (y1 - y0) * PADDING
    proportion = size[1] / size[0]
    if width > height * proportion:
        extent = (width, width / proportion)
    else:
        extent = (height * proportion, height)
    # A box without area would have no inverse.
    return Crop(np.array([(x0 + x1) * 0.5, (y0 + y1) * 0.5]), np.maximum(extent, 1e-3))


def warped(picture: NDArray[np.uint8], crop: Crop, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The crop at the input's size: (h, w, 3) uint8, black where the picture ends.

    Args:
        picture: (H, W, 3) uint8.
        crop: which part.
        size: (height, width) of the input.
    """
    import cv2

    height, width = size
    # Three pairs of points as the reference chooses and rounds them: the coefficients, and the
    # pixels with them, come out equal.
    x, y = crop.centre
    middle = np.array([[x, y], [x, y - crop.extent[0] * 0.5]], np.float32)
    source = np.concatenate([middle, middle[1:] - (middle[0, 1] - middle[1, 1], 0)])
    target = np.array([[width, height], [width, height - width], [0, height - width]], np.float32)
    target *= np.float32(0.5)
    matrix = cv2.getAffineTransform(source.astype(np.float32), target)
    done = cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(done, np.uint8)


def reversed_channels(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB to BGR, before the warp: OpenCV rounds the channels of a warp in different ways."""
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)


class Normaliser:
    """uint8 to what the net was trained on: mean and deviation, planes instead of pixels.

    A table of 256 values per channel: bit-equal to arithmetic in double precision that is rounded
    at the end, at a fifth of its cost.
    """

    def __init__(self) -> None:
        levels = np.arange(256, dtype=np.float64)
        self._table = np.stack(
            [(levels - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
        ).astype(np.float32)

    def __call__(self, picture: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        """Write `picture` (h, w, 3) into `out` (3, h, w).

        Mean and deviation keep their places whatever the order of the channels is, as in rtmlib.
        """
        import cv2

        for channel, plane in enumerate(cv2.split(picture)):
            cv2.LUT(plane, self._table[channel], out[channel])


def decoded(
    along_x: NDArray[np.float32],
    along_y: NDArray[np.float32],
    crops: list[Crop],
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """Points of N crops in pixels of their pictures.

    Args:
        along_x: (N, K, w * 2) output of the net.
        along_y: (N, K, h * 2).
        crops: what the net looked at.
        size: (height, width) of the input.

    Returns:
        (N, K, 3) float32 x, y, score. The score is the mean of both maxima; it is not a
        probability and may exceed 1. A point whose score is not above 0 is NaN with score 0.
    """
    number, points = along_x.shape[:2]
    places = np.empty((number, points, 2), np.float64)
    score = np.zeros((number, points), np.float32)
    for axis, vectors in enumerate((along_x, along_y)):
        best = vectors.argmax(axis=-1)
        places[..., axis] = best
        score += np.take_along_axis(vectors, best[..., None], axis=-1)[..., 0]
    score *= np.float32(0.5)
    centres = np.stack([crop.centre for crop in crops])[:, None]
    extents = np.stack([crop.extent for crop in crops])[:, None]
    places = places / SPLIT / (size[1], size[0]) * extents + centres - extents / 2
    missing = ~(score > 0)
    places[missing] = np.nan
    score[missing] = 0
    return np.concatenate([places.astype(np.float32), score[..., None]], axis=-1)
