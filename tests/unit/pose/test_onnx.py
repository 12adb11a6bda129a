"""Sessions: what a provider can do, and what comes out of one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from marker_nets import marker_detector
from nets import whole_body

from sign_etl.core.errors import ConfigError
from sign_etl.pose import onnx as onnx_module
from sign_etl.pose.onnx import (
    Precision,
    ProviderName,
    Runtime,
    halved,
    open_net,
    refuse_impossible,
    resolved,
)

ort = pytest.importorskip("onnxruntime")

SMALL = {"size": (64, 64), "width": 0.0625, "depth": 0.1}


@pytest.fixture(scope="module")
def net_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_body(tmp_path_factory.mktemp("nets") / "small.onnx", **SMALL)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "precision", "hint"),
    [
        ("cpu", "fp16", "choose precision fp32, or provider cuda or tensorrt"),
        ("cpu", "bf16", "choose precision fp32, or provider openvino"),
        ("cuda", "bf16", "choose precision fp32 or fp16, or provider openvino"),
        ("openvino", "fp16", "choose precision fp32 or bf16, or provider cuda or tensorrt"),
    ],
)
def test_what_a_provider_cannot_do_is_refused(
    provider: ProviderName, precision: Precision, hint: str
) -> None:
    with pytest.raises(
        ConfigError, match=f"`{provider}` does not compute in {precision}"
    ) as caught:
        refuse_impossible(provider, precision)
    assert caught.value.hint == hint


def test_auto_is_a_gpu_only_with_its_build_and_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, driver, wanted in (
        ("onnxruntime", True, "cpu"),
        ("onnxruntime-gpu", False, "cpu"),
        ("onnxruntime-gpu", True, "cuda"),
        ("", True, "cpu"),
    ):
        monkeypatch.setattr(onnx_module, "_distribution", lambda name=name: name)
        monkeypatch.setattr(onnx_module, "_has_driver", lambda driver=driver: driver)
        assert resolved("auto") == wanted
        assert resolved("openvino") == "openvino"


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="this machine has CUDA"
)
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_missing_provider_is_no_silent_cpu(provider: ProviderName, net_file: Path) -> None:
    with pytest.raises(ConfigError, match="the installed ONNX Runtime has no"):
        open_net(net_file, Runtime(provider))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(ConfigError, match=r"wrong\.onnx cannot be loaded"):
        open_net(path, Runtime())


@pytest.mark.parametrize("threads", [1, 2])
def test_bound_buffers_hold_what_a_plain_call_gives(threads: int, net_file: Path) -> None:
    session = ort.InferenceSession(str(net_file), providers=["CPUExecutionProvider"])
    net = open_net(net_file, Runtime(threads=threads))
    assert net.shape == (None, 3, 64, 64)
    rng = np.random.default_rng(3)
    for number in (1, 4, 1, 3, 4, 4, 2, 5, 1):
        blob = rng.normal(size=(number, 3, 64, 64)).astype(np.float32)
        wanted = session.run(None, {"input": blob})
        for made, right in zip(net.run(blob), wanted, strict=True):
            assert made.dtype == np.float32
            assert (made == right).all()


def test_outputs_of_other_types_come_as_they_are(tmp_path: Path) -> None:
    net = open_net(marker_detector(tmp_path / "net.onnx", selected=True), Runtime())
    for _ in range(3):
        boxes, labels = net.run(np.zeros((1, 3, 128, 128), np.float32))
        assert (boxes.shape, labels.shape) == ((1, 3, 5), (1, 3))
        assert labels.dtype == np.int64


def test_a_halved_net_takes_and_gives_single_precision(net_file: Path) -> None:
    data = halved(net_file)
    assert len(data) < 0.6 * net_file.stat().st_size
    exact, rough = (
        ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        for model in (str(net_file), data)
    )
    blob = np.random.default_rng(5).normal(size=(2, 3, 64, 64)).astype(np.float32)
    for one, other in zip(
        exact.run(None, {"input": blob}), rough.run(None, {"input": blob}), strict=True
    ):
        assert other.dtype == np.float32
        assert 0 < np.abs(one - other).max() < 0.02 * np.abs(one).max()


@pytest.mark.skipif(find_spec("openvino") is not None, reason="openvino is installed")
def test_openvino_without_its_package_says_what_to_install(net_file: Path) -> None:
    with pytest.raises(ConfigError, match="needs the package openvino") as caught:
        open_net(net_file, Runtime("openvino"))
    assert caught.value.hint == "pip install openvino"


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_computes_in_the_precision_that_was_asked_for(net_file: Path) -> None:
    blob = np.random.default_rng(6).normal(size=(2, 3, 64, 64)).astype(np.float32)
    wanted = open_net(net_file, Runtime()).run(blob)
    found = open_net(net_file, Runtime("openvino")).run(blob)
    for one, other in zip(found, wanted, strict=True):
        # In bfloat16, which it would take by itself, the difference is 100 times as large.
        assert np.abs(one - other).max() < 1e-4 * np.abs(other).max()
