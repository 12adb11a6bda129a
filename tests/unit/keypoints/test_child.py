"""The guarded child: spans, frame rates, layouts, and bytes that are not what they should be."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sign_etl.core.errors import DiskError
from sign_etl.core.guard import Guard
from sign_etl.keypoints import child, importing
from sign_etl.keypoints.base import Imported, Refused
from sign_etl.recipes.fixture_keypoints import waving
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import NormaliseConfig


@pytest.fixture
def source(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", waving(30, 42, seed=0))
    return tmp_path / "a.npy"


def request(source: Path, form: str = "npy", **changes: Any) -> dict[str, Any]:
    wanted = {"layout": "hands-42", "fps": None, "width": None, "height": None, "y_up": False}
    base = {
        "source": str(source),
        "format": form,
        "part": None,
        "start_s": 0.0,
        "end_s": None,
        "declared_fps": 30.0,
        "min_duration_s": 0.0,
        "max_duration_s": 60.0,
        "fps_mismatch": "flag",
        "out": str(source.with_name("out.npy")),
    }
    wanted |= {name: changes.pop(name) for name in list(changes) if name in wanted}
    return base | {"wanted": wanted} | changes


def facts(source: Path, **changes: Any) -> tuple[dict[str, Any], Any]:
    reply = child.run(request(source, **changes))
    return reply["facts"], np.load(source.with_name("out.npy"))


def reject(source: Path, form: str = "npy", **changes: Any) -> tuple[str, str]:
    found = child.run(request(source, form, **changes))["reject"]
    assert len(found["detail"]) <= 120
    assert found["detail"].isprintable()
    return found["reason"], found["detail"]


def test_a_whole_file(source: Path) -> None:
    found, keypoints = facts(source)
    assert found["video"] == {
        "fps": 30.0,
        "fps_fraction": "30",
        "frames": 30,
        "width": 1,
        "height": 1,
        "first_frame": 0,
    }
    assert found["source"]["duration_s"] == 1.0
    assert found["flags"] == ["no-depth", "size-unknown"]
    assert found["measures"] == {}
    assert keypoints.dtype == np.float32
    assert keypoints.shape == (30, 42, 4)


def test_nan_has_one_bit_pattern(source: Path) -> None:
    places = waving(3, 42, seed=0)
    places[0, 0] = -np.float32(np.nan)
    np.save(source, places)
    _, keypoints = facts(source, y_up=True)
    assert {hex(bits) for bits in keypoints.view(np.uint32)[np.isnan(keypoints)]} == {"0x7fc00000"}


def test_y_upwards_is_turned_over(source: Path) -> None:
    _, keypoints = facts(source, y_up=True)
    np.testing.assert_allclose(keypoints[..., 1], 1 - waving(30, 42, seed=0)[..., 1], atol=1e-6)


@pytest.mark.parametrize(
    ("start_s", "end_s", "first", "frames"),
    [
        (0.0, None, 0, 30),
        (0.1, 0.2, 3, 3),
        (0.5, None, 15, 15),
        (1 / 3, 2 / 3, 10, 10),
        (0.0, 0.01, 0, 1),
    ],
)
def test_spans(source: Path, start_s: float, end_s: float | None, first: int, frames: int) -> None:
    found, keypoints = facts(source, start_s=start_s, end_s=end_s)
    assert (found["video"]["first_frame"], found["video"]["frames"]) == (first, frames)
    np.testing.assert_array_equal(keypoints[0, :, :2], waving(30, 42, seed=0)[first])


def test_spans_that_leave_the_source(source: Path) -> None:
    found, keypoints = facts(source, start_s=0.5, end_s=3.0)
    assert "end-clamped" in found["flags"]
    assert len(keypoints) == 15
    assert reject(source, start_s=1.5) == (
        "span-outside",
        "begins at 1.50 s, source ends at 1.00 s",
    )


def test_frame_rates_by_precedence(source: Path) -> None:
    assert facts(source, declared_fps=None, fps=12.5)[0]["video"]["fps"] == 12.5
    guessed = facts(source, declared_fps=None)[0]
    assert guessed["video"]["fps"] == 25
    assert "fps-guessed" in guessed["flags"]
    assert facts(source, declared_fps=29.97)[0]["video"]["fps_fraction"] == "2997/100"
    assert reject(source, declared_fps=0.0, fps=5000.0)[0] == "corrupt"


def test_another_rate_than_the_annotations_assume(tmp_path: Path) -> None:
    found = Imported(np.ones((60, 42, 4), np.float32), "hands-42", fps=30.0)
    wanted = KeypointSet("hands-42")

    def cut(policy: str) -> Any:
        span = request(tmp_path / "a", declared_fps=25.0, start_s=0.4, end_s=1.2)
        return child.cut(found, span | {"fps_mismatch": policy}, wanted)[1]

    assert (cut("flag")["video"]["first_frame"], cut("flag")["video"]["frames"]) == (12, 24)
    assert (cut("rescale")["video"]["first_frame"], cut("rescale")["video"]["frames"]) == (10, 20)
    assert cut("rescale")["flags"] == ["fps-differs", "size-unknown", "span-rescaled"]
    with pytest.raises(Refused, match="30 fps, the annotations say 25"):
        cut("reject")


def test_rules_of_the_pipeline(source: Path) -> None:
    assert reject(source, min_duration_s=1.5) == ("too-short", "30 frames")
    assert reject(source, max_duration_s=0.5) == ("too-long", "over 0.5 s")


def test_another_layout_than_the_builds(source: Path, tmp_path: Path) -> None:
    pose = {"keypoints": np.zeros((2, 75, 3)) + 0.5, "confidences": np.ones((2, 75))}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(pose))
    assert reject(tmp_path / "a.pkl", "openhands") == (
        "unsupported-format",
        "layout holistic-75, the build has hands-42",
    )
    np.save(source, np.zeros((0, 42, 2)))
    assert reject(source) == ("corrupt", "no frame")


@pytest.mark.parametrize(
    ("form", "data", "reason"),
    [
        ("npy", b"\x93NUMPY\x01\x00garbage", "corrupt"),
        ("npy", b"", "corrupt"),
        ("npz", b"PK\x03\x04 broken", "corrupt"),
        ("unisign", b"\x80\x04", "corrupt"),
        ("unisign", b"\x1f\x8b\x08\x00 broken", "corrupt"),
        ("unisign", pickle.dumps(os.getcwd), "unsupported-format"),
        ("unisign", pickle.dumps([1]), "unsupported-format"),
        ("openhands", pickle.dumps({"keypoints": "x"}), "corrupt"),
        ("gislr", b"PAR1 broken PAR1", "corrupt"),
        ("spoter-csv", b"a,b\n1\n", "corrupt"),
        ("mediapipe-json", b"{", "corrupt"),
        ("pose", b"\xcd\xccL>\x01\x00", "corrupt"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:16],
)
def test_damaged_bytes_are_rejects(tmp_path: Path, form: str, data: bytes, reason: str) -> None:
    if form == "pose":
        pytest.importorskip("pose_format")
    (tmp_path / "a").write_bytes(data)
    assert reject(tmp_path / "a", form)[0] == reason
    assert str(tmp_path) not in reject(tmp_path / "a", form)[1]


def test_through_the_guard(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "guarded.npy"

    def bring(path: Path, part: str | None = None) -> Any:
        return importing.import_keypoints(
            guard,
            path,
            path.stat().st_size,
            "npy",
            part,
            start_s=0.0,
            end_s=None,
            declared_fps=25.0,
            config=NormaliseConfig(),
            wanted=KeypointSet("hands-42"),
            out=out,
        )

    with Guard(importing.TARGET, importing.LIMITS) as guard:
        assert bring(source)["video"]["frames"] == 30
        assert np.load(out).shape == (30, 42, 4)
        assert bring(source, "99") == Reject(
            StageName.IMPORT, Reason.UNSUPPORTED_FORMAT, "no part 99"
        )
        assert not out.exists()
        if Path("/dev/full").is_char_device():
            out.symlink_to("/dev/full")  # what is cleared away is then the link
            with pytest.raises(DiskError):
                bring(source)


def test_flags_are_explained(source: Path) -> None:
    found, _ = facts(source, declared_fps=None, end_s=9.0)
    assert set(found["flags"]) <= set(importing.FLAGS)
