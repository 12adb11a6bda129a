"""What SPOTER's tables call the 54 joints of the layout `spoter-54`."""

from __future__ import annotations

from typing import Final

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
