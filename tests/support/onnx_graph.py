"""Writing ONNX graphs, deterministically."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
SILU_GAIN = 1.45
"""1.68 would keep the variance, and make chaos of one level in one pixel; below 1.4 the picture no
longer counts. At this gain small nets tell pictures apart, and as smoothly as trained ones."""


class Graph:
    """An ONNX graph in the making."""

    def __init__(self, seed: int = 0) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._rng = np.random.default_rng(seed)

    def __call__(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add an operator; returns the name of its output, or names of several."""
        names = [f"{kind.lower()}_{len(self._nodes)}_{place}" for place in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weights(self, *shape: int, fan_in: int, gain: float = 1.0) -> NDArray[np.float32]:
        values = self._rng.standard_normal(shape, np.float32)
        return values * np.float32(gain / np.sqrt(fan_in))

    def conv(
        self,
        source: str,
        into: int,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        act: str | None = "silu",
    ) -> str:
        weights = self.weights(
            out,
            into // groups,
            kernel,
            kernel,
            fan_in=into // groups * kernel * kernel,
            gain=SILU_GAIN if act else 1.0,
        )
        bias = 0.1 * self._rng.standard_normal(out, np.float32)
        made = self(
            "Conv",
            source,
            self.constant(weights),
            self.constant(bias),
            kernel_shape=[kernel] * 2,
            pads=[kernel // 2] * 4,
            strides=[stride] * 2,
            group=groups,
        )
        if act == "silu":
            return str(self("Mul", made, self("Sigmoid", made)))
        return str(self("Relu", made)) if act == "relu" else str(made)

    def linear(self, source: str, into: int, out: int) -> str:
        weights = self.weights(into, out, fan_in=into)
        return str(self("MatMul", source, self.constant(weights)))

    def save(
        self,
        path: Path,
        shape: Sequence[int | str],
        outputs: dict[str, tuple[str, int, int]],
        source: str = "input",
    ) -> Path:
        """Write the model; `outputs`: name in the graph, element type, rank, by public name."""
        ends = []
        for name, (inner, kind, rank) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [inner], [name]))
            ends.append(helper.make_tensor_value_info(name, kind, [None] * rank))
        begin = helper.make_tensor_value_info(source, TensorProto.FLOAT, list(shape))
        graph = helper.make_graph(self._nodes, path.stem, [begin], ends, self._constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString(deterministic=True))
        return path
