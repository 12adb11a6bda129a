"""SPOTER and spoter-embeddings: one row a clip, 54 joints as columns of lists over frames.

    NAME_SPLIT.csv          nose_X, nose_Y, ..., thumbCMC_right_Y, labels, label_name, split, ...
    id_to_label.json        {"0": "book", ...}

Shares of the picture with six decimals, `0` where a joint was not found; y grows downwards, as in
tables made of MediaPipe's points. Labels count from 0, as spoter-embeddings has them; SPOTER's own
tables count from 1.
"""

from __future__ import annotations

import csv
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sign_etl.core.files import write_json
from sign_etl.export.base import Selection, VideoUse, Written, need_classes
from sign_etl.reader import Sample
from sign_etl.schema.layouts import layout
from sign_etl.schema.spoter import column_names

WORDS: Final = "id_to_label.json"
FACTS: Final = (
    *("labels", "label_name", "split", "video_id", "video_width", "video_height", "fps"),
    *("length", "signer", "language", "text"),
)
_POINTS: Final = layout("spoter-54")
HEADER: Final = (
    *(f"{column_names(point)[0]}_{axis}" for point in _POINTS.points for axis in "XY"),
    *FACTS,
)


@dataclass(frozen=True, slots=True)
class Spoter:
    """The format."""

    name: str = "spoter"
    title: str = "SPOTER tables (CSV)"
    read_by: str = (
        "The loaders of SPOTER (`CzechSLRDataset`) and spoter-embeddings read the tables; labels "
        "count from 0, so with SPOTER's own loader add 1. Back into sign-etl: "
        "`sign-etl ingest spoter-csv --media DIR`."
    )
    video: VideoUse = "none"
    poses: bool = True
    layout: str | None = _POINTS.name
    lost: str = "scores and depth"

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        need_classes(selection, "SPOTER")
        name = selection.build.manifest.name
        clips = skipped = 0
        with ExitStack() as stack:
            tables: dict[str, Any] = {}
            for split in selection.splits:
                path = folder / f"{name}_{split}.csv"
                file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
                tables[split] = csv.writer(file, lineterminator="\n")
                tables[split].writerow(HEADER)
            for sample in selection.samples():
                if sample.label_id is None:
                    skipped += 1
                    continue
                xy = selection.filled(sample)[..., :2].astype(float)
                lists = [
                    _cell(xy[:, point, axis]) for point in range(_POINTS.size) for axis in (0, 1)
                ]
                tables[sample.split].writerow([*lists, *_facts(sample)])
                clips += 1
        words = {str(number): label for number, label in enumerate(selection.build.labels)}
        write_json(folder / WORDS, words)
        return Written(clips, skipped)


FORMAT = Spoter()


def _cell(values: Any) -> str:
    return f"[{','.join(f'{value:.6f}' if value else '0' for value in values)}]"


def _facts(sample: Sample) -> list[Any]:
    return [
        sample.label_id,
        sample.label,
        sample.split,
        sample.key,
        sample.width,
        sample.height,
        sample.fps,
        sample.frames,
        sample.signer,
        sample.language,
        sample.text,
    ]
