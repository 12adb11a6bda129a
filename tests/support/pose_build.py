"""Builds of keypoints alone, of any lengths: small ones for tests, large ones for benchmarks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json, sha256_file
from sign_etl.core.files import write_json
from sign_etl.schema.clip import clip_key
from sign_etl.schema.labels import normal_labels
from sign_etl.schema.layouts import layout
from sign_etl.schema.records import LabelsRecord, ManifestRecord, dump
from sign_etl.schema.tables import INDEX, LEDGER, write_table
from sign_etl.shard.tar import TarWriter

TABLE_FILES = ("index.parquet", "ledger.parquet", "labels.json")


def write_pose_build(
    out: Path,
    lengths: Sequence[int],
    *,
    shard_clips: int = 8,
    classes: int = 4,
    splits: Sequence[str] = ("train",),
    kind: str = "spoter-54",
    name: str = "poses",
    seed: int = 0,
) -> Path:
    """Write a build with one sample for each length; returns its folder.

    Class c holds the number c + 1 in all coordinates, plus noise, so that a model can learn it.

    Args:
        out: folder to create.
        lengths: T of each sample.
        shard_clips: samples in a shard.
        classes: samples take turns.
        splits: contiguous parts of equal size.
        kind: keypoint layout.
        name: of the build.
        seed: of the noise.
    """
    generator = np.random.default_rng(seed)
    labels = [f"word-{number:03d}" for number in range(classes)]
    rows: list[dict[str, Any]] = []
    shards: list[dict[str, Any]] = []
    each = -(-len(lengths) // len(splits))
    for split_number, split in enumerate(splits):
        mine = range(split_number * each, min(len(lengths), (split_number + 1) * each))
        for number, first in enumerate(range(mine.start, mine.stop, shard_clips)):
            path = f"{split}/{name}-{split}-{number:06d}.tar"
            (out / split).mkdir(parents=True, exist_ok=True)
            count = 0
            with (out / path).open("wb") as file:
                tar = TarWriter(file)
                for sample in range(first, min(first + shard_clips, mine.stop)):
                    label = sample % classes
                    keypoints = noisy(generator, lengths[sample], label + 1.0, kind)
                    fact = _fact(name, sample, split, labels[label], label, lengths[sample])
                    rows.append({**fact, "shard": path, "members": _add(tar, fact, keypoints)})
                    count += 1
                digest, size = tar.finish()
            shards.append(
                {
                    "path": path,
                    "split": split,
                    "samples": count,
                    "size_bytes": size,
                    "sha256": digest,
                }
            )
    write_table(out / "index.parquet", pa.Table.from_pylist(rows, INDEX))
    ledger = [
        {**row, "outcome": "written", "retryable": False, "stage": None, "reason": None}
        for row in rows
    ]
    names = LEDGER.names
    write_table(
        out / "ledger.parquet",
        pa.Table.from_pylist([{n: row.get(n) for n in names} for row in ledger], LEDGER),
    )
    record = LabelsRecord(
        schema="sign-etl/labels/1",
        order="sorted",
        labels=tuple(labels),
        normal=normal_labels(labels, {}),
    )
    write_json(out / "labels.json", dump(record))
    manifest = ManifestRecord(
        schema="sign-etl/manifest/1",
        name=name,
        dataset=name,
        recipe="folder",
        recipe_version="1",
        licence="CC0-1.0",
        language="zxx",
        citation="",
        homepage="",
        plan="0" * 64,
        pipeline={"name": name},
        stages={"pack": "1"},
        poses={"made": {"layout": kind, "version": "1", "options": {}, "weights": {}}},
        counts={"written": len(rows)},
        reasons={},
        splits={split: sum(row["split"] == split for row in rows) for split in splits},
        shards=tuple(shards),
        files={
            file: {"sha256": sha256_file(out / file), "size_bytes": (out / file).stat().st_size}
            for file in TABLE_FILES
        },
    )
    write_json(out / "manifest.json", dump(manifest))
    return out


def noisy(
    generator: np.random.Generator, frames: int, level: float, kind: str
) -> NDArray[np.float16]:
    """(T, K, C) float16 around `level`, a tenth of the points not estimated."""
    points = layout(kind)
    keypoints = generator.normal(level, 0.3, (frames, points.size, points.channels))
    keypoints[..., -1] = 0.9
    gone = generator.random((frames, points.size)) < 0.1
    keypoints[gone] = np.nan
    keypoints[gone, -1] = 0
    return keypoints.astype(np.float16)


def _fact(
    name: str, number: int, split: str, label: str, label_id: int, frames: int
) -> dict[str, Any]:
    return {
        "key": clip_key(name, f"clip {number}", f"{number}.mp4"),
        "annotation_id": f"clip {number}",
        "source_id": f"{number}.mp4",
        "split": split,
        "label": label,
        "label_id": label_id,
        "gloss": label.upper(),
        "text": f"sentence {number}",
        "language": "zxx",
        "signer": f"s{number % 3}",
        "start_s": 0.0,
        "end_s": None,
        "fps": 25.0,
        "frames": frames,
        "width": 640,
        "height": 480,
        "flags": [],
        "quality": {},
        "extra": {},
    }


def _add(tar: TarWriter, fact: dict[str, Any], keypoints: NDArray[Any]) -> list[dict[str, Any]]:
    buffer = io.BytesIO()
    np.save(buffer, keypoints, allow_pickle=False)
    members = []
    for ext, data in (
        ("json", canonical_json({"schema": "sign-etl/sample/1", **fact}).encode()),
        ("made.npy", buffer.getvalue()),
    ):
        place = tar.add(f"{fact['key']}.{ext}", data)
        members.append(
            {
                "name": ext,
                "offset": place.offset,
                "size_bytes": place.size_bytes,
                "crc32": place.crc32,
            }
        )
    return members
