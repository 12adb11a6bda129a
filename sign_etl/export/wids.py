"""wids: the shards with an index each split, so that samples can be had by their number.

SPLIT.json      {"__kind__": "wids-shard-index-v1", "shardlist": [{"url", "nsamples", ...}]}
SPLIT/*.tar     the shards of the build, without videos where these may not be passed on
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sign_etl.core.files import write_json
from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.export.shards import write_shards

KIND: Final = "wids-shard-index-v1"


@dataclass(frozen=True, slots=True)
class Wids:
    """The format."""

    name: str = "wids"
    title: str = "WebDataset shards with a wids index"
    read_by: str = (
        '`wids.ShardListDataset("FOLDER/train.json")`; `webdataset.WebDataset` reads the tars '
        "alone. A sample has `.json` and, for each pose backend, `.NAME.npy`."
    )
    video: VideoUse = "kept"
    poses: bool = False
    layout: str | None = None
    lost: str = ""

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        lists: dict[str, list[dict[str, Any]]] = {split: [] for split in selection.splits}
        for shard in write_shards(selection, folder):
            lists[shard.split].append(
                {"url": shard.path, "nsamples": shard.samples, "filesize": shard.size_bytes}
            )
        for split, shards in lists.items():
            name = f"{selection.build.manifest.name}-{split}"
            index = {"__kind__": KIND, "wids_version": 1, "name": name, "shardlist": shards}
            write_json(folder / f"{split}.json", index)
        return Written(sum(shard["nsamples"] for each in lists.values() for shard in each))


FORMAT = Wids()
