"""Contact sheets: rows of clips, frames from left to right with the skeleton on them, a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from sign_etl.viz.skeleton import GROUND, draw_sample_line
from sign_etl.viz.text import lettering

PAPER = "#fbfaf7"
INK = "#1c2128"
SOFT = "#5d6672"
RULE = "#e3e0d8"

MARGIN = 36
GAP = 8
ROW_GAP = 22
CAPTION = 268
"""Width of the captions on the left."""
TILE_AREA = 204 * 204
CLIP_TILE_AREA = 430 * 270
"""Pixels of a thumbnail, on a sheet and on the page of one clip."""
CLIP_COLUMNS = 4
ROUNDING = 6

TITLE, LABEL, SMALL = 30, 24, 17
"""Font sizes in pixels."""

LEGEND = (("body", "body"), ("left_hand", "left hand"), ("right_hand", "right hand"))
LEGEND_NOTE = "left and right are the signer's own; faint lines have a low score"


@dataclass(frozen=True)
class Strip:
    """Frames of one clip with one set of keypoints.

    Attributes:
        label: what is signed.
        lines: further lines of the caption; long ones are shortened in their middle.
        pictures: the frames, skeleton drawn, of any size.
        times: a line under each frame.
    """

    label: str
    lines: tuple[str, ...]
    pictures: tuple[Image.Image, ...]
    times: tuple[str, ...]


def tile_size(aspect: float, *, large: bool = False) -> tuple[int, int]:
    """Width and height of thumbnails: the same area for every aspect (width / height)."""
    area = CLIP_TILE_AREA if large else TILE_AREA
    return max(round(math.sqrt(area * aspect)), 24), max(round(math.sqrt(area / aspect)), 24)


def draw_sheet(
    title: str, subtitle: str, strips: Sequence[Strip], tile: tuple[int, int], *, legend: bool
) -> Image.Image:
    """A sheet with one row a strip.

    Args:
        title: first line.
        subtitle: second line.
        strips: from top to bottom.
        tile: width and height of a thumbnail; pictures of another aspect get borders.
        legend: whether to explain the colours.
    """
    columns = max((len(strip.pictures) for strip in strips), default=1)
    row = max(tile[1] + SMALL + 10, LABEL + 12 + 4 * (SMALL + 8))
    width = 2 * MARGIN + CAPTION + columns * (tile[0] + GAP) - GAP
    top = MARGIN + TITLE + 14 + SMALL + 26
    height = top + len(strips) * (row + ROW_GAP) + (SMALL + 20 if legend else 0) + MARGIN // 2
    sheet, canvas = _page(width, height, title, subtitle)
    for number, strip in enumerate(strips):
        y = top + number * (row + ROW_GAP)
        canvas.line((MARGIN, y - ROW_GAP // 2, width - MARGIN, y - ROW_GAP // 2), RULE)
        _caption(canvas, MARGIN, y + 2, CAPTION - 20, strip)
        for column, (picture, time) in enumerate(zip(strip.pictures, strip.times, strict=True)):
            x = MARGIN + CAPTION + column * (tile[0] + GAP)
            _tile(sheet, canvas, (x, y + 4), picture, time, tile)
    if legend:
        _legend(sheet, canvas, height - MARGIN - 4)
    return sheet


def draw_clip_page(
    title: str, subtitle: str, strips: Sequence[Strip], tile: tuple[int, int], *, legend: bool
) -> Image.Image:
    """One clip large: each strip a block of frames in reading order. Arguments as `draw_sheet`."""
    columns = min(CLIP_COLUMNS, max((len(strip.pictures) for strip in strips), default=1))
    heights = [
        SMALL + 22 + math.ceil(len(strip.pictures) / columns) * (tile[1] + SMALL + 18)
        for strip in strips
    ]
    width = max(2 * MARGIN + columns * (tile[0] + GAP) - GAP, 900)
    top = MARGIN + TITLE + 14 + SMALL + 26
    height = top + sum(heights) + (SMALL + 20 if legend else 0) + MARGIN // 2
    sheet, canvas = _page(width, height, title, subtitle)
    small = lettering(SMALL)
    for strip, block in zip(strips, heights, strict=True):
        line = small.fit(" · ".join(strip.lines[1:]), width - 2 * MARGIN)
        small.draw(canvas, (MARGIN, top + SMALL), line, SOFT)
        for place, (picture, time) in enumerate(zip(strip.pictures, strip.times, strict=True)):
            row, column = divmod(place, columns)
            x = MARGIN + column * (tile[0] + GAP)
            y = top + SMALL + 18 + row * (tile[1] + SMALL + 18)
            _tile(sheet, canvas, (x, y), picture, time, tile)
        top += block
    if legend:
        _legend(sheet, canvas, height - MARGIN - 4)
    return sheet


def _page(
    width: int, height: int, title: str, subtitle: str
) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("RGB", (width, height), PAPER)
    canvas = ImageDraw.Draw(sheet)
    room = width - 2 * MARGIN
    big, small = lettering(TITLE), lettering(SMALL)
    big.draw(canvas, (MARGIN, MARGIN + TITLE - 6), big.fit(title, room), INK)
    small.draw(canvas, (MARGIN, MARGIN + TITLE + SMALL + 8), small.fit(subtitle, room), SOFT)
    return sheet, canvas


def _caption(canvas: ImageDraw.ImageDraw, x: int, y: int, width: int, strip: Strip) -> None:
    large, small = lettering(LABEL), lettering(SMALL)
    y += LABEL
    large.draw(canvas, (x, y), large.fit(strip.label, width), INK)
    y += 6
    for line in strip.lines:
        y += SMALL + 7
        small.draw(canvas, (x, y), small.fit(line, width, middle=True), SOFT)


def _tile(
    sheet: Image.Image,
    canvas: ImageDraw.ImageDraw,
    xy: tuple[int, int],
    picture: Image.Image,
    time: str,
    tile: tuple[int, int],
) -> None:
    ground = Image.new("RGB", tile, GROUND)
    if picture.size != tile:
        scale = min(tile[0] / picture.width, tile[1] / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    ground.paste(picture, ((tile[0] - picture.width) // 2, (tile[1] - picture.height) // 2))
    sheet.paste(ground, xy, _rounded(tile))
    lettering(SMALL - 2).draw(canvas, (xy[0] + 2, xy[1] + tile[1] + SMALL + 1), time, SOFT)


def _rounded(size: tuple[int, int]) -> Image.Image:
    big = Image.new("L", (size[0] * 3, size[1] * 3), 0)
    corner = (0, 0, big.width - 1, big.height - 1)
    ImageDraw.Draw(big).rounded_rectangle(corner, ROUNDING * 3, fill=255)
    return big.resize(size, Image.Resampling.BOX)


def _legend(sheet: Image.Image, canvas: ImageDraw.ImageDraw, y: int) -> None:
    small = lettering(SMALL)
    swatch = (44, 22)
    x = float(MARGIN)
    for part, words in LEGEND:
        sheet.paste(draw_sample_line(swatch, part), (round(x), y - 17), _rounded(swatch))
        x += swatch[0] + 10
        small.draw(canvas, (x, y), words, INK)
        x += small.width(words) + 28
    small.draw(canvas, (x, y), small.fit(LEGEND_NOTE, sheet.width - MARGIN - x), SOFT)
