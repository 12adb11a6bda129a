"""Keypoint layouts: which point stands where in a `(T, K, C)` array. One table, no code per layout.

Left and right are always the signer's own, so the left hand of a signer who faces the camera is on
the right of the picture. Point orders follow MediaPipe's BlazePose and hand models and the
COCO-WholeBody annotations (body and feet 23, face 68, hands 21 + 21, left before right).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sign_etl.core.errors import ConfigError, near_or_all
from sign_etl.schema import face_mesh, spoter, unisign

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and structure of the K points of a keypoint array.

    Attributes:
        name: as it stands in indexes and member files.
        points: K names in order; `left_...` is the signer's own left.
        edges: bones as pairs of point numbers, for drawing and for graph models.
        parts: point numbers of `body`, `left_hand`, `right_hand` and `face`; disjoint, together
            all points, empty where the layout has none.
        pairs: (left, right) point numbers that change places when a picture is mirrored; the
            points on the mid-line stand in none.
        has_z: True where a depth channel stands before the score.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[Edge, ...]
    parts: Mapping[str, tuple[int, ...]]
    pairs: tuple[Edge, ...]
    has_z: bool

    @property
    def size(self) -> int:
        """K, the number of points."""
        return len(self.points)

    @property
    def channels(self) -> int:
        """C: x, y, score, or x, y, z, score."""
        return 4 if self.has_z else 3

    def index(self, point: str) -> int:
        """Number of the point with this name.

        Raises:
            ConfigError: the layout has no such point.
        """
        if point not in self.points:
            raise ConfigError(
                f"layout `{self.name}` has no point `{point}`", hint=near_or_all(point, self.points)
            )
        return self.points.index(point)


def layout(name: str) -> Layout:
    """The layout of this name.

    Raises:
        ConfigError: there is none; a near miss is suggested.
    """
    if name not in LAYOUTS:
        raise ConfigError(f"unknown keypoint layout `{name}`", hint=near_or_all(name, LAYOUTS))
    return LAYOUTS[name]


_BLAZEPOSE = (
    *("nose", "left_eye_inner", "left_eye", "left_eye_outer"),
    *("right_eye_inner", "right_eye", "right_eye_outer", "left_ear", "right_ear"),
    *("mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index"),
    *("left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee"),
    *("left_ankle", "right_ankle", "left_heel", "right_heel"),
    *("left_foot_index", "right_foot_index"),
)
_BLAZEPOSE_EDGES: tuple[Edge, ...] = (
    *((0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10)),
    *((11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24)),
    *((15, 17), (15, 19), (15, 21), (17, 19), (16, 18), (16, 20), (16, 22), (18, 20)),
    *((23, 25), (25, 27), (27, 29), (27, 31), (29, 31)),
    *((24, 26), (26, 28), (28, 30), (28, 32), (30, 32)),
)
_BLAZEPOSE_PAIRS: tuple[Edge, ...] = (
    *((1, 4), (2, 5), (3, 6)),
    *((left, left + 1) for left in range(7, 33, 2)),
)

_HAND = (
    "wrist",
    *(f"thumb_{joint}" for joint in ("cmc", "mcp", "ip", "tip")),
    *(
        f"{finger}_{joint}"
        for finger in ("index", "middle", "ring", "pinky")
        for joint in ("mcp", "pip", "dip", "tip")
    ),
)
_HAND_EDGES: tuple[Edge, ...] = (
    *((0, 1), (1, 2), (2, 3), (3, 4)),
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16)),
    *((13, 17), (17, 18), (18, 19), (19, 20), (0, 17)),
)

_SPOTER_HAND_EDGES = tuple(
    (spoter.HAND.index(_HAND[start]), spoter.HAND.index(_HAND[end])) for start, end in _HAND_EDGES
)

_COCO_BODY = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
    *("left_big_toe", "left_small_toe", "left_heel"),
    *("right_big_toe", "right_small_toe", "right_heel"),
)
_COCO_BODY_EDGES: tuple[Edge, ...] = (
    *((0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
    *((15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22)),
)
_COCO_BODY_PAIRS: tuple[Edge, ...] = (
    *((left, left + 1) for left in range(1, 17, 2)),
    *((17, 20), (18, 21), (19, 22)),
)

# The 68 face points run from the signer's right to the left: jaw 0-16, brows 17-26, nose 27-35,
# eyes 36-47, mouth 48-67.
_FACE_PAIRS: tuple[Edge, ...] = (
    *((16 - right, right) for right in range(8)),
    *((43 - right, right) for right in range(17, 22)),
    *((35, 31), (34, 32)),
    *((45, 36), (44, 37), (43, 38), (42, 39), (47, 40), (46, 41)),
    *((54, 48), (53, 49), (52, 50), (55, 59), (56, 58), (64, 60), (63, 61), (65, 67)),
)


def _chain(first: int, last: int, *, closed: bool = False) -> tuple[Edge, ...]:
    bones = tuple((number, number + 1) for number in range(first, last))
    return (*bones, (last, first)) if closed else bones


_FACE_EDGES: tuple[Edge, ...] = (
    *_chain(0, 16),
    *_chain(17, 21),
    *_chain(22, 26),
    *_chain(27, 30),
    *_chain(31, 35),
    *_chain(36, 41, closed=True),
    *_chain(42, 47, closed=True),
    *_chain(48, 59, closed=True),
    *_chain(60, 67, closed=True),
)


def _moved(edges: tuple[Edge, ...], by: int) -> tuple[Edge, ...]:
    return tuple((start + by, end + by) for start, end in edges)


def _hand_points(side: str, joints: tuple[str, ...] = _HAND) -> tuple[str, ...]:
    return tuple(f"{side}_hand_{joint}" for joint in joints)


def _hand_pairs(first_left: int) -> tuple[Edge, ...]:
    return tuple((left, left + 21) for left in range(first_left, first_left + 21))


def _parts(body: int, face: int, hands: int) -> Mapping[str, tuple[int, ...]]:
    # Always in this order: body, face, left hand, right hand.
    left, right = body + face, body + face + hands
    return MappingProxyType(
        {
            "body": tuple(range(body)),
            "left_hand": tuple(range(left, left + hands)),
            "right_hand": tuple(range(right, right + hands)),
            "face": tuple(range(body, body + face)),
        }
    )


_WHOLEBODY = Layout(
    name="coco-wholebody-133",
    points=(
        *_COCO_BODY,
        *(f"face_{number}" for number in range(68)),
        *_hand_points("left"),
        *_hand_points("right"),
    ),
    edges=(
        *_COCO_BODY_EDGES,
        *_moved(_FACE_EDGES, 23),
        *_moved(_HAND_EDGES, 91),
        *_moved(_HAND_EDGES, 112),
    ),
    parts=_parts(23, 68, 21),
    pairs=(*_COCO_BODY_PAIRS, *_moved(_FACE_PAIRS, 23), *_hand_pairs(91)),
    has_z=False,
)


def _selected(pairs: tuple[Edge, ...], numbers: tuple[int, ...]) -> tuple[Edge, ...]:
    chosen = {number: place for place, number in enumerate(numbers)}
    return tuple((chosen[one], chosen[two]) for one, two in pairs if {one, two} <= chosen.keys())


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Layout(
                name="blazepose-33",
                points=_BLAZEPOSE,
                edges=_BLAZEPOSE_EDGES,
                parts=_parts(33, 0, 0),
                pairs=_BLAZEPOSE_PAIRS,
                has_z=True,
            ),
            Layout(
                name="holistic-75",
                points=(*_BLAZEPOSE, *_hand_points("left"), *_hand_points("right")),
                edges=(*_BLAZEPOSE_EDGES, *_moved(_HAND_EDGES, 33), *_moved(_HAND_EDGES, 54)),
                parts=_parts(33, 0, 21),
                pairs=(*_BLAZEPOSE_PAIRS, *_hand_pairs(33)),
                has_z=True,
            ),
            _WHOLEBODY,
            Layout(
                name="hands-42",
                points=(*_hand_points("left"), *_hand_points("right")),
                edges=(*_HAND_EDGES, *_moved(_HAND_EDGES, 21)),
                parts=_parts(0, 0, 21),
                pairs=_hand_pairs(0),
                has_z=True,
            ),
            Layout(
                name="spoter-54",
                points=(
                    *spoter.BODY,
                    *_hand_points("left", spoter.HAND),
                    *_hand_points("right", spoter.HAND),
                ),
                edges=(
                    *spoter.BODY_EDGES,
                    *_moved(_SPOTER_HAND_EDGES, 12),
                    *_moved(_SPOTER_HAND_EDGES, 33),
                ),
                parts=_parts(12, 0, 21),
                pairs=(*((left, left - 1) for left in range(3, 12, 2)), *_hand_pairs(12)),
                has_z=False,
            ),
            Layout(
                name="unisign-69",
                points=tuple(_WHOLEBODY.points[number] for number in unisign.WHOLEBODY),
                edges=(
                    *unisign.BODY_EDGES,
                    *_moved(_HAND_EDGES, 9),
                    *_moved(_HAND_EDGES, 30),
                    *_moved(unisign.FACE_EDGES, 51),
                ),
                parts=unisign.PARTS,
                pairs=_selected(_WHOLEBODY.pairs, unisign.WHOLEBODY),
                has_z=False,
            ),
            Layout(
                name="mediapipe-543",
                points=(
                    *_BLAZEPOSE,
                    *(f"face_{number}" for number in range(face_mesh.SIZE)),
                    *_hand_points("left"),
                    *_hand_points("right"),
                ),
                edges=(
                    *_BLAZEPOSE_EDGES,
                    *_moved(face_mesh.EDGES, 33),
                    *_moved(_HAND_EDGES, 501),
                    *_moved(_HAND_EDGES, 522),
                ),
                parts=_parts(33, face_mesh.SIZE, 21),
                pairs=(*_BLAZEPOSE_PAIRS, *_moved(face_mesh.PAIRS, 33), *_hand_pairs(501)),
                has_z=True,
            ),
        )
    }
)
"""All layouts by name."""
