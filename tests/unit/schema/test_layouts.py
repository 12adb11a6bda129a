"""Keypoint layouts: the tables are whole and consistent."""

from __future__ import annotations

import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import LAYOUTS, Layout, layout

EVERY = pytest.mark.parametrize("points", LAYOUTS.values(), ids=LAYOUTS.keys())


@EVERY
def test_the_name_says_how_many_points(points: Layout) -> None:
    assert points.name.endswith(f"-{points.size}")
    assert len(set(points.points)) == points.size


@EVERY
def test_parts_are_disjoint_and_complete(points: Layout) -> None:
    assert set(points.parts) == {"body", "left_hand", "right_hand", "face"}
    numbers = [number for part in points.parts.values() for number in part]
    assert sorted(numbers) == list(range(points.size))


@EVERY
def test_edges_are_bones_of_the_layout(points: Layout) -> None:
    assert len({frozenset(edge) for edge in points.edges}) == len(points.edges)
    for start, end in points.edges:
        assert start != end
        assert 0 <= min(start, end) <= max(start, end) < points.size


@EVERY
def test_no_bone_joins_two_parts(points: Layout) -> None:
    part_of = {number: part for part, numbers in points.parts.items() for number in numbers}
    assert all(part_of[start] == part_of[end] for start, end in points.edges)


@EVERY
def test_pairs_are_left_before_right(points: Layout) -> None:
    for left, right in points.pairs:
        name = points.points[left]
        if not name.startswith("face_"):
            assert "left" in name
            assert points.points[right] == name.replace("left", "right")


@EVERY
def test_every_sided_point_has_its_pair(points: Layout) -> None:
    paired = [number for pair in points.pairs for number in pair]
    assert len(set(paired)) == len(paired)
    sided = {
        number for number, name in enumerate(points.points) if "left" in name or "right" in name
    }
    assert sided <= set(paired)


@EVERY
def test_mirroring_turns_bones_into_bones(points: Layout) -> None:
    other = dict(points.pairs)
    other |= {right: left for left, right in points.pairs}
    bones = {frozenset(edge) for edge in points.edges}
    mirrored = {frozenset(other.get(number, number) for number in bone) for bone in bones}
    assert mirrored == bones


def test_the_mid_line_of_the_face_has_no_pair() -> None:
    points = layout("coco-wholebody-133")
    paired = {number for pair in points.pairs for number in pair}
    alone = {points.points[number] for number in points.parts["face"] if number not in paired}
    assert alone == {f"face_{number}" for number in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)}


def test_holistic_is_body_left_right() -> None:
    points = layout("holistic-75")
    assert points.channels == 4
    assert points.points[:33] == layout("blazepose-33").points
    assert points.points[15] == "left_wrist"
    assert points.points[33] == "left_hand_wrist"
    assert points.points[54 + 8] == "right_hand_index_tip"
    assert points.index("left_hand_thumb_tip") == 37


def test_wholebody_has_no_depth() -> None:
    points = layout("coco-wholebody-133")
    assert points.channels == 3
    assert (points.index("left_hand_wrist"), points.index("right_hand_wrist")) == (91, 112)
    assert (points.points[5], points.points[10]) == ("left_shoulder", "right_wrist")


def test_spoter_counts_from_the_finger_tips() -> None:
    points = layout("spoter-54")
    assert points.channels == 3
    assert points.points[:4] == ("nose", "neck", "right_eye", "left_eye")
    assert points.points[12:17] == (
        "left_hand_wrist",
        *(f"left_hand_index_{joint}" for joint in ("tip", "dip", "pip", "mcp")),
    )
    assert points.points[-1] == "right_hand_thumb_cmc"
    known = set(layout("coco-wholebody-133").points)
    assert set(points.points) - known == {"neck"}


def test_unisign_is_a_choice_of_wholebody() -> None:
    points = layout("unisign-69")
    whole = layout("coco-wholebody-133")
    assert points.channels == 3
    assert points.points[:9] == tuple(whole.points[number] for number in (0, *range(3, 11)))
    assert points.points[9:51] == layout("hands-42").points
    contour = tuple(f"face_{number}" for number in range(0, 17, 2))
    assert points.points[51:60] == contour
    assert points.points[60:] == (*(f"face_{number}" for number in range(60, 68)), "face_30")
    assert {part: len(numbers) for part, numbers in points.parts.items()} == {
        "body": 9,
        "left_hand": 21,
        "right_hand": 21,
        "face": 18,
    }
    assert points.parts["face"] == tuple(range(51, 69))
    # Chain of 9, ring of 8, and the nose to all.
    face = [edge for edge in points.edges if edge[0] >= 51]
    assert len(face) == 8 + 8 + 17
    assert sum(68 in edge for edge in face) == 17


def test_hands_are_those_of_holistic() -> None:
    assert layout("hands-42").points == layout("holistic-75").points[33:]
    assert not layout("hands-42").parts["body"]


def test_the_mesh_of_mediapipe_is_mirrored_by_eyes_and_lips() -> None:
    points = layout("mediapipe-543")
    assert points.points[:33] == layout("blazepose-33").points
    assert points.points[501:] == layout("hands-42").points
    pairs = {(left - 33, right - 33) for left, right in points.pairs}
    # outer and inner corners of the eyes, corners of the mouth, ends of the brows, cheeks
    assert {(263, 33), (362, 133), (291, 61), (276, 46), (454, 234)} <= pairs
    face = points.parts["face"]
    paired = {number for pair in points.pairs for number in pair}
    alone = [number - 33 for number in face if number not in paired]
    assert len(alone) == 28
    assert {1, 4, 10, 13, 14, 152, 168} <= set(alone)
    in_face = [edge for edge in points.edges if edge[0] in face]
    assert len(in_face) == 124


def test_a_mistyped_layout_gets_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        layout("holistic-57")
    assert caught.value.hint == "did you mean `holistic-75`?"
    with pytest.raises(ConfigError, match="unknown keypoint layout `x`"):
        layout("x")


def test_a_mistyped_point_gets_a_hint() -> None:
    with pytest.raises(ConfigError) as caught:
        layout("blazepose-33").index("left_wirst")
    assert caught.value.hint == "did you mean `left_wrist`?"
