"""Megatron-Energon: the shards with `.nv-meta` beside them, as `energon prepare` would write it.

    .nv-meta/dataset.yaml   split.yaml   .info.json      SPLIT/*.tar      SPLIT/*.tar.idx

Samples are crude: a task encoder's cooker turns `json` and `NAME.npy` into what a model wants. An
`.idx` holds where samples begin, as unsigned 64-bit numbers. The data base of single members
(`index.sqlite`), which joined data sets need, is left to `energon prepare`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_json
from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.export.shards import write_shards

_DATASET = {
    "__module__": "megatron.energon",
    "__class__": "CrudeWebdataset",
}


@dataclass(frozen=True, slots=True)
class Energon:
    """The format."""

    name: str = "energon"
    title: str = "Megatron-Energon folder"
    read_by: str = (
        '`megatron.energon.get_train_dataset("FOLDER", ...)` with a task encoder whose cookers '
        "read `json` and `NAME.npy`; the splits are those of `.nv-meta/split.yaml`."
    )
    video: VideoUse = "kept"
    poses: bool = False
    layout: str | None = None
    lost: str = ""

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        import yaml

        parts: dict[str, list[str]] = {split: [] for split in selection.splits}
        counts: dict[str, int] = {}
        for shard in write_shards(selection, folder):
            parts[shard.split].append(shard.path)
            counts[shard.path] = shard.samples
            index = struct.pack(f"<{len(shard.starts)}Q", *shard.starts)
            (folder / f"{shard.path}.idx").write_bytes(index)
        meta = folder / ".nv-meta"
        meta.mkdir()
        split: dict[str, Any] = {"split_parts": parts, "exclude": []}
        for name, value in (("dataset.yaml", _DATASET), ("split.yaml", split)):
            text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
            (meta / name).write_text(text, encoding="utf-8", newline="\n")
        write_json(meta / ".info.json", {"shard_counts": counts})
        return Written(sum(counts.values()))


FORMAT = Energon()
