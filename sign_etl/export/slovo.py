"""Slovo: `annotations.csv`, which is tab-separated, and the videos by split.

    annotations.csv     attachment_id, user_id, height, width, length, text, train, begin, end
    train/KEY.mp4       test/KEY.mp4

Slovo knows train and test only: other splits go to `test`, and the column `split` says which.
`begin` and `end` are frames of the cut videos, that is all of them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sign_etl.export.base import Selection, VideoUse, Written, need_classes

ANNOTATIONS: Final = "annotations.csv"
COLUMNS: Final = (
    *("attachment_id", "user_id", "height", "width", "length", "text", "train"),
    *("begin", "end", "split"),
)
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Slovo:
    """The format."""

    name: str = "slovo"
    title: str = "Slovo-style annotations and videos"
    read_by: str = (
        '`pandas.read_csv("annotations.csv", sep="\\t")`; the videos are `train/ID.mp4` and '
        "`test/ID.mp4`. Back into sign-etl: `sign-etl ingest slovo --media DIR --annotations "
        "DIR/annotations.csv --media-kind trimmed`."
    )
    video: VideoUse = "needed"
    poses: bool = False
    layout: str | None = None
    lost: str = "keypoints and sentences"

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        need_classes(selection, "Slovo")
        clips = skipped = nameless = 0
        with (folder / ANNOTATIONS).open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            table.writerow(COLUMNS)
            for sample in selection.samples():
                if sample.label is None:
                    skipped += 1
                    continue
                train = sample.split == "train"
                nameless += sample.signer is None
                size = (sample.height, sample.width, sample.frames)
                signer = sample.signer if sample.signer is not None else UNKNOWN
                span = (0, sample.frames, sample.split)
                table.writerow([sample.key, signer, *size, sample.label, train, *span])
                place = "train" if train else "test"
                selection.write_video(sample, folder / place / f"{sample.key}.mp4")
                clips += 1
        said = (f"the signer of {nameless:,} clips is not known: `{UNKNOWN}`",) if nameless else ()
        return Written(clips, skipped, said)


FORMAT = Slovo()
