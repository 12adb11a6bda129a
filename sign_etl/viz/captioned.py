"""A frame with what is signed in it: the sign on a bar beneath, those before it above, small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.viz.text import ELLIPSIS, lettering

BAR = "#14181f"
BRIGHT, PALE, SURE = "#ffffff", "#aab4c3", "#3fb27f"
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
    large, small = lettering(round(bar * 0.42)), lettering(max(10, round(bar * 0.2)))
    edge = round(bar * 0.2)
    room = width - 2 * edge
    if label:
        canvas.rectangle((0, height, round(width * probability), height + 3), fill=SURE)
        share = f"{probability:.0%}"
        wide = small.width(share)
        base = height + round(bar * 0.52)
        large.draw(canvas, (edge, base), large.fit(label, room - wide - edge), BRIGHT)
        small.draw(canvas, (width - edge - wide, base), share, PALE)
    history = " · ".join(before)
    if small.width(history) > room:
        kept = list(before)
        while len(kept) > 1 and small.width(f"{ELLIPSIS} {' · '.join(kept)}") > room:
            kept = kept[1:]
        history = small.fit(f"{ELLIPSIS} {' · '.join(kept)}", room)
    small.draw(canvas, (edge, height + round(bar * 0.86)), history, PALE)
    return np.asarray(whole)
