"""MediaPipe's face mesh: 468 points without names, its drawn lines, and how it is mirrored.

The mesh numbers its mid-line and the signer's right half first; the left half repeats the right one
in the same order from 248 on. (Checked: this mirrors all of the model's contours and 1,316 of the
1,322 edges of its triangles onto themselves; the six others are diagonals.)
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

SIZE: Final = 468
_FIRST_LEFT: Final = 248
_MID_LINE: Final = frozenset(
    (*range(3), *range(4, 7), *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)
)
_RIGHT: Final = tuple(number for number in range(_FIRST_LEFT) if number not in _MID_LINE)
_MIRROR: Final = {right: _FIRST_LEFT + rank for rank, right in enumerate(_RIGHT)}

PAIRS: Final = tuple((left, right) for right, left in _MIRROR.items())
"""(left, right) points that change places in a mirrored picture."""

# Lines of the signer's right half, those on the mid-line included; the left half follows.
_LINES: Final = (
    # oval, from the forehead to the chin
    (
        *(10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148),
        152,
    ),
    # outer lips: below, above; inner lips: below, above
    (61, 146, 91, 181, 84, 17),
    (61, 185, 40, 39, 37, 0),
    (78, 95, 88, 178, 87, 14),
    (78, 191, 80, 81, 82, 13),
    # eye: below, above; brow: below, above
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (46, 53, 52, 65, 55),
    (70, 63, 105, 66, 107),
)

EDGES: Final = tuple(
    sorted(
        {
            bone
            for line in _LINES
            for side in (line, tuple(_MIRROR.get(point, point) for point in line))
            for bone in pairwise(side)
        }
    )
)
"""The model's contours: face, lips, eyes and brows."""
