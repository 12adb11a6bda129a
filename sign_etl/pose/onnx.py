"""ONNX nets in one session each: which provider runs them, on how many threads, how exactly.

ONNX Runtime runs them on CPU, CUDA and TensorRT. OpenVINO runs them through its own package, since
its wheels of ONNX Runtime cannot be installed beside the usual ones.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError

ProviderName = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
Precision = Literal["fp32", "fp16", "bf16"]
Arrays = list[NDArray[np.float32]]

_ORT: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_PRECISIONS: Final[dict[str, tuple[Precision, ...]]] = {
    "cpu": ("fp32",),
    "cuda": ("fp32", "fp16"),
    "tensorrt": ("fp32", "fp16"),
    "openvino": ("fp32", "bf16"),
}
"""What a provider can really do, and not merely accept as a wish."""

_BOUND_SHAPES: Final = 4
"""Batch sizes whose output buffers are kept."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """How a net is run.

    Attributes:
        provider: one of `resolved`, never `auto`.
        precision: of the arithmetic.
        threads: inside an operator; one for each worker that shares the machine.
        device: number of the GPU.
    """

    provider: ProviderName = "cpu"
    precision: Precision = "fp32"
    threads: int = 1
    device: int = 0


class Net(Protocol):
    """A loaded net with one input (N, C, H, W) float32."""

    shape: tuple[int | None, ...]
    """Of its input; None where any number will do."""

    def run(self, blob: NDArray[np.float32]) -> Arrays:
        """Its outputs. They are valid until the next call and belong to the net."""


def resolved(provider: ProviderName) -> ProviderName:
    """The provider that `provider` stands for on this machine; nothing heavy is imported.

    `auto` is CUDA where the GPU build of ONNX Runtime and a driver are installed, else the CPU.
    TensorRT (minutes of building) and OpenVINO (another package) must be asked for by name.
    """
    if provider != "auto":
        return provider
    return "cuda" if _distribution() == "onnxruntime-gpu" and _has_driver() else "cpu"


def builds() -> tuple[str, ...]:
    """Names and versions of what is installed to run nets: other versions, other numbers."""
    return tuple(
        f"{name}-{version(name)}" for name in (_distribution(), "openvino") if _installed(name)
    )


def refuse_impossible(provider: ProviderName, precision: Precision) -> None:
    """Say so now if `provider` cannot compute in `precision`.

    Raises:
        ConfigError: it cannot; the hint names what it can, or another provider.
    """
    able = _PRECISIONS[resolved(provider)]
    if precision in able:
        return
    others = [name for name, known in _PRECISIONS.items() if precision in known]
    raise ConfigError(
        f"provider `{resolved(provider)}` does not compute in {precision}",
        hint=f"choose precision {' or '.join(able)}, or provider {' or '.join(others)}",
    )


def open_net(path: Path, runtime: Runtime) -> Net:
    """Load an ONNX file.

    Raises:
        ConfigError: the provider is not installed, cannot run here or lacks the precision; or the
            file is no ONNX model with one image input.
    """
    refuse_impossible(runtime.provider, runtime.precision)
    net: Net = (
        _OpenVinoNet(path, runtime) if runtime.provider == "openvino" else _OrtNet(path, runtime)
    )
    if len(net.shape) != 4:
        raise ConfigError(
            f"{path.name} has an input of {len(net.shape)} dimensions, not (N, C, H, W)",
            hint="give an ONNX file of a detector or pose net",
        )
    return net


class _OrtNet:
    """A session of ONNX Runtime, its buffers bound."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        import onnxruntime as ort

        wanted = _ORT[runtime.provider]
        if wanted not in ort.get_available_providers():
            raise ConfigError(
                f"the installed ONNX Runtime has no {wanted}",
                hint="pip install onnxruntime-gpu, or choose `provider: cpu`",
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = runtime.threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        # Idle threads that spin take the core on which the next clip is decoded.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        model: str | bytes = str(path)
        if runtime.provider == "cuda" and runtime.precision == "fp16":
            model = halved(path)
        try:
            self._session = ort.InferenceSession(
                model, options, providers=_providers(runtime, path.parent)
            )
        except Exception as error:
            raise ConfigError(
                f"{path.name} cannot be loaded by ONNX Runtime ({type(error).__name__})",
                hint="check that it is a whole ONNX file and that this release knows its operators",
            ) from None
        if self._session.get_providers()[0] != wanted:
            # It would go on silently, on the CPU.
            raise ConfigError(
                f"ONNX Runtime fell back from {wanted} to {self._session.get_providers()[0]}",
                hint="check the driver and the CUDA libraries, or choose `provider: cpu`",
            )
        entry = self._session.get_inputs()[0]
        self._input = str(entry.name)
        self.shape = tuple(size if isinstance(size, int) else None for size in entry.shape)
        self._outputs = [str(output.name) for output in self._session.get_outputs()]
        self._seen: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        self._bound: dict[tuple[int, ...], Arrays] = {}

    def run(self, blob: NDArray[np.float32]) -> Arrays:
        """See `Net`. From the second time on a shape of outputs is known and bound."""
        known = self._seen.get(blob.shape)
        if known is None:
            made: Arrays = self._session.run(self._outputs, {self._input: blob})
            if len(self._seen) < _BOUND_SHAPES and all(x.dtype == np.float32 for x in made):
                self._seen[blob.shape] = [output.shape for output in made]
            return made
        binding = self._session.io_binding()
        binding.bind_cpu_input(self._input, blob)
        buffers = self._bound.setdefault(
            blob.shape, [np.empty(shape, np.float32) for shape in known]
        )
        for name, buffer in zip(self._outputs, buffers, strict=True):
            binding.bind_output(name, "cpu", 0, np.float32, list(buffer.shape), buffer.ctypes.data)
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return buffers


class _OpenVinoNet:
    """A compiled model of OpenVINO on the CPU, its precision always said and never left to it."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        if find_spec("openvino") is None:
            raise ConfigError(
                "provider `openvino` needs the package openvino", hint="pip install openvino"
            )
        openvino = importlib.import_module("openvino")
        core = openvino.Core()
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": runtime.threads,
            "NUM_STREAMS": 1,
            # Left alone it takes bfloat16 wherever the CPU has it.
            "INFERENCE_PRECISION_HINT": "bf16" if runtime.precision == "bf16" else "f32",
        }
        try:
            self._model = core.compile_model(core.read_model(str(path)), "CPU", config)
        except RuntimeError as error:
            raise ConfigError(
                f"{path.name} cannot be loaded by OpenVINO ({type(error).__name__})",
                hint="check that it is a whole ONNX file, or choose `provider: cpu`",
            ) from None
        if runtime.precision == "bf16" and not _says_bf16(self._model):
            raise ConfigError(
                "this CPU does not compute in bf16", hint="choose `precision: fp32` on this machine"
            )
        shape = self._model.input(0).partial_shape
        self.shape = tuple(
            size.get_length() if size.is_static else None for size in (shape[i] for i in range(4))
        )
        self._request = self._model.create_infer_request()

    def run(self, blob: NDArray[np.float32]) -> Arrays:
        """See `Net`."""
        openvino = importlib.import_module("openvino")
        self._request.set_input_tensor(openvino.Tensor(blob, shared_memory=True))
        self._request.infer()
        outputs = range(len(self._model.outputs))
        return [np.asarray(self._request.get_output_tensor(i).data) for i in outputs]


def _says_bf16(model: Any) -> bool:
    return "bf" in str(model.get_property("INFERENCE_PRECISION_HINT"))


def _providers(runtime: Runtime, folder: Path) -> Sequence[Any]:
    cuda = ("CUDAExecutionProvider", {"device_id": str(runtime.device)})
    if runtime.provider == "cuda":
        # Left alone it computes convolutions in TF32, at a thousandth of the precision.
        return [(cuda[0], {**cuda[1], "use_tf32": "0"}), _ORT["cpu"]]
    if runtime.provider == "tensorrt":
        settings = {
            "device_id": str(runtime.device),
            "trt_fp16_enable": str(runtime.precision == "fp16"),
            "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(folder / "tensorrt"),
        }
        return [(_ORT["tensorrt"], settings), cuda, _ORT["cpu"]]
    return [_ORT["cpu"]]


def halved(path: Path) -> bytes:
    """The model with its arithmetic in fp16 and its inputs and outputs as they were.

    Raises:
        ConfigError: the package that converts it is not installed.
    """
    if find_spec("onnx") is None:
        raise ConfigError(
            "fp16 on CUDA needs the package onnx, which converts the net", hint="pip install onnx"
        )
    onnx = importlib.import_module("onnx")
    float16 = importlib.import_module("onnxruntime.transformers.float16")
    model = float16.convert_float_to_float16(onnx.load(str(path)), keep_io_types=True)
    return bytes(model.SerializeToString())


def _distribution() -> str:
    return next((name for name in ("onnxruntime-gpu", "onnxruntime") if _installed(name)), "")


def _installed(name: str) -> bool:
    try:
        return bool(name and version(name))
    except PackageNotFoundError:
        return False


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
