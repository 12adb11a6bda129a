"""The keypoints of one clip over its frames: how sure each part of the body is, and where it lacks.

As a picture, and as lines of characters for a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.reader import Build, Sample
from sign_etl.reader.pose_quality import known_points
from sign_etl.schema.layouts import layout
from sign_etl.viz.contact_sheet import INK, LABEL, MARGIN, PAPER, RULE, SMALL, SOFT, TITLE
from sign_etl.viz.strip import frames_of, label_of
from sign_etl.viz.text import lettering

WIDTH = 1200
NAMES = 210
"""Pixels for the names on the left."""
LANE = 54
LANE_GAP = 14
INKS = {
    "body": "#3a5a8c",
    "left_hand": "#b97b00",
    "right_hand": "#c22f78",
    "face": "#4d7a3a",
}
MISSING = "#d8d4ca"
STEPS = " ▁▂▃▄▅▆▇█"
GAP = "·"
"""What stands for frames without a part, in the picture a grey field."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One part of the body by one backend.

    Attributes:
        backend: its name.
        part: name of the part.
        score: (T,) mean score of the points found, NaN where none was found.
    """

    backend: str
    part: str
    score: NDArray[np.float64]


def lanes(build: Build, sample: Sample, backends: Sequence[str]) -> list[Lane]:
    """The lanes of a clip, backend by backend.

    Raises:
        VerifyError: the bytes of the sample are damaged.
    """
    found = []
    for backend in backends:
        keypoints = build.keypoints(sample, backend)
        kind = layout(build.manifest.poses[backend].layout)
        known = known_points(keypoints)
        score = np.where(known, keypoints[..., -1].astype(np.float64), 0.0)
        for part, numbers in kind.parts.items():
            if numbers:
                count = known[:, list(numbers)].sum(axis=1)
                total = score[:, list(numbers)].sum(axis=1)
                mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
                found.append(Lane(backend, part, mean))
    return found


def draw_timeline(build: Build, sample: Sample, backends: Sequence[str]) -> Image.Image:
    """The lanes of a clip as a picture: height is the score, grey fields are frames without a part.

    Args:
        build: the build.
        sample: one of its samples.
        backends: whose keypoints.

    Raises:
        VerifyError: the bytes of the sample are damaged.
    """
    rows = lanes(build, sample, backends)
    top = MARGIN + TITLE + 14 + SMALL + 30
    height = top + len(rows) * (LANE + LANE_GAP) + SMALL + MARGIN
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    canvas = ImageDraw.Draw(sheet)
    big, small, middle = lettering(TITLE), lettering(SMALL), lettering(LABEL - 5)
    room = WIDTH - 2 * MARGIN
    big.draw(canvas, (MARGIN, MARGIN + TITLE - 6), big.fit(label_of(sample), room), INK)
    facts = f"{sample.key} · {frames_of(sample)} at {sample.fps:g} fps"
    small.draw(canvas, (MARGIN, MARGIN + TITLE + SMALL + 8), small.fit(facts, room), SOFT)
    left, right = MARGIN + NAMES, WIDTH - MARGIN
    for place, lane in enumerate(rows):
        y = top + place * (LANE + LANE_GAP)
        middle.draw(canvas, (MARGIN, y + 22), part_name(lane.part), INK)
        missing = float(np.isnan(lane.score).mean()) if len(lane.score) else 0.0
        words = small.fit(f"{lane.backend} · {missing:.0%} missing", NAMES - 10)
        small.draw(canvas, (MARGIN, y + 44), words, SOFT)
        _lane(canvas, lane, (left, y, right, y + LANE))
    seconds = sample.frames / sample.fps
    bottom = top + len(rows) * (LANE + LANE_GAP) + SMALL
    for quarter in range(5):
        words = f"{seconds * quarter / 4:.2f} s"
        x = left + (right - left) * quarter / 4 - small.width(words) * quarter / 4
        small.draw(canvas, (x, bottom), words, SOFT)
    return sheet


def timeline_lines(rows: Sequence[Lane], width: int) -> list[str]:
    """The lanes as lines of characters: eight heights for the score, a dot for frames without.

    Args:
        rows: from `lanes`.
        width: of a line in characters.
    """
    names = [f"{lane.backend} {part_name(lane.part)}" for lane in rows]
    longest = max(map(len, names), default=0)
    lines = []
    for name, lane in zip(names, rows, strict=True):
        cells = max(min(width - longest - 2, len(lane.score)), 1)
        pieces = np.array_split(lane.score, cells)
        drawn = "".join(
            GAP
            if not len(piece) or np.isnan(piece).mean() > 0.5
            else STEPS[1 + min(int(np.nanmean(piece) * 8), 7)]
            for piece in pieces
        )
        lines.append(f"{name:{longest}}  {drawn}")
    return lines


def part_name(part: str) -> str:
    """A part of a layout in words."""
    return part.replace("_", " ")


def _lane(canvas: ImageDraw.ImageDraw, lane: Lane, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = box
    step = (right - left) / max(len(lane.score), 1)
    for number, score in enumerate(lane.score):
        x = (left + number * step, left + (number + 1) * step - (1 if step > 4 else 0))
        if np.isnan(score):
            canvas.rectangle((x[0], top, x[1], bottom), fill=MISSING)
        else:
            high = bottom - (bottom - top) * min(max(float(score), 0.0), 1.0)
            canvas.rectangle((x[0], high, x[1], bottom), fill=INKS[lane.part])
    canvas.line((left, bottom, right, bottom), RULE)
