"""Pictures in a terminal: each character is two pixels, one above the other."""

from __future__ import annotations

import numpy as np
from PIL import Image

UPPER = "▀"
PLAIN = "\x1b[0m"
RAMP = " .:-=+*#%@"
"""Where there are no colours: from dark to light."""


def half_blocks(picture: Image.Image, columns: int, *, colour: bool = True) -> list[str]:
    """A picture as lines of characters.

    Args:
        picture: RGB, of any size.
        columns: characters of a line.
        colour: 24-bit colours; otherwise characters of different weight.
    """
    rows = max(round(columns * picture.height / picture.width / 2), 1)
    if not colour:
        grey = np.asarray(picture.convert("L").resize((columns, rows), Image.Resampling.BOX))
        return ["".join(RAMP[int(value) * len(RAMP) // 256] for value in row) for row in grey]
    pixels = np.asarray(picture.resize((columns, 2 * rows), Image.Resampling.BOX))
    return [
        "".join(_cell(*above, *below) for above, below in zip(upper, lower, strict=True)) + PLAIN
        for upper, lower in zip(pixels[0::2].tolist(), pixels[1::2].tolist(), strict=True)
    ]


def _cell(*rgb: int) -> str:
    red, green, blue, low_red, low_green, low_blue = rgb
    return f"\x1b[38;2;{red};{green};{blue};48;2;{low_red};{low_green};{low_blue}m{UPPER}"
