"""A heat map of class similarity with labels in any script, readable for 20 and for 300 classes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.core.files import write_bytes
from sign_etl.viz.text import Lettering, lettering

CELL_PX = (22, 11)
"""Side of a cell for few classes, and for many: a label is written in a cell's height."""
FEW = 40
MOST_NAMES = 400
"""More classes than these get no labels: nobody could read so large a picture."""
LABEL_PX = 190
MARGIN_PX = 14
SHADES = np.array(
    [(252, 253, 191), (254, 176, 120), (241, 96, 93), (183, 55, 121), (81, 18, 124), (0, 0, 4)],
    np.float64,
)
"""Light to dark, equally spaced."""
SAME = (225, 225, 225)
"""The diagonal: a class and itself."""


def draw_heat_map(similar: NDArray[Any], labels: Sequence[str], path: Path) -> None:
    """Draw a matrix of similarity as PNG, similar classes beside each other.

    Args:
        similar: (C, C); row by row: how similar the other classes are.
        labels: C names.
        path: the picture.
    """
    count = len(labels)
    order = arranged(similar)
    named = count <= MOST_NAMES
    cell = CELL_PX[0] if count <= FEW else CELL_PX[1] if named else max(1, 3000 // count)
    letters = lettering(max(9, round(cell * 0.68)))
    names = [letters.fit(labels[number], LABEL_PX - 12) for number in order] if named else []
    left = (max(round(letters.width(name)) for name in names) + 12) if named else 0
    side = cell * count
    small = lettering(13)
    title = f"{count} classes; dark: similar"
    scale_px = 46
    width = max(MARGIN_PX * 2 + left + side, 380)
    height = MARGIN_PX * 2 + scale_px + left + side
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    x0, y0 = MARGIN_PX + left, MARGIN_PX + scale_px + left
    shown = similar[np.ix_(order, order)]
    off = shown[~np.eye(count, dtype=bool)]
    low, high = float(off.min()), float(off.max())
    cells = coloured((shown - low) / max(high - low, 1e-12))
    cells[np.arange(count), np.arange(count)] = SAME
    picture.paste(Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST), (x0, y0))
    if named:
        _write_names(picture, names, letters, cell, (x0, y0), left)
    _write_scale(draw, small, (MARGIN_PX, MARGIN_PX), title, low, high)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    write_bytes(path, file.getvalue())


def arranged(similar: NDArray[Any]) -> NDArray[np.intp]:
    """An order of the classes in which similar ones are near each other."""
    from scipy.cluster.hierarchy import leaves_list, linkage  # type: ignore[import-untyped]
    from scipy.spatial.distance import squareform  # type: ignore[import-untyped]

    if len(similar) < 3:
        return np.arange(len(similar))
    both = (similar + similar.T) / 2
    # Rank, not size: a few very close pairs must not decide alone.
    ranks = np.argsort(np.argsort(-both, axis=None, kind="stable"), kind="stable").astype(float)
    far = ranks.reshape(both.shape)
    far = (far + far.T) / 2
    np.fill_diagonal(far, 0.0)
    tree = linkage(squareform(far, checks=False), "average", optimal_ordering=len(similar) <= 400)
    order: NDArray[np.intp] = leaves_list(tree)
    return order


def coloured(shares: NDArray[Any]) -> NDArray[np.uint8]:
    """Shares 0 to 1 as colours (..., 3)."""
    at = np.clip(shares, 0, 1) * (len(SHADES) - 1)
    steps = np.arange(len(SHADES))
    mixed = np.stack([np.interp(at, steps, SHADES[:, part]) for part in range(3)], axis=-1)
    return np.asarray(mixed.round(), np.uint8)


def _write_names(
    picture: Image.Image,
    names: Sequence[str],
    letters: Lettering,
    cell: int,
    corner: tuple[int, int],
    room: int,
) -> None:
    x0, y0 = corner
    draw = ImageDraw.Draw(picture)
    base = round(cell * 0.76)
    for number, name in enumerate(names):
        width = letters.width(name)
        draw_at = (x0 - 6 - width, y0 + number * cell + base)
        letters.draw(draw, draw_at, name, "black")
        upright = Image.new("RGB", (room, cell), "white")
        letters.draw(ImageDraw.Draw(upright), (6, base), name, "black")
        picture.paste(upright.rotate(90, expand=True), (x0 + number * cell, y0 - room))


def _write_scale(
    draw: ImageDraw.ImageDraw,
    letters: Lettering,
    corner: tuple[int, int],
    title: str,
    low: float,
    high: float,
) -> None:
    x, y = corner
    letters.draw(draw, (x, y + 12), title, "black")
    before, after = f"{low:.3g}", f"{high:.3g}"
    letters.draw(draw, (x, y + 34), before, "black")
    x += round(letters.width(before)) + 8
    for step in range(120):
        colour = tuple(int(part) for part in coloured(np.array(step / 119)))
        draw.line([(x + step, y + 23), (x + step, y + 36)], fill=colour)
    letters.draw(draw, (x + 128, y + 34), after, "black")
