"""`pack`: samples out of the store into a shard, the same bytes for the same inputs, always.

The record beside each tar (`.sign-etl/shards/NAME.json`) names its inputs; as long as they are the
same, the shard is not touched.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sign_etl.core.canonical import canonical_json, digest
from sign_etl.core.files import atomic_open, write_json
from sign_etl.core.seams import seam
from sign_etl.core.store import Blob, Store
from sign_etl.schema.feature_set import feature_member
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.shard.tar import Member, TarWriter

VERSION = "1"

NAN_BITS: dict[str, np.uint16 | np.uint32] = {
    "float16": np.uint16(0x7E00),
    "float32": np.uint32(0x7FC00000),
}
"""The one bit pattern of `not estimated`; arithmetic makes others, which would move bytes."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A clip that is ready to be written.

    Attributes:
        key: clip key.
        record: JSON of `<key>.json`.
        video: the normalised video, None where it is not kept.
        poses: keypoints (float32 .npy) by backend.
        row: the columns of the index that describe the clip.
        features: arrays by set, written as they are.
    """

    key: str
    record: Mapping[str, Any]
    video: Blob | None
    poses: Mapping[str, Blob]
    row: Mapping[str, Any]
    features: Mapping[str, Blob] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Packed:
    """A finished shard.

    Attributes:
        path: relative to the build.
        inputs: digest of what went in.
        sha256: of the tar.
        size_bytes: of the tar.
        rows: index rows of its samples, in order.
        missing: keys whose bytes were not in the store (damaged or dropped): not written.
    """

    path: str
    inputs: str
    sha256: str
    size_bytes: int
    rows: tuple[Mapping[str, Any], ...]
    missing: tuple[str, ...] = ()


def inputs_digest(samples: Sequence[Sample], *, dtype: str) -> str:
    """Digest of all that decides about a shard's bytes."""
    return digest(
        [
            VERSION,
            dtype,
            [
                [
                    sample.key,
                    sample.record,
                    sample.video.sha256 if sample.video else None,
                    _digests(sample.poses),
                    *([_digests(sample.features)] if sample.features else []),
                ]
                for sample in samples
            ],
        ]
    )


def _digests(blobs: Mapping[str, Blob]) -> dict[str, str]:
    return {name: blob.sha256 for name, blob in blobs.items()}


def load_packed(build: Path, path: str) -> Packed | None:
    """The record of a shard, or None where there is none or its tar has another size."""
    try:
        value = json.loads(record_path(build, path).read_bytes())
        if (build / path).stat().st_size != value["size_bytes"]:
            return None
        return Packed(**(value | {"rows": tuple(value["rows"]), "missing": ()}))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def pack(store: Store, build: Path, path: str, samples: Sequence[Sample], *, dtype: str) -> Packed:
    """Write one shard, its samples in the given order.

    Args:
        store: where the bytes are.
        build: the build folder.
        path: of the tar, relative to `build`.
        samples: in canonical order.
        dtype: of the keypoints, `float16` or `float32`.

    Returns:
        The finished shard. Samples whose bytes the store has lost are named in `missing`; then
        nothing was written.

    Raises:
        DiskError: no space left; the old shard is as it was.
    """
    inputs = inputs_digest(samples, dtype=dtype)
    rows: list[dict[str, Any]] = []
    try:
        with atomic_open(build / path) as file:
            writer = TarWriter(file)
            for sample in samples:
                members = _write_sample(writer, store, sample, dtype)
                rows.append({**sample.row, "shard": path, "members": members})
                seam("pack.writing", path)
            sha256, size_bytes = writer.finish()
            if record_path(build, path).exists():
                # A kill between tar and record must not leave the new tar with the old record.
                write_json(record_path(build, path), {})
            seam("pack.before-rename", path)
    except _LostError:
        # Rare and cheap enough to look at all of them again, so that one more run mends the shard.
        lost = [s.key for s in samples if any(store.read(blob) is None for blob in _blobs(s))]
        return Packed(path, inputs, "", 0, (), tuple(lost))
    packed = Packed(path, inputs, sha256, size_bytes, tuple(rows))
    seam("pack.before-record", path)
    write_json(record_path(build, path), asdict(packed))
    return packed


def remove(build: Path, path: str) -> None:
    """Remove a shard and its record (all its clips were rejected or left the plan)."""
    record_path(build, path).unlink(missing_ok=True)
    seam("pack.removing", path)
    (build / path).unlink(missing_ok=True)


class _LostError(Exception):
    """The store has lost bytes: leaves the atomic write without publishing."""


def _write_sample(
    writer: TarWriter, store: Store, sample: Sample, dtype: str
) -> list[dict[str, Any]]:
    contents = {
        f"{name}.npy": cast_keypoints(_read(store, blob), dtype)
        for name, blob in sample.poses.items()
    }
    for name, blob in sample.features.items():
        contents[feature_member(name)] = _read(store, blob)
    if sample.video is not None:
        contents["mp4"] = _read(store, sample.video)
    contents["json"] = canonical_json(sample.record).encode("utf-8")
    return [
        _member_row(writer.add(f"{sample.key}.{extension}", contents[extension]), extension)
        for extension in sorted(contents)
    ]


def _read(store: Store, blob: Blob) -> bytes:
    data = store.read(blob)
    if data is None:
        raise _LostError
    return data


def _member_row(member: Member, extension: str) -> dict[str, Any]:
    return {
        "name": extension,
        "offset": member.offset,
        "size_bytes": member.size_bytes,
        "crc32": member.crc32,
    }


def cast_keypoints(npy: bytes, dtype: str) -> bytes:
    """Keypoints (float32 .npy) as they stand in a shard."""
    exact = np.load(io.BytesIO(npy), allow_pickle=False)
    keypoints = exact.astype(dtype)
    # A score that rounds to 0 would say `not estimated` of a point that has coordinates.
    scores = keypoints[..., -1]
    scores[(scores == 0) & (exact[..., -1] > 0)] = np.finfo(dtype).smallest_subnormal
    bits = keypoints.view(NAN_BITS[dtype].dtype)
    bits[np.isnan(keypoints)] = NAN_BITS[dtype]
    buffer = io.BytesIO()
    np.save(buffer, keypoints, allow_pickle=False)
    return buffer.getvalue()


def _blobs(sample: Sample) -> list[Blob]:
    video = [sample.video] if sample.video else []
    return [*sample.poses.values(), *sample.features.values(), *video]


def record_path(build: Path, path: str) -> Path:
    """Where the record of a shard lies."""
    return build / STATE_FOLDER / "shards" / f"{Path(path).stem}.json"
