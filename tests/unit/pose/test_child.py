"""What the guarded child does with what an estimator gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.pose.blazepose import empty
from sign_etl.pose.child import checked, estimate, shares
from sign_etl.schema.layouts import layout

HOLISTIC = layout("holistic-75")


def request(out: Path, **clip: Any) -> dict[str, Any]:
    from sign_etl.recipes.demo import DemoOptions, planned

    take = planned(DemoOptions())[0]
    values = {
        "video": "unread.mp4",
        "frames": 10,
        "width": 512,
        "height": 512,
        "fps": 25.0,
        "annotation_id": take.id,
        "dataset": "demo",
    }
    return {
        "backend": "truth",
        "options": {},
        "weights_folder": "unused",
        "clips": [values | clip | {"out": str(out)}],
    }


def test_truth_in_a_guarded_child(tmp_path: Path) -> None:
    out = tmp_path / "keypoints"
    with Guard("sign_etl.pose.child:estimate", Limits(wall_s=60, memory_bytes=2 << 30)) as guard:
        reply = guard.call(request(out))
        assert not isinstance(reply, Breach), reply
        again = guard.call(request(tmp_path / "again"))
    assert not isinstance(again, Breach), again
    [made], [repeated] = reply["clips"], again["clips"]
    assert made.pop("ms") > 0
    assert repeated.pop("ms") > 0
    parts = {"body": 1.0, "left_hand": 1.0, "right_hand": 1.0}
    assert made == repeated == {"frames": 10, **parts, "estimator": {}}
    keypoints = np.load(out, allow_pickle=False)
    assert (keypoints.shape, keypoints.dtype) == ((10, 75, 4), np.float32)
    assert out.read_bytes() == (tmp_path / "again").read_bytes()


def test_clips_of_one_call_have_a_file_each(tmp_path: Path) -> None:
    whole = request(tmp_path / "long")
    whole["clips"] += request(tmp_path / "short", frames=4, bbox=[0.1, 0.2, 0.8, 0.9])["clips"]
    assert [made["frames"] for made in estimate(whole)["clips"]] == [10, 4]
    long, short = (np.load(tmp_path / name) for name in ("long", "short"))
    assert (len(long), len(short)) == (10, 4)
    np.testing.assert_array_equal(long[:4], short)


def test_no_child_estimates_an_unrendered_data_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown data set with true joints `wlasl`"):
        estimate(request(tmp_path / "out", dataset="wlasl"))


def test_nan_has_one_bit_pattern() -> None:
    keypoints = empty(2)
    keypoints.view(np.uint32)[0, 0, 0] = 0xFFC12345
    bits = checked(keypoints, HOLISTIC, 2, "x").view(np.uint32)[..., :3]
    assert np.unique(bits).tolist() == [0x7FC00000]


@pytest.mark.parametrize(
    "shape", [(3, 75, 4), (2, 33, 4), (2, 75, 3)], ids=["frames", "points", "channels"]
)
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="x gave float32"):
        checked(np.zeros(shape, np.float32), HOLISTIC, 2, "x")


def test_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="x gave float64"):
        checked(np.zeros((2, 75, 4)), HOLISTIC, 2, "x")  # type: ignore[arg-type]


def test_a_score_without_a_place_is_refused() -> None:
    keypoints = empty(1)
    keypoints[0, 3, 3] = 0.5
    with pytest.raises(ValueError, match="without a place"):
        checked(keypoints, HOLISTIC, 1, "x")


def test_shares_count_frames() -> None:
    keypoints = empty(4)
    keypoints[:3, 0] = 0.5
    keypoints[0, 40] = 0.5
    assert shares(keypoints, HOLISTIC) == {"body": 0.75, "left_hand": 0.25, "right_hand": 0.0}
    assert shares(empty(0), HOLISTIC) == {"body": 0.0, "left_hand": 0.0, "right_hand": 0.0}
