"""Hugging Face `datasets`: Parquet files by split, and a card that says so.

    README.md       YAML head: licence, language, one configuration with its files by split
    data/train-00000-of-00001.parquet       data/validation-...       data/test-...

The tables are those of the format `parquet`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sign_etl.export.base import Selection, VideoUse, Written, renamed
from sign_etl.export.parquet import write_tables

SPLITS: Final = {"val": "validation", "dev": "validation"}
_NO_WORD: Final = re.compile(r"\W")
"""What the names of splits may not hold there."""
_LICENCES: Final = frozenset(
    {
        *("apache-2.0", "cc0-1.0", "mit", "odbl", "pddl"),
        *(
            f"cc-by{rest}-{version}"
            for rest in ("", "-sa", "-nc", "-nc-sa", "-nd", "-nc-nd")
            for version in ("2.0", "3.0", "4.0")
        ),
    }
)
"""Names that the hub knows; any other licence is `other`, with its name and address beside it."""
_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


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
        plain = {split: _NO_WORD.sub("_", split) for split in selection.splits}
        names = renamed(selection.splits, plain | SPLITS)
        clips = write_tables(selection, folder, names)
        return Written(clips, head=_head(selection, names))


FORMAT = HuggingFace()


def _head(selection: Selection, names: Mapping[str, str]) -> str:
    import yaml

    manifest = selection.build.manifest
    clips = sum(manifest.splits[split] for split in selection.splits)
    files = [{"split": name, "path": f"data/{name}-*.parquet"} for name in names.values()]
    said = {
        **_licence(selection.rights.licence, manifest.homepage),
        **({"language": [manifest.language]} if manifest.language != "und" else {}),
        "pretty_name": manifest.name,
        "tags": ["sign-language", "pose", "keypoints"],
        "size_categories": [next((name for limit, name in _SIZES if clips < limit), "100K<n<1M")],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---\n\n"


def _licence(licence: str, homepage: str) -> dict[str, Any]:
    known = licence.lower().replace(" ", "-")
    if known in _LICENCES:
        return {"license": known}
    link = {"license_link": homepage} if homepage else {}
    return {"license": "other", "license_name": licence, **link}
