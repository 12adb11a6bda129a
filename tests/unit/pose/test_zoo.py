"""The zoo says what rtmlib says, and options choose from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.pose.zoo import DETECTORS, MIRROR, MODES, OFFICIAL, POSES, Mode, chosen


@dataclass(frozen=True)
class Options:
    mode: Mode = "balanced"
    detector: str | None = None
    pose: str | None = None


@pytest.mark.parametrize("mode", sorted(MODES))
def test_modes_are_those_of_rtmlib(mode: Mode) -> None:
    solution = pytest.importorskip("rtmlib.tools.solution.wholebody")
    theirs = solution.Wholebody.MODE[mode]
    found = chosen(Options(mode))
    assert f"{OFFICIAL}/{found.detector.address}" == theirs["det"]
    assert f"{OFFICIAL}/{found.pose.address}" == theirs["pose"]
    assert found.detector.input_size == theirs["det_input_size"][::-1]
    assert found.pose.input_size == theirs["pose_input_size"][::-1]


def test_the_mirror_is_that_of_rtmlib() -> None:
    file = pytest.importorskip("rtmlib.tools.file")
    for model in (*DETECTORS.values(), *POSES.values()):
        assert file.get_mirror_url(f"{OFFICIAL}/{model.address}") == f"{MIRROR}/{model.address}"


def test_every_model_has_a_file_of_its_own() -> None:
    models = [*DETECTORS.values(), *POSES.values()]
    assert len({model.file for model in models}) == len(models)
    assert DETECTORS["yolox-m"].file == "yolox_m_8xb8-300e_humanart-c2c7a14a.onnx"
    for model in models:
        for digest in (model.sha256, model.archive_sha256):
            assert digest is None or set(digest) <= set("0123456789abcdef")
            assert digest is None or len(digest) == 64


def test_other_models_by_name_and_by_path() -> None:
    found = chosen(Options("performance", detector="yolox-tiny", pose="~/nets/mine.onnx"))
    assert found.detector is DETECTORS["yolox-tiny"]
    assert found.pose.local == Path("~/nets/mine.onnx").expanduser()
    assert found.pose.path(Path("weights")) == found.pose.local
    assert found.detector.path(Path("weights")) == Path("weights") / found.detector.file
    assert (found.pose.name, found.pose.input_size) == ("mine", None)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="`detector: yolox-xxl` is neither") as caught:
        chosen(Options(detector="yolox-xxl"))
    assert caught.value.hint is not None
    assert "yolox-tiny" in caught.value.hint


def test_local_files_of_one_name_stay_apart() -> None:
    found = chosen(Options(detector="a/end2end.onnx", pose="b/end2end.onnx"))
    assert found.detector.file == "local-yolox-end2end.onnx"
    assert found.pose.file == "local-rtmpose-end2end.onnx"
