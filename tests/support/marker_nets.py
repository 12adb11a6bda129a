"""Nets whose right answer is known: they find patches of colour, to the pixel.

The detector reports the extent of each of a few colours as a box of a class with a score. The pose
net reports the middle of one of six colours for each of its points, through SimCC vectors. Both
work on what the real ones get, so cropping, colour order and scaling are all on trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nets import POINTS, STRIDES
from onnx import TensorProto
from onnx_graph import Graph

Colour = tuple[int, int, int]
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
NEAR = 80.0
"""Sum of the distances in the three channels up to which a pixel has a colour."""

COLOURS: tuple[Colour, ...] = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 255, 255),
)
"""RGB of the markers; point k of the pose net is the middle of colour k % 6."""


@dataclass(frozen=True)
class Patch:
    """A colour that the detector knows.

    Attributes:
        colour: RGB.
        score: that it reports.
        label: class; 0 is a person.
    """

    colour: Colour
    score: float = 0.9
    label: int = 0


SIGNER = Patch((160, 0, 160))
OTHER = Patch((0, 120, 120), 0.8)
DOG = Patch((120, 120, 0), 0.99, 16)


def marker_detector(
    path: Path,
    *,
    side: int = 128,
    patches: Sequence[Patch] = (SIGNER, OTHER, DOG),
    order: str = "bgr",
    selected: bool = False,
    classes: int = 80,
) -> Path:
    """A YOLOX-like detector.

    Args:
        path: the file to write.
        side: of its square input.
        patches: what it knows.
        order: of the channels that it expects.
        selected: boxes, scores and labels as after non-maximum suppression in the graph, instead
            of raw cells.
        classes: number of classes of the raw format.
    """
    graph = Graph()
    rows, labels = [], []
    for place, patch in enumerate(patches):
        x0, y0, x1, y1, there = _extent(graph, _mask(graph, "input", patch.colour, order), side)
        score = graph("Mul", there, graph.constant(patch.score))
        if selected:
            rows.append(graph("Concat", x0, y0, x1, y1, score, axis=1))
            labels.append(patch.label)
            continue
        parts = []
        for low, high, cell in ((x0, x1, place), (y0, y1, 0)):
            middle = graph("Div", graph("Add", low, high), graph.constant(2.0 * STRIDES[0]))
            parts.append(graph("Sub", middle, graph.constant(float(cell))))
        for low, high in ((x0, x1), (y0, y1)):
            length = graph("Max", graph("Sub", high, low), graph.constant(1.0))
            parts.append(graph("Log", graph("Div", length, graph.constant(float(STRIDES[0])))))
        names = np.zeros((1, classes), np.float32)
        names[0, patch.label] = 1
        rows.append(graph("Concat", *parts, score, graph.constant(names), axis=1))
    made = graph("Unsqueeze", graph("Concat", *rows, axis=0), graph.constant([0], np.int64))
    if selected:
        label = graph("Identity", graph.constant([labels], np.int64))
        outputs = {"dets": (made, TensorProto.FLOAT, 3), "labels": (label, TensorProto.INT64, 2)}
        return graph.save(path, (1, 3, side, side), outputs)
    cells = sum((side // stride) ** 2 for stride in STRIDES)
    rest = np.zeros((1, cells - len(patches), 5 + classes), np.float32)
    made = graph("Concat", made, graph.constant(rest), axis=1)
    return graph.save(path, (1, 3, side, side), {"output": (made, TensorProto.FLOAT, 3)})


def marker_pose(
    path: Path,
    *,
    size: tuple[int, int] = (256, 192),
    order: str = "rgb",
    batch: int | str = "batch",
    points: int = POINTS,
) -> Path:
    """An RTMPose-like net with `points` points; where its colour is not seen, vectors are 0."""
    graph = Graph()
    shape = (1, 3, 1, 1)
    pixels = graph("Mul", "input", graph.constant(np.reshape(STD, shape)))
    pixels = graph("Add", pixels, graph.constant(np.reshape(MEAN, shape)))
    vectors: dict[str, list[str]] = {"x": [], "y": []}
    for colour in COLOURS:
        mask = _mask(graph, pixels, colour, order)
        for axis, across, length in (("x", 2, size[1]), ("y", 3, size[0])):
            counts = graph("ReduceSum", mask, graph.constant([1, across], np.int64), keepdims=0)
            places = graph.constant(np.arange(length))
            total = graph("ReduceSum", counts, graph.constant([1], np.int64))
            weight = graph("ReduceSum", graph("Mul", counts, places), graph.constant([1], np.int64))
            middle = graph("Div", weight, graph("Max", total, graph.constant(1.0)))
            steps = graph.constant(np.arange(length * 2) / 2)
            away = graph("Abs", graph("Sub", middle, steps))
            peak = graph(
                "Relu", graph("Sub", graph.constant(1.0), graph("Div", away, graph.constant(8.0)))
            )
            seen = graph("Cast", graph("Greater", total, graph.constant(3.0)), to=TensorProto.FLOAT)
            vector = graph("Mul", peak, seen)
            vectors[axis].append(graph("Unsqueeze", vector, graph.constant([1], np.int64)))
    which = graph.constant(np.arange(points) % len(COLOURS), np.int64)
    outputs = {}
    for axis, some in vectors.items():
        made = graph("Gather", graph("Concat", *some, axis=1), which, axis=1)
        outputs[f"simcc_{axis}"] = (made, TensorProto.FLOAT, 3)
    return graph.save(path, (batch, 3, *size), outputs)


def _mask(graph: Graph, source: str, colour: Colour, order: str) -> str:
    """(N, 1, H, W), 1 where the colour is."""
    channels = colour if order == "rgb" else colour[::-1]
    wanted = graph.constant(np.reshape(channels, (1, 3, 1, 1)))
    away = graph("Abs", graph("Sub", source, wanted))
    away = graph("ReduceSum", away, graph.constant([1], np.int64), keepdims=1)
    return str(graph("Cast", graph("Less", away, graph.constant(NEAR)), to=TensorProto.FLOAT))


def _extent(graph: Graph, mask: str, side: int) -> tuple[str, ...]:
    """x0, y0, x1, y1 and presence of a mask (1, 1, side, side), each (1, 1)."""
    low, high = [], []
    up = graph.constant(np.arange(side) + 1)
    down = graph.constant(side - np.arange(side))
    there = ""
    for across in (2, 3):
        some = graph("ReduceMax", mask, axes=[1, across], keepdims=0)
        there = graph("ReduceMax", some, axes=[1], keepdims=1)
        high.append(graph("ReduceMax", graph("Mul", some, up), axes=[1], keepdims=1))
        first = graph("ReduceMax", graph("Mul", some, down), axes=[1], keepdims=1)
        low.append(graph("Sub", graph.constant(float(side)), first))
    return low[0], low[1], high[0], high[1], there
