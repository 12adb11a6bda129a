"""The 54 joints of the layout `spoter-54`, and what SPOTER's tables call them.

SPOTER names joints as Apple Vision does and counts each finger from its tip.
"""

from __future__ import annotations

from typing import Final

BODY: Final = (
    *("nose", "neck", "right_eye", "left_eye", "right_ear", "left_ear"),
    *("right_shoulder", "left_shoulder", "right_elbow", "left_elbow", "right_wrist", "left_wrist"),
)
BODY_EDGES: Final[tuple[tuple[int, int], ...]] = (
    *((0, 1), (0, 2), (0, 3), (2, 4), (3, 5), (1, 6), (1, 7), (6, 8), (8, 10), (7, 9), (9, 11)),
)
HAND: Final = (
    "wrist",
    *(
        f"{finger}_{joint}"
        for finger in ("index", "middle", "ring", "pinky")
        for joint in ("tip", "dip", "pip", "mcp")
    ),
    *(f"thumb_{joint}" for joint in ("tip", "ip", "mcp", "cmc")),
)

_FINGERS: Final = {"index": "index", "middle": "middle", "ring": "ring", "pinky": "little"}
_THUMB: Final = {"tip": "Tip", "ip": "IP", "mcp": "MP", "cmc": "CMC"}
SIDES: Final = ("left", "right")


def column_names(point: str) -> tuple[str, ...]:
    """Columns of a point without their `_X` and `_Y`; for hands both spellings in circulation.

    `left_hand_index_dip` is `indexDIP_left` in the files and `indexDIP_0` in SPOTER's own code.
    """
    side, hand, joint = point.partition("_hand_")
    if not hand:
        first, *rest = point.split("_")
        return (first + "".join(word.capitalize() for word in rest),)
    finger, _, bone = joint.partition("_")
    if finger == "thumb":
        name = "thumb" + _THUMB[bone]
    elif bone:
        name = _FINGERS[finger] + ("Tip" if bone == "tip" else bone.upper())
    else:
        name = "wrist"
    return f"{name}_{side}", f"{name}_{SIDES.index(side)}"
