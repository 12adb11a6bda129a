"""The 69 of COCO-WholeBody's 133 points that Uni-Sign reads: the layout `unisign-69`.

Body (9), left hand (21), right hand (21), face (18), in this order, as Uni-Sign feeds its four
graphs (Li et al., ICLR 2025, arXiv 2501.15187, and its published code).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_FACE: Final = (*range(23, 40, 2), *range(83, 91), 53)
"""Every other point of the jaw, the inner lips, and the tip of the nose as the face's origin."""

WHOLEBODY: Final = (0, *range(3, 11), *range(91, 133), *_FACE)
"""Numbers in `coco-wholebody-133`, in order."""

PARTS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "body": tuple(range(9)),
        "left_hand": tuple(range(9, 30)),
        "right_hand": tuple(range(30, 51)),
        "face": tuple(range(51, 69)),
    }
)

BODY_EDGES: Final[tuple[tuple[int, int], ...]] = (
    *((0, 1), (0, 2), (0, 3), (0, 4), (3, 5), (5, 7), (4, 6), (6, 8)),
)
"""Nose to ears and shoulders, and along the arms."""

FACE_EDGES: Final[tuple[tuple[int, int], ...]] = (
    *((number, number + 1) for number in range(8)),
    *((number, number + 1) for number in range(9, 16)),
    (16, 9),
    *((17, number) for number in range(17)),
)
"""The jaw as a chain, the lips as a ring, and the nose joined to all; counted from the face's first
point."""

ORIGINS: Final[Mapping[str, int]] = MappingProxyType({"left_hand": 9, "right_hand": 30, "face": 68})
"""The point of each part that its other points are counted from: wrists and tip of the nose."""
