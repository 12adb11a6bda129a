"""The architectures of RTMW, DWPose and YOLOX as ONNX files with random weights, of any width.

They cost what the real ones cost and are read like the real ones, but know nothing. Layers follow
the papers' published configurations (RTMDet arXiv:2212.07784, RTMPose arXiv:2303.07399, RTMW
arXiv:2407.08634, YOLOX arXiv:2107.08430); normalisation is folded into the convolutions, as every
exporter does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto
from onnx_graph import Graph

STRIDES = (8, 16, 32)
POINTS = 133


def whole_body(
    path: Path,
    *,
    size: tuple[int, int] = (256, 192),
    width: float = 1.0,
    depth: float = 1.0,
    rtmw: bool = True,
    batch: int | str = "batch",
    points: int = POINTS,
    seed: int = 0,
) -> Path:
    """RTMW (CSPNeXt, PAFPN, two-scale head with GAU) or DWPose (no neck, one scale).

    Args:
        path: the file to write.
        size: (height, width) of the input, multiples of 32.
        width: of the layers; 1.0 is size l, 0.75 m, 1.25 x.
        depth: number of blocks; 1.0 is size l, 0.67 m, 1.33 x.
        rtmw: False for DWPose.
        batch: a number for a fixed batch.
        points: number of points.
        seed: of the weights.
    """
    graph = Graph(seed)
    channels = [round(base * width) for base in (64, 128, 256, 512, 1024)]
    blocks = [max(1, round(number * depth)) for number in (3, 6, 6, 3)]
    now = graph.conv("input", 3, channels[0] // 2, 3, stride=2)
    now = graph.conv(now, channels[0] // 2, channels[0] // 2, 3)
    now = graph.conv(now, channels[0] // 2, channels[0], 3)
    levels = []
    for place, number in enumerate(blocks):
        into, out = channels[place], channels[place + 1]
        now = graph.conv(now, into, out, 3, stride=2)
        if place == len(blocks) - 1:
            now = _pooled(graph, now, out)
        now = _csp(graph, now, out, out, number, next_block=True, add=True, attention=True)
        levels.append(now)
    cells = size[0] // 32 * (size[1] // 32)
    top = channels[4]
    if rtmw:
        below, now = _pafpn(graph, levels[1:], channels[2:], number=2, next_block=True)[1:]
        high = _tokens(graph, now, top, cells, 128, points)
        wide = graph("DepthToSpace", now, blocksize=2, mode="CRD")
        wide = graph.conv(wide, top // 4, top // 4, 7, act="relu")
        both = graph("Concat", wide, below, axis=1)
        low = _tokens(graph, both, top // 4 + channels[3], cells * 4, 128, points)
        tokens = graph("Concat", high, low, axis=2)
    else:
        tokens = _tokens(graph, now, top, cells, 256, points)
    tokens = _gated_attention(graph, tokens, 256)
    along = [graph.linear(tokens, 256, side * 2) for side in (size[1], size[0])]
    return graph.save(
        path,
        (batch, 3, *size),
        {
            f"simcc_{axis}": (name, TensorProto.FLOAT, 3)
            for axis, name in zip("xy", along, strict=True)
        },
    )


def yolox(
    path: Path,
    *,
    side: int = 640,
    width: float = 0.75,
    depth: float = 0.67,
    classes: int = 80,
    box: tuple[float, float, float, float] | None = None,
    seed: int = 0,
) -> Path:
    """YOLOX with a raw output (1, N, 5 + classes). (0.75, 0.67) is m, (0.375, 0.33) tiny.

    Args:
        path: the file to write.
        side: of the square input in pixels, a multiple of 32.
        width: of the layers.
        depth: number of blocks.
        classes: number of classes.
        box: a person (x0, y0, x1, y1 in pixels of the input) that it reports whatever it sees, at
            the cost of looking; None for what random weights give.
        seed: of the weights.
    """
    graph = Graph(seed)
    channels = [round(base * width) for base in (64, 128, 256, 512, 1024)]
    blocks = [max(1, round(number * depth)) for number in (3, 9, 9, 3)]
    now = graph("SpaceToDepth", "input", blocksize=2)
    now = graph.conv(now, 12, channels[0], 3)
    levels = []
    for place, number in enumerate(blocks):
        into, out = channels[place], channels[place + 1]
        now = graph.conv(now, into, out, 3, stride=2)
        last = place == len(blocks) - 1
        if last:
            now = _pooled(graph, now, out)
        now = _csp(graph, now, out, out, number, next_block=False, add=not last)
        levels.append(now)
    number = max(1, round(3 * depth))
    neck = _pafpn(graph, levels[1:], channels[2:], number=number, next_block=False)
    rows = []
    hidden = round(256 * width)
    for level, into in zip(neck, channels[2:], strict=True):
        stem = graph.conv(level, into, hidden, 1)
        named, placed = stem, stem
        for _ in range(2):
            named = graph.conv(named, hidden, hidden, 3)
            placed = graph.conv(placed, hidden, hidden, 3)
        names = graph("Sigmoid", graph.conv(named, hidden, classes, 1, act=None))
        places = graph.conv(placed, hidden, 4, 1, act=None)
        sure = graph("Sigmoid", graph.conv(placed, hidden, 1, 1, act=None))
        row = graph("Concat", places, sure, names, axis=1)
        row = graph("Reshape", row, graph.constant([1, 5 + classes, -1], np.int64))
        rows.append(graph("Transpose", row, perm=[0, 2, 1]))
    made = graph("Concat", *rows, axis=1)
    if box is not None:
        cells = sum((side // stride) ** 2 for stride in STRIDES)
        told = np.zeros((1, cells, 5 + classes), np.float32)
        x0, y0, x1, y1 = box
        # In cell (0, 0) of stride 8.
        told[0, 0, :4] = (
            (x0 + x1) / 16,
            (y0 + y1) / 16,
            np.log((x1 - x0) / 8),
            np.log((y1 - y0) / 8),
        )
        told[0, 0, 4:6] = 0.95, 1.0
        seen = graph("Mul", made, graph.constant(0.0))
        made = graph("Add", seen, graph.constant(told))
    return graph.save(path, (1, 3, side, side), {"output": (made, TensorProto.FLOAT, 3)})


def _csp(
    graph: Graph,
    source: str,
    into: int,
    out: int,
    number: int,
    *,
    next_block: bool,
    add: bool,
    attention: bool = False,
) -> str:
    half = out // 2
    aside = graph.conv(source, into, half, 1)
    now = graph.conv(source, into, half, 1)
    for _ in range(number):
        if next_block:
            made = graph.conv(now, half, half, 3)
            made = graph.conv(made, half, half, 5, groups=half)
            made = graph.conv(made, half, half, 1)
        else:
            made = graph.conv(graph.conv(now, half, half, 1), half, half, 3)
        now = graph("Add", made, now) if add else made
    both = graph("Concat", now, aside, axis=1)
    if attention:
        weight = graph.conv(graph("GlobalAveragePool", both), 2 * half, 2 * half, 1, act=None)
        both = graph("Mul", both, graph("HardSigmoid", weight, alpha=1 / 6, beta=0.5))
    return graph.conv(both, 2 * half, out, 1)


def _pooled(graph: Graph, source: str, channels: int) -> str:
    now = graph.conv(source, channels, channels // 2, 1)
    pools = [
        graph("MaxPool", now, kernel_shape=[side] * 2, pads=[side // 2] * 4, strides=[1, 1])
        for side in (5, 9, 13)
    ]
    return graph.conv(graph("Concat", now, *pools, axis=1), channels // 2 * 4, channels, 1)


def _pafpn(
    graph: Graph, levels: list[str], channels: list[int], *, number: int, next_block: bool
) -> list[str]:
    inner = [levels[-1]]
    for place in range(len(levels) - 1, 0, -1):
        inner[0] = graph.conv(inner[0], channels[place], channels[place - 1], 1)
        scales = graph.constant([1, 1, 2, 2])
        wide = graph("Resize", inner[0], "", scales, mode="nearest")
        both = graph("Concat", wide, levels[place - 1], axis=1)
        into, out = channels[place - 1] * 2, channels[place - 1]
        inner.insert(0, _csp(graph, both, into, out, number, next_block=next_block, add=False))
    outs = [inner[0]]
    for place in range(len(levels) - 1):
        small = graph.conv(outs[-1], channels[place], channels[place], 3, stride=2)
        both = graph("Concat", small, inner[place + 1], axis=1)
        into, out = channels[place] * 2, channels[place + 1]
        outs.append(_csp(graph, both, into, out, number, next_block=next_block, add=False))
    return outs


def _tokens(graph: Graph, source: str, into: int, cells: int, out: int, points: int) -> str:
    """One token a point: a convolution, its cells flattened, normalised and projected."""
    maps = graph.conv(source, into, points, 7, act="relu")
    flat = graph("Reshape", maps, graph.constant([0, points, cells], np.int64))
    return graph.linear(_scale_norm(graph, flat, cells), cells, out)


def _scale_norm(graph: Graph, source: str, size: int) -> str:
    norm = graph("ReduceL2", source, axes=[2], keepdims=1)
    norm = graph("Mul", norm, graph.constant(size**-0.5))
    norm = graph("Max", norm, graph.constant(1e-5))
    return str(graph("Div", source, norm))


def _gated_attention(graph: Graph, source: str, size: int, shared: int = 128) -> str:
    wide = 2 * size
    now = graph.linear(_scale_norm(graph, source, size), size, 2 * wide + shared)
    now = graph("Mul", now, graph("Sigmoid", now))
    lengths = graph.constant([wide, wide, shared], np.int64)
    gate, value, base = graph("Split", now, lengths, outputs=3, axis=2)
    query, key = (
        graph("Add", graph("Mul", base, graph.constant(graph.weights(shared, fan_in=1))), shift)
        for shift in (graph.constant(np.zeros(shared)), graph.constant(np.full(shared, 0.1)))
    )
    alike = graph("MatMul", query, graph("Transpose", key, perm=[0, 2, 1]))
    alike = graph("Relu", graph("Div", alike, graph.constant(shared**0.5)))
    mixed = graph("Mul", gate, graph("MatMul", graph("Mul", alike, alike), value))
    return str(graph("Add", source, graph.linear(mixed, wide, size)))
