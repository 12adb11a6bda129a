"""Options of the backend `rtmpose`, and how it opens files."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marker_scenes import clip, walker
from pydantic import ValidationError

from sign_etl.app.pose import backend_options
from sign_etl.core.errors import ConfigError
from sign_etl.pose.base import BACKENDS, Estimator
from sign_etl.pose.rtmpose import BACKEND

pytest.importorskip("onnxruntime")


def opened(folder: Path, **options: Any) -> Estimator:
    files = {"detector": str(folder / "detector.onnx"), "pose": str(folder / "pose.onnx")}
    return BACKEND.open(BACKEND.options({**files, **options}), folder)


def test_it_is_registered_with_what_makes_its_numbers() -> None:
    backend = BACKENDS.get("rtmpose")
    assert f"onnxruntime-{version('onnxruntime')}" in backend.version
    assert "opencv-" in backend.version


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"mode": "fastest"}, "performance"),
        ({"pose": "rtmw-xxl"}, "neither a model of the zoo nor an .onnx file"),
        ({"provider": "cpu", "precision": "fp16"}, "`cpu` does not compute in fp16"),
        ({"provider": "cpu", "det_precision": "bf16"}, "`cpu` does not compute in bf16"),
        ({"precision": "int8"}, "fp32"),
        ({"det_interval": 0}, "greater than or equal to 1"),
        ({"threads": 0}, "greater than or equal to 1"),
        ({"signer": {"min_sid": 0.1}}, "Extra inputs"),
        ({"signer": {"min_side": 1.5}}, "less than or equal to 1"),
        ({"signer": {"min_score": 0.6}}, "`min_score` 0.6 is above `start_score` 0.5"),
        ({"det_intervall": 5}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BACKEND.options(raw)


def test_both_files_are_weights(folder: Path) -> None:
    files = {"detector": str(folder / "detector.onnx"), "pose": str(folder / "pose.onnx")}
    found = BACKEND.weights(BACKEND.options(files), folder)
    assert [file.path for file in found] == [folder / "detector.onnx", folder / "pose.onnx"]
    names = [file.name for file in BACKEND.weights(BACKEND.options({}), folder)]
    assert names[0].startswith("yolox_m_")
    assert "rtmw" in names[1]


def test_sizes_come_from_the_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the input of `pose` is 256 x 192, not 384 x 288"):
        opened(folder, pose_input_size=[384, 288])
    opened(folder, pose_input_size=[256, 192], det_input_size=[128, 128])


def test_models_in_each_others_place_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="the pose net's outputs have the shapes"):
        opened(folder, pose=str(folder / "detector.onnx"), detector=str(folder / "pose.onnx"))


def test_provider_and_precision_are_told(folder: Path, tmp_path: Path) -> None:
    film = clip(tmp_path / "clip.mp4", walker(), 3)
    (made,) = opened(folder).estimate([film])
    assert made.facts["provider"] == "cpu"
    assert made.facts["precision"] == "fp32"


def test_what_is_set_of_the_signer_decides(folder: Path, tmp_path: Path) -> None:
    film = clip(tmp_path / "clip.mp4", walker(), 3)
    (found,) = opened(folder).estimate([film])
    assert found.facts["persons"] == 1
    # Nobody is as tall as the picture.
    (missed,) = opened(folder, signer={"min_side": 1.0}).estimate([film])
    assert missed.facts["persons"] == 0
    assert np.isnan(missed.keypoints[..., :2]).all()


def test_results_from_before_the_signer_could_be_set_keep_their_key() -> None:
    assert "signer" not in BACKEND.options({}).model_dump(mode="json")
    assert "signer" not in BACKEND.options({"signer": {}}).model_dump(mode="json")
    given = BACKEND.options({"signer": {"min_side": 0.05}})
    assert given.model_dump(mode="json")["signer"]["min_side"] == 0.05
    assert BACKEND.options(given.model_dump(mode="json")) == given


def test_a_mistyped_key_of_the_signer_gets_the_right_one() -> None:
    with pytest.raises(ConfigError) as raised:
        backend_options(BACKEND, ["signer.min_sid=0.05"])
    assert "`signer.min_sid` is not a setting" in raised.value.message
    assert "did you mean `min_side`?" in (raised.value.hint or "")
