"""Who stands in front of the camera: tones, clothes and proportions of one rendered signer.

The body is drawn from tables that cycle with different lengths, so `signer(0)` to `signer(5)`
already cover light to dark skin, three hair styles and slim to broad shoulders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

RGB: TypeAlias = tuple[int, int, int]
HairStyle: TypeAlias = Literal["short", "long", "bun"]


@dataclass(frozen=True)
class Signer:
    """One person and one room: everything about a picture that no movement changes.

    Colours are sRGB 0 to 255. The scales are relative to an adult whose shoulder joints are
    31.6 cm apart and whose hand is 18.5 cm long. `seed` draws cloth folds, hair and film grain.
    """

    skin: RGB = (226, 176, 146)
    hair: RGB = (58, 40, 30)
    hair_style: HairStyle = "short"
    shirt: RGB = (62, 84, 128)
    trousers: RGB = (52, 54, 62)
    backdrop: RGB = (198, 205, 210)
    body_scale: float = 1.0
    body_width: float = 1.0
    hand_scale: float = 1.0
    seed: int = 0


_SKINS: tuple[RGB, ...] = (
    (226, 176, 146),
    (112, 74, 54),
    (240, 198, 174),
    (168, 116, 84),
    (82, 54, 42),
    (204, 152, 116),
    (142, 96, 68),
    (232, 186, 152),
)
_HAIRS: tuple[RGB, ...] = (
    (58, 40, 30),
    (26, 22, 22),
    (168, 122, 70),
    (40, 30, 26),
    (30, 26, 26),
    (112, 62, 38),
    (150, 148, 146),
)
_STYLES: tuple[HairStyle, ...] = ("short", "bun", "long", "short", "long")
_SHIRTS: tuple[RGB, ...] = (
    (62, 84, 128),
    (214, 176, 84),
    (70, 112, 96),
    (150, 66, 62),
    (176, 190, 202),
    (104, 82, 132),
)
_BACKDROPS: tuple[RGB, ...] = ((198, 205, 210), (188, 202, 196), (210, 202, 192))
_SCALES = (1.0, 0.96, 0.93, 1.04, 0.98)
_WIDTHS = (1.0, 0.94, 0.97, 1.07, 1.02, 0.92, 1.05)
_HANDS = (1.0, 0.97, 1.05, 0.94)


def signer(index: int) -> Signer:
    """Return person number `index` (any integer from 0; the same number is the same person)."""
    if index < 0:
        raise ValueError(f"signer index must not be negative, got {index}")
    return Signer(
        skin=_SKINS[index % len(_SKINS)],
        hair=_HAIRS[index % len(_HAIRS)],
        hair_style=_STYLES[index % len(_STYLES)],
        shirt=_SHIRTS[index % len(_SHIRTS)],
        backdrop=_BACKDROPS[index % len(_BACKDROPS)],
        body_scale=_SCALES[index % len(_SCALES)],
        body_width=_WIDTHS[index % len(_WIDTHS)],
        hand_scale=_HANDS[index % len(_HANDS)],
        seed=index,
    )
