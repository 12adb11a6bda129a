"""A frame with what is signed in it: the sign on a bar beneath, those before it above, small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.viz.text import ELLIPSIS, Lettering, lettering

BAR = "#14181f"
BRIGHT, PALE, SURE = "#ffffff", "#aab4c3", "#3fb27f"
SIZES = (0.42, 0.34, 0.27)
"""Of the label's letters, as shares of the bar; the first in which there is room for all of it."""
SHARE = 0.16
"""Height of the bar as a share of the picture's, within limits in pixels."""
LEAST, MOST = 44, 120


def captioned(
    picture: NDArray[np.uint8], label: str, probability: float, before: Sequence[str]
) -> NDArray[np.uint8]:
    """The frame with a bar beneath.

    Args:
        picture: (H, W, 3) RGB.
        label: the sign, in any script; empty for none.
        probability: of it, drawn as a line on top of the bar.
        before: signs so far, the last ones are shown.

    Returns:
        (H + bar, W, 3) RGB; the height of the bar depends on H alone.
    """
    height, width = picture.shape[:2]
    bar = min(MOST, max(LEAST, round(height * SHARE)))
    whole = Image.new("RGB", (width, height + bar), BAR)
    whole.paste(Image.fromarray(picture))
    canvas = ImageDraw.Draw(whole)
    small = lettering(max(10, round(bar * 0.2)))
    edge = round(bar * 0.2)
    room = width - 2 * edge
    if label:
        canvas.rectangle((0, height, round(width * probability), height + 3), fill=SURE)
        share = f"{probability:.0%}"
        wide = small.width(share)
        base, left = height + round(bar * 0.52), room - wide - edge
        sizes = [lettering(round(bar * size)) for size in SIZES]
        large = next((letters for letters in sizes if letters.width(label) <= left), sizes[-1])
        large.draw(canvas, (edge, base), large.fit(label, left), BRIGHT)
        small.draw(canvas, (width - edge - wide, base), share, PALE)
    history = _latest(before, small, room)
    small.draw(canvas, (edge, height + round(bar * 0.86)), history, PALE)
    return np.asarray(whole)


def _latest(before: Sequence[str], letters: Lettering, room: float) -> str:
    """As many of the last signs as there is room for, the last one in any case."""
    shown = ""
    for number, label in enumerate(reversed(before), 1):
        longer = f"{label} · {shown}" if shown else label
        cut = f"{ELLIPSIS} " if number < len(before) else ""
        if shown and letters.width(cut + longer) > room:
            return letters.fit(f"{ELLIPSIS} {shown}", room)
        shown = longer
    return letters.fit(shown, room)
