"""`open_build`: a finished build as samples, tables and bytes.

Opening reads `manifest.json` and nothing else; index, ledger and labels are read, and checked
against the manifest, when first asked for. Members are read by their byte offset, no tar is parsed.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import UsageError, VerifyError, near_or_all
from sign_etl.reader.interop import open_webdataset, to_frame
from sign_etl.reader.manifest import read_manifest
from sign_etl.reader.sample import NPY, Sample
from sign_etl.reader.shards import VERIFY_HINT, ShardFiles
from sign_etl.reader.tables import INDEX_FILE, LEDGER_FILE, KeyLookup, load_labels, load_table
from sign_etl.schema.records import LabelsRecord, ManifestRecord

ROWS_AT_ONCE = 1024


def open_build(path: str | Path) -> Build:
    """Open the build in folder `path`.

    Args:
        path: the folder that `sign-etl ingest --out` wrote.

    Raises:
        UsageError: there is no build.
        VerifyError: a build that did not finish, of another version, or with a damaged manifest.

    Example:
        >>> with open_build("demo-build") as build:
        ...     sample = next(iter(build))
        ...     build.keypoints(sample, "blazepose").shape
        (12, 75, 4)
    """
    folder = Path(path).absolute()
    return Build(folder, read_manifest(folder))


class Build:
    """A finished build. Threads may share it; pickled, it travels as path and manifest.

    Attributes:
        path: its folder.
        manifest: what `manifest.json` says.
    """

    def __init__(self, path: Path, manifest: ManifestRecord) -> None:
        self.path = path
        self.manifest = manifest
        self._files = ShardFiles(path, {shard.path: shard.size_bytes for shard in manifest.shards})

    def __getstate__(self) -> dict[str, Any]:
        # Tables that were read stay behind: another process reads its own when it needs them.
        return {"path": self.path, "manifest": self.manifest, "_files": self._files}

    def __repr__(self) -> str:
        return f"<Build {self.manifest.name}: {len(self):,} samples in {self.path}>"

    def __enter__(self) -> Build:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the open shards; a later read opens them again."""
        self._files.close()

    def __len__(self) -> int:
        """Number of written samples."""
        return sum(shard.samples for shard in self.manifest.shards)

    def __iter__(self) -> Iterator[Sample]:
        """All samples in shard order."""
        for batch in self.index.to_batches(max_chunksize=ROWS_AT_ONCE):
            yield from map(Sample.from_row, batch.to_pylist())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._lookup.row(key) is not None

    @property
    def splits(self) -> Mapping[str, int]:
        """Number of written samples by split."""
        return self.manifest.splits

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the pose backends of the build."""
        return tuple(self.manifest.poses)

    @cached_property
    def index(self) -> Any:
        """The index, one row per sample: a `pyarrow.Table` with the schema `tables.INDEX`.

        Raises:
            VerifyError: the file is not the one that the manifest names.
        """
        return load_table(self.path, self.manifest, INDEX_FILE)

    @cached_property
    def ledger(self) -> Any:
        """The ledger, one row per requested clip: a `pyarrow.Table`, schema `tables.LEDGER`.

        Raises:
            VerifyError: the file is not the one that the manifest names.
        """
        return load_table(self.path, self.manifest, LEDGER_FILE)

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names; a sample's `label_id` is the position in here.

        Raises:
            VerifyError: the file is not the one that the manifest names.
        """
        return self._labels.labels

    @property
    def normal_labels(self) -> tuple[str, ...]:
        """Normal labels in the order of `labels`; variants of one word have the same one.

        Raises:
            VerifyError: the file is not the one that the manifest names.
        """
        return self._labels.normal

    def sample(self, key: str) -> Sample:
        """The sample with this key.

        Raises:
            UsageError: there is none; where the clip was rejected, the message says why.
        """
        row = self._lookup.row(key)
        if row is None:
            raise self._unknown(key)
        return Sample.from_row(self.index.slice(row, 1).to_pylist()[0])

    def read(self, key: str | Sample, member: str, *, check: bool = True) -> bytes:
        """The bytes of one member.

        Args:
            key: clip key, or a sample of this build, which saves the look-up.
            member: its name in the sample: `json`, `mp4`, `blazepose.npy`.
            check: compare the crc32 with the index.

        Raises:
            UsageError: no such sample or member.
            VerifyError: the shard is not the one that the manifest names, or its bytes are damaged.
        """
        sample = key if isinstance(key, Sample) else self.sample(key)
        if member not in sample.members:
            hint = near_or_all(member, sample.members, "it has")
            raise UsageError(f"`{sample.key}` has no member `{member}`", hint=hint)
        where = sample.members[member]
        data = self._files.read(sample.shard, where.offset, where.size_bytes)
        if check and zlib.crc32(data) != where.crc32:
            raise VerifyError(
                f"{sample.shard}: {sample.key}.{member} is damaged (crc32 differs)",
                hint=VERIFY_HINT,
            )
        return data

    def record(self, key: str | Sample) -> dict[str, Any]:
        """`<key>.json`: all that is known about the sample, see `schemas/`."""
        record: dict[str, Any] = json.loads(self.read(key, "json"))
        return record

    def keypoints(self, key: str | Sample, backend: str | None = None) -> NDArray[Any]:
        """Keypoints of one sample.

        Args:
            key: clip key or sample.
            backend: name of the pose backend; default the first one of the build.

        Returns:
            (T, K, C) in the build's `dtype`: x/W, y/H (z where the layout has it), score. Points
            that were not estimated are NaN with score 0.

        Raises:
            UsageError: no such sample or backend.
        """
        name = self.require_backend(backend)
        data = self.read(key, f"{name}{NPY}")
        keypoints: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
        return keypoints

    def frames(
        self, key: str | Sample, numbers: Sequence[int] | None = None
    ) -> Iterator[NDArray[np.uint8]]:
        """Frames of the normalised video, decoded one by one.

        Args:
            key: clip key or sample.
            numbers: only these frames, counted from 0, in ascending order; default all.

        Yields:
            (H, W, 3) uint8 RGB, contiguous.

        Raises:
            UsageError: no such sample, or the build keeps no video.
            VerifyError: the video is damaged.
        """
        from sign_etl.reader.frames import read_frames

        try:
            yield from read_frames(io.BytesIO(self.read(key, "mp4")), numbers)
        except ValueError:
            name = key.key if isinstance(key, Sample) else key
            raise VerifyError(f"the video of {name} cannot be decoded", hint=VERIFY_HINT) from None

    def to_pandas(self) -> Any:
        """The index as a `pandas.DataFrame`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return to_frame(self.index)

    def shard_paths(self, split: str | None = None) -> tuple[Path, ...]:
        """The tars, in order.

        Args:
            split: only those of this split; default all.

        Raises:
            UsageError: the build has no such split.
        """
        if split is not None and split not in self.splits:
            hint = near_or_all(split, self.splits, "it has")
            raise UsageError(f"the build has no split `{split}`", hint=hint)
        return tuple(
            self.path / shard.path
            for shard in self.manifest.shards
            if split is None or shard.split == split
        )

    def webdataset(self, split: str | None = None, **options: Any) -> Any:
        """The shards as a `webdataset.WebDataset`, JSON and arrays decoded, videos as bytes.

        Args:
            split: only this split; default all.
            **options: for `webdataset.WebDataset`; shards are not shuffled by default.

        Raises:
            MissingExtraError: webdataset is not installed.
            UsageError: the build has no such split.
        """
        return open_webdataset(self.shard_paths(split), options)

    def require_backend(self, backend: str | None = None) -> str:
        """The name of a backend of the build: `backend` itself, or the first one for None.

        Raises:
            UsageError: the build has no such backend, or none at all.
        """
        if not self.backends:
            raise UsageError("the build has no keypoints", hint="build it with a pose backend")
        if backend is None:
            return self.backends[0]
        if backend not in self.backends:
            hint = near_or_all(backend, self.backends, "it has")
            raise UsageError(f"the build has no keypoints of `{backend}`", hint=hint)
        return backend

    def _unknown(self, key: str) -> UsageError:
        import pyarrow.compute as pc

        message = f"no sample `{key}` in {self.path}"
        row = pc.index(self.ledger["key"], key).as_py()
        if row < 0:
            first = self.index["key"][0].as_py() if len(self) else None
            none = f"no clip was written: `sign-etl status {self.path}` tells why"
            return UsageError(message, hint=f"keys look like `{first}`" if first else none)
        end = self.ledger.slice(row, 1).to_pylist()[0]
        why = [part for part in (end["stage"], end["reason"], end["detail"]) if part]
        return UsageError(
            f"{message}: the clip is {end['outcome']} ({', '.join(why)})",
            hint=f"`sign-etl why {self.path} {key}` tells more",
        )

    @cached_property
    def _labels(self) -> LabelsRecord:
        return load_labels(self.path, self.manifest)

    @cached_property
    def _lookup(self) -> KeyLookup:
        return KeyLookup(self.index["key"])
