"""Where in a clip its sign is, and what a window of its frames shows of it.

Kvanchiani et al., "Training Strategies for Isolated Sign Language Recognition" (2024,
arXiv:2412.11553), weigh a window w of a longer video by how much of it the sign s fills,
`IoU = (min(w_end, s_end) - max(w_start, s_start)) / (w_end - w_start + 1)`, and let a second head
draw begin and end of the sign. That needs clips that are longer than their signs, whose annotations
say where these begin: two columns of the table that the build has kept as `extra`. In a clip that
was cut to its sign every window is full of it, and there would be nothing to learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.stream.index import Index
from sign_etl.stream.made import made
from sign_etl.stream.sources import open_source

SPAN = "span"
"""Name of the array in a batch: (B, V, 4) for V windows of a clip, see `seen_of`."""
UNTRIMMED = (
    "build whole videos whose table has columns `sign_start` and `sign_end` in seconds; of Slovo: "
    "`sign-etl ingest slovo --media slovo_full --media-kind trimmed`, and "
    "`spans: {begin: begin, end: end, fps: 30}`"
)
LATE_FRAMES = 1.5
"""So many frames a sign may end behind its clip, from rounding; later it is of another video."""


@dataclass(frozen=True, slots=True)
class SpanColumns:
    """Which columns of the annotations say where the sign is.

    Attributes:
        begin: name of the one with its beginning, from the beginning of the clip.
        end: name of the one with its end.
        fps: what they count in a second; 0 where they are seconds.
    """

    begin: str = "sign_start"
    end: str = "sign_end"
    fps: float = 0.0

    @classmethod
    def of(cls, given: bool | Mapping[str, Any]) -> SpanColumns | None:
        """As a recipe says it: `spans: true`, or `spans: {begin: ...}`; None for none.

        Raises:
            ConfigError: there is no such option.
        """
        if isinstance(given, bool):
            return cls() if given else None
        return made("`spans` of the view", cls, given)

    def policy(self) -> dict[str, Any]:
        """All settings."""
        return asdict(self)


def read_spans(index: Index, columns: SpanColumns) -> NDArray[np.float64]:
    """Begin and end (N, 2) of the sign in each clip, in seconds; NaN where nobody says it.

    Raises:
        ConfigError: nobody says it of any clip, or what is said are no numbers.
    """
    parts = []
    for source in index.sources:
        _, table = open_source(source.remote or source.root)
        parts.append(
            np.array([_pair(dict(extra), columns) for extra in table["extra"].to_pylist()])
        )
    found = np.concatenate(parts).reshape(-1, 2) / (columns.fps or 1.0)
    length_s = index.frames / np.maximum(index.fps, 1e-9)
    with np.errstate(invalid="ignore"):
        late = LATE_FRAMES / np.maximum(index.fps, 1e-9)
        good = (found[:, 0] >= 0) & (found[:, 1] > found[:, 0]) & (found[:, 1] <= length_s + late)
    found[~good] = np.nan
    if not good.any():
        raise ConfigError(
            f"no clip says by `{columns.begin}` and `{columns.end}` where in it its sign is",
            hint=UNTRIMMED,
        )
    return found


def _pair(extra: Mapping[str, str], columns: SpanColumns) -> tuple[float, float]:
    if columns.begin not in extra or columns.end not in extra:
        return float("nan"), float("nan")
    try:
        return float(extra[columns.begin]), float(extra[columns.end])
    except ValueError:
        raise ConfigError(
            f"`{columns.begin}` or `{columns.end}` of the annotations is no number",
            hint="write seconds, or frames and `spans: {fps: 30}`",
        ) from None


def iou(first: float, last: float, begin: float, end: float) -> float:
    """The published overlap of a window and a sign, all in frames; 0 where they are apart."""
    return max(0.0, min(last, end) - max(first, begin)) / (last - first + 1)


def seen_of(numbers: NDArray[np.int64], span: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a window shows of a sign.

    Args:
        numbers: frames of the clip that the model sees.
        span: begin and end of the sign in frames of the clip; NaN where not known.

    Returns:
        (4,): begin and end as shares of the window, from 0 to 1; `iou`; 1 where something of the
        sign is to be seen. Where nobody knows the sign 0, 0, 1, 0: its window counts as any.
    """
    if not np.isfinite(span).all():
        return np.array([0, 0, 1, 0], np.float32)
    first, last = float(numbers.min()), float(numbers.max())
    begin, end = float(span[0]), float(span[1])
    places = np.clip((np.array([begin, end]) - first) / (last - first + 1), 0, 1)
    overlap = iou(first, last, begin, end)
    return np.array([*places, overlap, float(overlap > 0)], np.float32)
