"""From layout to layout: single points followed by name, and what holds for all tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.conversions import (
    Conversion,
    conversion,
    convert,
    direct,
    mirror_order,
    mirrored,
)
from sign_etl.schema.layouts import LAYOUTS, Layout, layout

TABLES = pytest.mark.parametrize(
    "table", direct(), ids=[f"{one.source.name}-to-{one.target.name}" for one in direct()]
)
EVERY = pytest.mark.parametrize("kind", LAYOUTS.values(), ids=LAYOUTS.keys())


def numbered(kind: Layout, frames: int = 2) -> NDArray[np.float32]:
    """Keypoints in which each point tells its number: x = number / 1024, y = 1 - x."""
    keypoints = np.zeros((frames, kind.size, kind.channels), np.float32)
    x = np.arange(kind.size, dtype=np.float32) / 1024
    keypoints[..., 0], keypoints[..., 1] = x, 1 - x
    if kind.has_z:
        keypoints[..., 2] = 2 * x
    keypoints[..., -1] = 0.25 + x / 2
    return keypoints


def at(keypoints: NDArray[np.float32], kind: str, point: str) -> list[float]:
    return [float(value) for value in keypoints[0, layout(kind).index(point)]]


def test_wholebody_to_unisign_by_number() -> None:
    points = numbered(layout("coco-wholebody-133"))
    made = convert(points, "coco-wholebody-133", "unisign-69")
    face = [*range(23, 40, 2), *range(83, 91), 53]
    wanted = [0, *range(3, 11), *range(91, 112), *range(112, 133), *face]
    assert (made[0, :, 0] * 1024).tolist() == wanted
    assert np.array_equal(made, points[:, wanted])


def test_wholebody_to_spoter_by_number() -> None:
    points = numbered(layout("coco-wholebody-133"))
    made = convert(points, "coco-wholebody-133", "spoter-54")[0]
    numbers = (made[:, 0] * 1024).tolist()
    # nose, neck between the shoulders 5 and 6, then right before left
    assert numbers[:12] == [0, 5.5, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9]
    # wrist, then fingers from the tip: index 99..96, middle, ring, pinky, thumb 95..92
    hand = [91, *(n for tip in (99, 103, 107, 111, 95) for n in range(tip, tip - 4, -1))]
    assert numbers[12:33] == hand
    assert numbers[33:] == [number + 21 for number in hand]


def test_holistic_to_spoter_by_number() -> None:
    made = convert(numbered(layout("holistic-75")), "holistic-75", "spoter-54")[0]
    numbers = (made[:, 0] * 1024).tolist()
    assert numbers[:12] == [0, 11.5, 5, 2, 8, 7, 12, 11, 14, 13, 16, 15]
    assert numbers[12:14] == [33, 33 + 8]
    assert numbers[-1] == 54 + 1


def test_the_neck_has_the_lower_score_and_is_missing_with_a_shoulder() -> None:
    kind = layout("holistic-75")
    points = numbered(kind)
    left, right = kind.index("left_shoulder"), kind.index("right_shoulder")
    points[0, left] = (0.75, 0.5, 0.1, 0.9)
    points[0, right] = (0.25, 0.25, 0.1, 0.3)
    points[1, right] = (np.nan, np.nan, np.nan, 0)
    made = convert(points, "holistic-75", "spoter-54")
    assert at(made, "spoter-54", "neck") == pytest.approx([0.5, 0.375, 0.3])
    neck = made[1, layout("spoter-54").index("neck")]
    assert np.isnan(neck[:2]).all()
    assert neck[2] == 0
    assert made[1, layout("spoter-54").index("left_shoulder"), 2] > 0


def test_body_alone_has_no_hands() -> None:
    made = convert(numbered(layout("blazepose-33")), "blazepose-33", "spoter-54")
    assert np.isnan(made[:, 12:, :2]).all()
    assert (made[:, 12:, 2] == 0).all()
    assert (made[:, :12, 2] > 0).all()
    assert conversion("blazepose-33", "spoter-54").missing == layout("spoter-54").points[12:]


def test_parts_of_holistic() -> None:
    points = numbered(layout("holistic-75"))
    assert np.array_equal(convert(points, "holistic-75", "blazepose-33"), points[:, :33])
    assert np.array_equal(convert(points, "holistic-75", "hands-42"), points[:, 33:])
    mesh = numbered(layout("mediapipe-543"))
    made = convert(mesh, "mediapipe-543", "holistic-75")
    assert np.array_equal(made, mesh[:, [*range(33), *range(501, 543)]])


def test_wholebody_to_holistic_and_what_it_lacks() -> None:
    table = conversion("coco-wholebody-133", "holistic-75")
    assert table.missing == ()
    made = convert(numbered(table.source), "coco-wholebody-133", "holistic-75")
    assert at(made, "holistic-75", "left_eye_inner")[0] * 1024 == 23 + 42
    assert at(made, "holistic-75", "right_eye_outer")[0] * 1024 == 23 + 36
    assert at(made, "holistic-75", "mouth_left")[0] * 1024 == 23 + 54
    assert at(made, "holistic-75", "right_index")[0] * 1024 == 112 + 5
    assert at(made, "holistic-75", "left_thumb")[0] * 1024 == 91 + 2
    assert at(made, "holistic-75", "left_foot_index")[0] * 1024 == 17
    # There is no depth to be had, and these points were estimated nevertheless.
    assert (made[..., 2] == 0).all()


def test_holistic_to_wholebody_and_what_it_lacks() -> None:
    table = conversion("holistic-75", "coco-wholebody-133")
    assert table.missing == (
        *(f"{side}_small_toe" for side in ("left", "right")),
        *(f"face_{number}" for number in range(68)),
    )
    body = (0, *range(5, 17))
    there = convert(numbered(table.source), "holistic-75", "coco-wholebody-133")
    back = convert(there, "coco-wholebody-133", "holistic-75")
    names = [layout("coco-wholebody-133").points[number] for number in body]
    places = [table.source.index(name) for name in names]
    assert np.array_equal(back[:, places, :2], numbered(table.source)[:, places, :2])


def test_a_way_over_others_is_found() -> None:
    table = conversion("mediapipe-543", "spoter-54")
    assert table.by_way_of == ("holistic-75",)
    mesh = numbered(table.source)
    steps = convert(convert(mesh, "mediapipe-543", "holistic-75"), "holistic-75", "spoter-54")
    assert np.array_equal(convert(mesh, "mediapipe-543", "spoter-54"), steps)
    through_body = conversion("holistic-75", "unisign-69")
    assert through_body.by_way_of == ("coco-wholebody-133",)
    assert {name.partition("_")[0] for name in through_body.missing} == {"face"}


def test_no_way_is_said_with_what_there_is() -> None:
    with pytest.raises(
        ConfigError, match="`hands-42` cannot be converted to `spoter-54`"
    ) as caught:
        conversion("hands-42", "spoter-54")
    assert caught.value.hint == "it can become no other layout"
    with pytest.raises(ConfigError, match="cannot be converted") as caught:
        convert(numbered(layout("blazepose-33")), "blazepose-33", "holistic-75")
    assert caught.value.hint == "it can become: spoter-54"
    with pytest.raises(ConfigError, match="unknown keypoint layout"):
        conversion("spoter-54", "spoter-55")


def test_an_array_of_another_layout_is_refused() -> None:
    with pytest.raises(ValueError, match=r"holistic-75 has \(\.\.\., 75, 4\), not \(2, 54, 3\)"):
        convert(numbered(layout("spoter-54")), "holistic-75", "spoter-54")


@EVERY
def test_a_layout_becomes_itself(kind: Layout) -> None:
    points = numbered(kind)
    made = convert(points, kind.name, kind.name)
    assert np.array_equal(made, points)
    made[:] = 0
    assert points.any()


@TABLES
def test_every_table(table: Conversion) -> None:
    assert len(table.origins) == table.target.size
    assert len(table.missing) < table.target.size
    for name, numbers in zip(table.target.points, table.origins, strict=True):
        assert len(numbers) in ((2,) if name == "neck" else (0, 1))
        # What is on the left stays on the left; face points have no side in their names.
        for source in (table.source.points[number] for number in numbers):
            for side in ("left", "right"):
                assert name == "neck" or "face_" in source or (side in name) == (side in source)
    for dtype in (np.float16, np.float32):
        points: NDArray[Any] = numbered(table.source).astype(dtype)
        points[1] = np.nan
        points[1, :, -1] = 0
        made = convert(points, table.source.name, table.target.name)
        assert made.dtype == dtype
        assert made.shape == (2, table.target.size, table.target.channels)
        assert np.isnan(made[1, :, :-1]).all()
        assert (made[1, :, -1] == 0).all()
        assert np.isfinite(made[0][[bool(numbers) for numbers in table.origins]]).all()


@TABLES
def test_flips_and_conversions_commute(table: Conversion) -> None:
    points = numbered(table.source)
    source, target = table.source, table.target
    one = mirrored(convert(points, source.name, target.name), target)
    other = convert(mirrored(points, source), source.name, target.name)
    assert np.allclose(one, other, atol=1e-6, equal_nan=True)


def test_mirroring_changes_sides_and_x() -> None:
    kind = layout("holistic-75")
    points = numbered(kind)
    made = mirrored(points, kind)
    x, y, z, score = at(points, "holistic-75", "left_hand_index_tip")
    assert at(made, "holistic-75", "right_hand_index_tip") == pytest.approx([1 - x, y, z, score])
    assert at(made, "holistic-75", "nose")[0] == 1
    assert at(mirrored(points, kind, axis=320), "holistic-75", "nose")[0] == 640
    assert points[0, 0, 0] == 0


@given(kind=st.sampled_from(sorted(LAYOUTS)), axis=st.sampled_from((0.0, 0.5)), data=st.data())
def test_mirroring_twice_is_nothing(kind: str, axis: float, data: st.DataObject) -> None:
    points = layout(kind)
    seed = data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    # 1 - x is exact where x is a multiple of a small power of two.
    x = random.integers(-512, 1024, (3, points.size, points.channels)) / 1024
    keypoints = x.astype(np.float32)
    keypoints[random.random(keypoints.shape[:2]) < 0.2] = np.nan
    twice = mirrored(mirrored(keypoints, points, axis=axis), points, axis=axis)
    assert np.array_equal(twice, keypoints, equal_nan=True)
    order = mirror_order(points)
    assert np.array_equal(order[order], np.arange(points.size))


def possible(source: str, target: str) -> bool:
    try:
        table = conversion(source, target)
    except ConfigError:
        return False
    return len(table.missing) < table.target.size and max(map(len, table.origins)) <= 2


def test_what_can_become_what() -> None:
    found = {
        source: {target for target in LAYOUTS if target != source and possible(source, target)}
        for source in LAYOUTS
    }
    wholebody = {"coco-wholebody-133", "holistic-75", "blazepose-33", "hands-42"}
    trained_on = {"spoter-54", "unisign-69"}
    assert found == {
        "blazepose-33": {"spoter-54"},
        "holistic-75": (wholebody | trained_on) - {"holistic-75"},
        "coco-wholebody-133": (wholebody | trained_on) - {"coco-wholebody-133"},
        "hands-42": set(),
        "spoter-54": {"hands-42"},
        "unisign-69": {"hands-42"},
        "mediapipe-543": wholebody | trained_on,
    }
