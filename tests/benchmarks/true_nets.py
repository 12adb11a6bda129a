"""The nets of rtmlib's three modes at their true size, with random weights and a known answer.

Without the zoo's weights the cost is still the real one: the architectures are those of
`tests/support/nets.py`, and the counted parameters and multiplications stand beside the published
ones (`PUBLISHED`). The detector always reports one person in the middle, the pose net always the
same points, each after all its work is done: so trackers and followers behave as on a real signer.

Run it to see the table: `python tests/benchmarks/true_nets.py [FOLDER]`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from nets import POINTS, whole_body, yolox


@dataclass(frozen=True, slots=True)
class Pair:
    """Detector and pose net of a mode, with their input sizes (height, width)."""

    detector: Path
    detector_size: tuple[int, int]
    pose: Path
    pose_size: tuple[int, int]


PUBLISHED = {
    "yolox-m": (25.3, 36.9),
    "yolox-tiny": (5.06, 3.23),
    "rtmw-l-384x288": (57.3, 17.7),
    "rtmw-l-256x192": (57.2, 7.9),
    "rtmw-m-256x192": (None, 4.3),
}
"""Millions of parameters and billions of multiply-adds. YOLOX: its repository (FLOPs halved, 80
classes). RTMW: mmpose's project page; parameters by the size of the zoo's files, 4 bytes each."""

MODES = {
    "performance": ("yolox-m", "rtmw-l-384x288"),
    "balanced": ("yolox-m", "rtmw-l-256x192"),
    "lightweight": ("yolox-tiny", "rtmw-m-256x192"),
}


def pair(mode: str, folder: Path, frame: tuple[int, int]) -> Pair:
    """The two nets of a mode, made in `folder` unless they are there.

    Args:
        mode: as rtmlib names it.
        folder: for the files.
        frame: (height, width) of the pictures that will be shown: where the person is depends on
            how they are fitted into the detector's square.
    """
    detector, pose = MODES[mode]
    folder.mkdir(parents=True, exist_ok=True)
    side = 416 if detector == "yolox-tiny" else 640
    size = (384, 288) if pose.endswith("384x288") else (256, 192)
    files = folder / f"{detector}-{frame[0]}x{frame[1]}.onnx", folder / f"{pose}.onnx"
    if not files[0].exists():
        ratio = min(side / frame[0], side / frame[1])
        height, width = frame[0] * ratio, frame[1] * ratio
        # A signer in the middle, head to hips: half of the width, nine tenths of the height.
        box = (0.25 * width, 0.1 * height, 0.75 * width, height)
        _detector(files[0], detector, side, box)
    if not files[1].exists():
        _pose(files[1], pose, size)
    return Pair(files[0], (side, side), files[1], size)


def _detector(path: Path, name: str, side: int, box: tuple[float, float, float, float]) -> None:
    wide, deep = (0.375, 0.33) if name == "yolox-tiny" else (0.75, 0.67)
    yolox(path, side=side, width=wide, depth=deep, box=box)


def _pose(path: Path, name: str, size: tuple[int, int]) -> None:
    wide, deep = (0.75, 0.67) if name.startswith("rtmw-m") else (1.0, 1.0)
    whole_body(path, size=size, width=wide, depth=deep)
    _answer(path, size)


def _answer(path: Path, size: tuple[int, int]) -> None:
    """Let the net report a fixed pose with a high score, at the cost of looking."""
    model = onnx.load(path)
    graph = model.graph
    generator = np.random.default_rng(0)
    for output, side in zip(graph.output, (size[1] * 2, size[0] * 2), strict=True):
        told = np.zeros((1, POINTS, side), np.float32)
        peaks = generator.integers(side // 4, 3 * side // 4, POINTS)
        told[0, np.arange(POINTS), peaks] = 0.9
        (last,) = [node for node in graph.node if output.name in node.output]
        last.output[0] = f"{output.name}_seen"
        graph.initializer.extend(
            [
                numpy_helper.from_array(np.float32(0), f"{output.name}_zero"),
                numpy_helper.from_array(told, f"{output.name}_told"),
            ]
        )
        names = [f"{output.name}_{part}" for part in ("seen", "zero", "nothing", "told")]
        graph.node.append(helper.make_node("Mul", names[:2], [names[2]]))
        graph.node.append(helper.make_node("Add", names[2:], [output.name]))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def cost(path: Path) -> tuple[float, float]:
    """Millions of parameters, and billions of multiply-adds of convolutions and products."""
    model = onnx.load(path)
    first = model.graph.input[0].type.tensor_type.shape.dim
    first[0].ClearField("dim_param")
    first[0].dim_value = 1
    model = shape_inference.infer_shapes(model, data_prop=True)
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.value_info, *model.graph.output, *model.graph.input)
    }
    sizes = {one.name: list(one.dims) for one in model.graph.initializer}
    used = {
        name
        for node in model.graph.node
        if node.op_type in ("Conv", "MatMul")
        for name in node.input[1:]
    }
    weights = sum(_number(sizes[name]) for name in used if name in sizes)
    products = sum(_products(node, shapes, sizes) for node in model.graph.node)
    return weights / 1e6, products / 1e9


def _products(node: Any, shapes: dict[str, list[int]], sizes: dict[str, list[int]]) -> int:
    if node.op_type == "Conv":
        return _number(shapes[node.output[0]]) * _number(sizes[node.input[1]][1:])
    if node.op_type == "MatMul":
        into = (shapes.get(node.input[0]) or sizes[node.input[0]])[-1]
        return _number(shapes[node.output[0]]) * into
    return 0


def _number(shape: list[int]) -> int:
    return int(np.prod(shape))


def table(folder: Path) -> list[str]:
    """What the nets cost, beside what is published."""
    lines = ["net               parameters (published)   multiply-adds (published)"]
    for mode in MODES:
        made = pair(mode, folder, (480, 852))
        for name, path in zip(MODES[mode], (made.detector, made.pose), strict=True):
            millions, billions = cost(path)
            size, work = PUBLISHED[name]
            lines.append(f"{name:16}  {millions:5.1f} M ({size})  {billions:5.1f} G ({work})")
    return list(dict.fromkeys(lines))


if __name__ == "__main__":
    with TemporaryDirectory() as temporary:
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        sys.stdout.write("\n".join(table(target)) + "\n")
