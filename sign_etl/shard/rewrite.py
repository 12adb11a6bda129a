"""A shard without some of its samples, made from its own bytes: no store is needed for that.

The result is the tar that `pack` would have written without them, byte for byte.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import sha256_bytes, sha256_file
from sign_etl.core.errors import VerifyError
from sign_etl.core.files import atomic_open, write_json
from sign_etl.core.store import Blob
from sign_etl.schema.feature_set import FEATURES, is_features
from sign_etl.shard.pack import Packed, Sample, inputs_digest, load_packed, record_path, remove
from sign_etl.shard.tar import TarWriter

DESCRIBED = (
    *("key", "annotation_id", "source_id", "split", "label", "label_id", "gloss", "text"),
    *("language", "signer", "start_s", "end_s", "fps", "frames", "width", "height", "flags"),
)
"""Columns of the index that stand in `<key>.json` under the same name."""

PosesOf = Callable[[str], Mapping[str, str]]


def without(build: Path, path: str, keys: frozenset[str], poses_of: PosesOf, *, dtype: str) -> bool:
    """Write a shard anew without the samples `keys`.

    Args:
        build: the build folder.
        path: of the tar, relative to `build`.
        keys: what goes.
        poses_of: sha256 of a sample's keypoints before rounding, by backend.
        dtype: of the keypoints in the shard.

    Returns:
        False where the shard holds none of them and its record stands.

    Raises:
        VerifyError: the shard is damaged, so that nothing can be taken from it.
    """
    tar = build / path
    record = load_packed(build, path)
    if not tar.exists():
        return False
    if record is not None and keys.isdisjoint(row["key"] for row in record.rows):
        return False
    # Without a record a killed run has just written the tar, whole, and did not get further.
    if record is not None and sha256_file(tar) != record.sha256:
        raise VerifyError(
            f"{path} is damaged: nothing can be taken from it",
            hint="the same `sign-etl ingest` mends it; then revoke again",
        )
    kept: list[Sample] = []
    rows: list[Mapping[str, Any]] = []
    with atomic_open(tar) as file:
        writer = TarWriter(file)
        for key, members in _samples(tar):
            if key in keys:
                continue
            places = []
            for extension, data in members.items():
                member = asdict(writer.add(f"{key}.{extension}", data))
                places.append({**member, "name": extension})
            sample = _sample(key, members, poses_of(key))
            kept.append(sample)
            rows.append({**sample.row, "shard": path, "members": places})
        sha256, size_bytes = writer.finish()
        if record is not None:
            write_json(record_path(build, path), {})
    if not kept:
        remove(build, path)
        return True
    packed = Packed(path, inputs_digest(kept, dtype=dtype), sha256, size_bytes, tuple(rows))
    write_json(record_path(build, path), asdict(packed))
    return True


def _samples(tar: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Samples of our own tar with their members by extension, in order."""
    with tarfile.open(tar, "r:") as archive:
        current, members = "", dict[str, bytes]()
        for member in archive:
            key, _, extension = member.name.partition(".")
            if key != current and members:
                yield current, members
                members = {}
            current = key
            file = archive.extractfile(member)
            assert file is not None
            members[extension] = file.read()
        if members:
            yield current, members


def _sample(key: str, members: Mapping[str, bytes], poses: Mapping[str, str]) -> Sample:
    record = json.loads(members["json"])
    video = members.get("mp4")
    return Sample(
        key=key,
        record=record,
        video=Blob(sha256_bytes(video), len(video)) if video is not None else None,
        poses={name: Blob(sha256, 0) for name, sha256 in poses.items()},
        row={name: record[name] for name in DESCRIBED}
        | {name: sorted(record[name].items()) for name in ("quality", "extra")},
        features={
            name.removesuffix(FEATURES): Blob(sha256_bytes(data), len(data))
            for name, data in members.items()
            if is_features(name)
        },
    )
