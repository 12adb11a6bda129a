"""Parquet: one row a clip, its keypoints in it, for pandas, DuckDB, pyarrow and whatever else.

    data/SPLIT-00000-of-00002.parquet

`keypoints` is a list of frames, each a list of K x C numbers (float32): a clip is
`np.stack(row.keypoints).reshape(row.frames, K, C)`. What stands where is in the file's metadata
under `sign-etl`. Points that were not estimated are NaN with score 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.core.canonical import canonical_json
from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.reader import Sample

CLIPS_A_FILE: Final = 4096
CLIPS_A_GROUP: Final = 64
"""Rows in memory at a time: with 133 points and 100 frames about 10 MB."""

_FACTS: Final = (
    *("key", "annotation_id", "source_id", "split", "label", "label_id", "gloss", "text"),
    *("language", "signer", "start_s", "end_s", "fps", "frames", "width", "height"),
)


@dataclass(frozen=True, slots=True)
class Parquet:
    """The format."""

    name: str = "parquet"
    title: str = "Parquet tables with keypoints"
    read_by: str = (
        "`pandas.read_parquet(\"data\")`, or `SELECT * FROM 'data/*.parquet'` in DuckDB. The "
        "keypoints of a row are `np.stack(row.keypoints).reshape(row.frames, K, C)`; K, C and the "
        "names of the points are JSON in the metadata of the files, under `sign-etl`."
    )
    video: VideoUse = "optional"
    poses: bool = True
    layout: str | None = None
    lost: str = ""

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        return Written(write_tables(selection, folder, {}))


FORMAT = Parquet()


def write_tables(selection: Selection, folder: Path, names: Mapping[str, str]) -> int:
    """Write `data/*.parquet`; returns the number of clips.

    Args:
        selection: what is exported.
        folder: gets a folder `data`.
        names: what splits are called in the file names, where not as in the build.
    """
    import pyarrow.parquet as pq

    schema = _schema(selection)
    (folder / "data").mkdir()
    clips = 0
    for split in selection.splits:
        total = selection.build.splits[split]
        files = -(-total // CLIPS_A_FILE)
        rows = selection.samples(split)
        for number in range(files):
            name = f"{names.get(split, split)}-{number:05d}-of-{files:05d}.parquet"
            with pq.ParquetWriter(folder / "data" / name, schema, compression="zstd") as writer:
                for group in _groups(rows):
                    writer.write_table(_table(selection, group, schema))
                    clips += len(group)
    return clips


def _groups(rows: Iterator[Sample]) -> Iterator[tuple[Sample, ...]]:
    for _ in range(CLIPS_A_FILE // CLIPS_A_GROUP):
        if group := tuple(islice(rows, CLIPS_A_GROUP)):
            yield group


def _schema(selection: Selection) -> Any:
    import pyarrow as pa

    kind = selection.kind()
    about = {
        "layout": kind.name,
        "points": list(kind.points),
        "channels": ["x", "y", *(["z"] if kind.has_z else []), "score"],
        "backend": selection.backend,
        "licence": selection.rights.licence,
    }
    return pa.schema(
        [
            *((name, pa.string()) for name in ("key", "annotation_id", "source_id", "split")),
            ("label", pa.string()),
            ("label_id", pa.int32()),
            *((name, pa.string()) for name in ("gloss", "text", "language", "signer")),
            *((name, pa.float64()) for name in ("start_s", "end_s", "fps")),
            *((name, pa.int32()) for name in ("frames", "width", "height")),
            ("extra", pa.string()),
            ("keypoints", pa.list_(pa.list_(pa.float32(), kind.size * kind.channels))),
            *([("video", pa.binary())] if selection.video else []),
        ],
        metadata={"sign-etl": canonical_json(about)},
    )


def _table(selection: Selection, group: Sequence[Sample], schema: Any) -> Any:
    import pyarrow as pa

    clips = [selection.keypoints(sample).astype(np.float32) for sample in group]
    columns = {name: [getattr(sample, name) for sample in group] for name in _FACTS}
    columns["extra"] = [canonical_json(dict(sample.extra)) for sample in group]
    numbers = pa.array(np.concatenate([clip.ravel() for clip in clips]))
    frames = pa.FixedSizeListArray.from_arrays(numbers, clips[0].shape[1] * clips[0].shape[2])
    starts = np.cumsum([0, *map(len, clips)], dtype=np.int32)
    columns["keypoints"] = pa.ListArray.from_arrays(pa.array(starts), frames)
    if selection.video:
        columns["video"] = [selection.build.read(sample, "mp4") for sample in group]
    return pa.table(columns, schema=schema)
