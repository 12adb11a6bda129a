"""Captions with times: WebVTT (`.vtt`) and SubRip (`.srt`) files.

    00:00:01.000 --> 00:00:02.500
    Hello there.

Everything between the times and the next empty line is the text; numbers of cues, settings behind
the times, styles, notes and tags such as `<i>` are left out, as are cues that hold no text or are
shown for no time.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.reading import read_utf8

EXTENSIONS = (".vtt", ".srt")

_CLOCK = re.compile(r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")
_TIMES = re.compile(r"\s*(\S+)\s+-->\s+(\S+)(?:\s.*)?")
_TAG = re.compile(r"<[^<>]*>")
_BLANK_LINES = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption.

    Attributes:
        start_s: when it appears, in seconds of the video.
        end_s: when it vanishes.
        text: what it says, in one line.
    """

    start_s: float
    end_s: float
    text: str


def clock_s(text: str) -> float | None:
    """Seconds of a time `HH:MM:SS.mmm` or `MM:SS.mmm` (a comma will do), None if it is none."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    milliseconds = round(float(seconds.replace(",", ".")) * 1000)
    return (int(hours or 0) * 3_600_000 + int(minutes) * 60_000 + milliseconds) / 1000


def read_captions(path: Path) -> list[Cue]:
    """The cues of a file, in its order.

    Raises:
        AnnotationError: it cannot be read, is no UTF-8, or the times of a cue are none.
    """
    text = read_utf8(path)
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    cues = (_cue(path.name, block) for block in _BLANK_LINES.split(lines))
    return [cue for cue in cues if cue is not None]


def _cue(name: str, block: str) -> Cue | None:
    lines = block.strip("\n").split("\n")
    # The times stand in the first line, or in the second behind a number or name.
    for place, line in enumerate(lines[:2]):
        times = _TIMES.fullmatch(line)
        if times is None:
            continue
        start_s, end_s = clock_s(times[1]), clock_s(times[2])
        if start_s is None or end_s is None:
            raise AnnotationError(
                f"{name}: `{line.strip()}` are no times of a caption",
                hint="write them as `00:00:01.000 --> 00:00:02.500`",
            )
        text = " ".join(_plain(line) for line in lines[place + 1 :]).strip()
        return Cue(start_s, end_s, text) if text and start_s < end_s else None
    return None


def _plain(line: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", line)).split())
