"""Hugging Face `datasets`: Parquet files by split, and a card that says so.

    README.md       YAML head: licence, language, one configuration with its files by split
    data/train-00000-of-00001.parquet       data/validation-...       data/test-...

The tables are those of the format `parquet`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.export.hub_head import hub_head, hub_splits
from sign_etl.export.parquet import write_tables


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """The format."""

    name: str = "hf"
    title: str = "Hugging Face `datasets` folder"
    read_by: str = (
        '`datasets.load_dataset("FOLDER")`, with the splits `train`, `validation` and `test`. The '
        "keypoints of a row are `np.asarray(row['keypoints']).reshape(row['frames'], K, C)`; K, C "
        "and the names of the points are JSON in the metadata of the files, under `sign-etl`."
    )
    video: VideoUse = "optional"
    poses: bool = True
    layout: str | None = None
    lost: str = ""

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        names = hub_splits(selection.splits)
        clips = write_tables(selection, folder, names)
        files = {name: f"data/{name}-*.parquet" for name in names.values()}
        manifest = selection.build.manifest
        requested = sum(manifest.splits[split] for split in selection.splits)
        head = hub_head(manifest, selection.rights.licence, requested, files)
        return Written(clips, head=head)


FORMAT = HuggingFace()
