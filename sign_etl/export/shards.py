"""The shards of a build as they are, or without videos: for readers of WebDataset tars."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from sign_etl.core.canonical import CHUNK_BYTES
from sign_etl.core.errors import VerifyError
from sign_etl.export.base import Selection
from sign_etl.reader import Sample
from sign_etl.schema.feature_set import is_features

BLOCK: Final = 512
VIDEO: Final = "mp4"


@dataclass(frozen=True, slots=True)
class WrittenShard:
    """A tar of the export.

    Attributes:
        path: relative to the export, the same as in the build.
        split: of its samples.
        size_bytes: of the file.
        starts: where each sample begins, its header included, and where the last one ends.
    """

    path: str
    split: str
    size_bytes: int
    starts: tuple[int, ...]

    @property
    def samples(self) -> int:
        """Their number."""
        return len(self.starts) - 1


def write_shards(selection: Selection, folder: Path) -> Iterator[WrittenShard]:
    """Write the tars of the chosen splits one by one.

    They are byte for byte those of the build where they hold no videos or the videos are to stay;
    else they are written anew without them, in the same order, with the same names.

    Raises:
        VerifyError: a shard is not the one that the manifest names, or a member is damaged.
    """
    for shard, group in groupby(selection.samples(), key=lambda sample: sample.shard):
        samples = tuple(group)
        path = folder / shard
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures = any(sample.has_video or sample.features for sample in samples)
        if selection.video or not pictures:
            _copy(selection, shard, path)
            starts = _starts(samples)
        else:
            starts = _without_videos(selection, samples, path)
        yield WrittenShard(shard, samples[0].split, path.stat().st_size, starts)


def _copy(selection: Selection, shard: str, path: Path) -> None:
    known = next(one for one in selection.build.manifest.shards if one.path == shard)
    hasher = hashlib.sha256()
    with (selection.build.path / shard).open("rb") as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            hasher.update(chunk)
            target.write(chunk)
    if hasher.hexdigest() != known.sha256:
        raise VerifyError(
            f"{shard} is not the file that the manifest names",
            hint=f"`sign-etl verify {selection.build.path}` names what is damaged",
        )


def _starts(samples: tuple[Sample, ...]) -> tuple[int, ...]:
    """Read off the index: a header of one block stands before the data of each member."""
    first = [min(m.offset for m in sample.members.values()) - BLOCK for sample in samples]
    end = max(m.offset + _padded(m.size_bytes) for m in samples[-1].members.values())
    return (*first, end)


def _without_videos(
    selection: Selection, samples: tuple[Sample, ...], path: Path
) -> tuple[int, ...]:
    starts = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            starts.append(tar.offset)
            for member in sorted(sample.members, key=lambda name: sample.members[name].offset):
                # Features may give pictures back (`pixels` are some): they go where videos go.
                if member == VIDEO or is_features(member):
                    continue
                data = selection.build.read(sample, member)
                header = tarfile.TarInfo(f"{sample.key}.{member}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
        starts.append(tar.offset)
    return tuple(starts)


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // BLOCK) * BLOCK
