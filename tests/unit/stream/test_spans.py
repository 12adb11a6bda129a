"""Where the sign is in a window: overlaps by hand, and what a build says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tiny_build import FPS, FRAMES, reseal, write_tiny_build

from sign_etl.core.errors import ConfigError
from sign_etl.reader import open_build
from sign_etl.schema.tables import INDEX, write_table
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.index import Index, open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching
from sign_etl.stream.spans import SPAN, SpanColumns, iou, read_spans, seen_of

WINDOWS = (
    # Frames 10 to 41 are 32; the sign from 18 to 34 fills 16 of them, behind 8 and before 24.
    (range(10, 42), (18, 34), (0.25, 0.75, 0.5, 1)),
    # Every second frame counts as the span that it covers: 10 to 40, 31 frames.
    (range(10, 42, 2), (18, 34), (8 / 31, 24 / 31, 16 / 31, 1)),
    # As published, a window inside of the sign has (n - 1) / n.
    (range(10, 20), (0, 50), (0, 1, 0.9, 1)),
    # The sign begins before and ends within: (14 - 10) / 10.
    (range(10, 20), (5, 14), (0, 0.4, 0.4, 1)),
    # Apart: nothing of the sign is to be seen, and there is nothing to learn.
    (range(10, 20), (30, 40), (1, 1, 0, 0)),
    (range(10, 20), (0, 5), (0, 0, 0, 0)),
    # Nobody knows: it counts as any.
    (range(10, 20), (np.nan, np.nan), (0, 0, 1, 0)),
    # A short clip that begins again: frames 0 to 3.
    ([0, 1, 2, 3, 0, 1, 2, 3], (1, 3), (0.25, 0.75, 0.5, 1)),
)


@pytest.mark.parametrize(("numbers", "span", "wanted"), WINDOWS, ids=range(len(WINDOWS)))
def test_what_a_window_shows(
    numbers: Sequence[int], span: tuple[float, float], wanted: tuple[float, ...]
) -> None:
    found = seen_of(np.array(numbers), np.array(span, float))
    np.testing.assert_allclose(found, np.array(wanted, np.float32), rtol=1e-6)


def test_the_published_overlap() -> None:
    assert iou(0, 31, 8, 24) == 0.5
    assert iou(0, 31, 40, 60) == 0.0
    assert iou(3, 3, 0, 9) == 0.0


def build(folder: Path, *said: Mapping[str, str]) -> Index:
    """A build whose clips, one after the other, say these things of themselves."""
    write_tiny_build(folder, clips=len(said), splits=("train",))
    rows = open_build(folder).index.to_pylist()
    for row, extra in zip(rows, said, strict=True):
        row["extra"] = extra
    write_table(folder / "index.parquet", pa.Table.from_pylist(rows, INDEX))
    reseal(folder)
    return open_index([folder])


def test_a_build_says_it_in_seconds_or_in_frames(tmp_path: Path) -> None:
    """12 frames at 25 a second are 0.48 s. What lies behind is of another video: unknown."""
    index = build(
        tmp_path / "b",
        {"sign_start": "0.08", "sign_end": "0.4", "begin": "3", "end": "12"},
        {"sign_start": "0.08", "sign_end": "2", "begin": "30", "end": "45"},
        {"view": "front"},
        {"sign_start": "0.3", "sign_end": "0.2", "begin": "nan", "end": "4"},
    )
    nobody = [[np.nan, np.nan]] * 3
    np.testing.assert_allclose(read_spans(index, SpanColumns()), [[0.08, 0.4], *nobody])
    frames = SpanColumns("begin", "end", 30.0)
    np.testing.assert_allclose(read_spans(index, frames), [[0.1, 0.4], *nobody])


def test_batches_carry_it(tmp_path: Path) -> None:
    index = build(tmp_path / "b", {"sign_start": "0.08", "sign_end": "0.4"}, {}, {})
    view = ClipView.for_recipe(
        {
            "sampler": {"name": "circle", "frames": 6, "stride": 2},
            "size": 16,
            "views": 2,
            "spans": True,
        },
        augment=[],
        noise=0,
        use="evaluate",
    )
    stream = Stream(index, {"clip": view}, Batching(samples=3, shuffle=False))
    with stream.loader() as loader:
        [batch] = [batch for step in loader.epoch(0) for batch in step]
    assert batch.views["clip"].shape == (3, 12, 16, 16, 3)
    assert batch.views[SPAN].shape == (3, 2, 4)
    # Frames 0 to 10 and 1 to 11 of 12, the sign from 2 to 10: 8 of 11.
    first, second = batch.views[SPAN][batch.ids.tolist().index(0)].numpy()
    np.testing.assert_allclose(first, [2 / 11, 10 / 11, 8 / 11, 1], rtol=1e-5)
    np.testing.assert_allclose(second, [1 / 11, 9 / 11, 8 / 11, 1], rtol=1e-5)
    assert FRAMES / FPS == 0.48
    assert view.policy()["spans"] == {"begin": "sign_start", "end": "sign_end", "fps": 0.0}
    assert set(view.placeholder(index)) == {"clip", SPAN}


def test_clips_that_were_cut_are_refused(tmp_path: Path) -> None:
    cut = build(tmp_path / "b", {"begin": "30", "end": "45"}, {})
    with pytest.raises(ConfigError, match="where in it its sign is") as caught:
        read_spans(cut, SpanColumns("begin", "end", 30.0))
    assert "--media-kind trimmed" in (caught.value.hint or "")
    words = build(tmp_path / "w", {"sign_start": "soon", "sign_end": "later"})
    with pytest.raises(ConfigError, match="no number"):
        read_spans(words, SpanColumns())
    with pytest.raises(ConfigError, match="`spans` of the view"):
        SpanColumns.of({"from": "begin"})
