"""YOLOX as a person detector: picture in, boxes and scores of persons out.

Formats of the output, both as the zoo's exports have them: the raw grid (1, N, 5 + classes), with
cells at strides 8, 16 and 32; or boxes after non-maximum suppression in the graph (1, N, 5), with
classes (1, N) as a second output.
Source of the decoding: YOLOX (Ge et al. 2021, arXiv:2107.08430), section 2.1; rounding and
overlap as rtmlib has them, so that the same file gives the same boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.pose.onnx import Net
from sign_etl.pose.zoo import ChannelOrder

PERSON: Final = 0
STRIDES: Final = (8, 16, 32)
PAD: Final = 114
MIN_SCORE: Final = 0.3
"""Least score of a box, as rtmlib has it for boxes that the graph has selected. From raw grids it
takes 0.7 and up; here the follower of the signer judges, and a half-hidden signer counts."""
NMS_IOU: Final = 0.45

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Detections:
    """Persons in one picture, the best first.

    Attributes:
        boxes: (n, 4) float32, x0, y0, x1, y1 in pixels; they may leave the picture.
        scores: (n,) float32.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]


class PersonDetector:
    """A YOLOX net with all that surrounds it.

    Args:
        net: the loaded net.
        size: (height, width) of its input.
        order: of the channels that it was trained on.
        min_score: least score of a person.
    """

    def __init__(
        self,
        net: Net,
        size: tuple[int, int],
        order: ChannelOrder = "bgr",
        *,
        min_score: float = MIN_SCORE,
    ) -> None:
        self._net = net
        self._size = size
        self._planes = (2, 1, 0) if order == "bgr" else (0, 1, 2)
        self._min_score = min_score
        self._cells, self._strides = grid(size)
        self._canvas = np.full((*size, 3), PAD, np.uint8)
        self._blob = np.empty((1, 3, *size), np.float32)

    def __call__(self, picture: Picture) -> Detections:
        """Persons in `picture`, (H, W, 3) uint8 RGB.

        Raises:
            ConfigError: the net's output has neither of the two formats.
        """
        ratio = self._letterbox(picture)
        outputs = self._net.run(self._blob)
        first = outputs[0]
        if first.ndim != 3 or first.shape[0] != 1 or first.shape[2] < 5:
            raise ConfigError(
                f"the detector's output has the shape {first.shape}, which is not YOLOX's",
                hint="give a YOLOX export: raw, or with non-maximum suppression in the graph",
            )
        if first.shape[2] == 5:
            classes = outputs[1] if len(outputs) > 1 else None
            return self._selected(first[0], classes, ratio)
        return self._raw(first[0], ratio)

    def _letterbox(self, picture: Picture) -> float:
        import cv2

        height, width = self._size
        ratio: float = min(height / picture.shape[0], width / picture.shape[1])
        # A strip of a picture may round to nothing.
        inner_h = max(1, int(picture.shape[0] * ratio))
        inner_w = max(1, int(picture.shape[1] * ratio))
        self._canvas.fill(PAD)
        self._canvas[:inner_h, :inner_w] = cv2.resize(
            picture, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR
        )
        for channel, plane in enumerate(self._planes):
            self._blob[0, channel] = self._canvas[:, :, plane]
        return ratio

    def _raw(self, cells: NDArray[np.float32], ratio: float) -> Detections:
        if len(cells) != len(self._cells):
            raise ConfigError(
                f"the detector's output has {len(cells)} cells, its input size "
                f"{self._size[1]} x {self._size[0]} makes {len(self._cells)}",
                hint="give the input size that the file was exported with",
            )
        scores = cells[:, 4] * cells[:, 5 + PERSON]
        found = np.flatnonzero(scores > self._min_score)
        strides = self._strides[found, None]
        centre = ((cells[found, :2] + self._cells[found]) * strides).astype(np.float32)
        half = (np.exp(cells[found, 2:4]) * strides).astype(np.float32) / np.float32(2)
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        boxes /= np.float32(ratio)
        scores = scores[found]
        kept = suppressed(boxes, scores, NMS_IOU)
        return Detections(boxes[kept], scores[kept])

    def _selected(
        self,
        rows: NDArray[np.float32],
        classes: NDArray[np.float32] | None,
        ratio: float,
    ) -> Detections:
        found = rows[:, 4] > self._min_score
        if classes is not None:
            found &= classes.reshape(-1) == PERSON
        best_first = np.flatnonzero(found)
        best_first = best_first[np.argsort(-rows[best_first, 4], kind="stable")]
        # Copied: the buffers belong to the net.
        return Detections(rows[best_first, :4] / np.float32(ratio), rows[best_first, 4].copy())


def grid(size: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cells of the raw output for an input of `size` (height, width), in the order of the output.

    Returns:
        (N, 2) column and row of each cell, (N,) its stride in pixels.
    """
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64))
        strides.append(np.full(len(cells[-1]), float(stride)))
    return np.concatenate(cells), np.concatenate(strides)


def suppressed(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], iou: float
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: which boxes stay, the best first.

    Widths count pixels inclusively (x1 - x0 + 1), as in the reference.

    Args:
        boxes: (n, 4) x0, y0, x1, y1.
        scores: (n,); equal ones keep their order.
        iou: overlap from which the lesser box goes.
    """
    order = np.argsort(-scores, kind="stable")
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        corner = np.maximum(boxes[best, :2], boxes[rest, :2])
        extent = np.maximum(0, np.minimum(boxes[best, 2:], boxes[rest, 2:]) - corner + 1)
        shared = extent[:, 0] * extent[:, 1]
        order = rest[shared / (areas[best] + areas[rest] - shared) <= iou]
    return np.asarray(kept, np.intp)
