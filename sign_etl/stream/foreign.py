"""An index for WebDataset tars that sign-etl did not write: `sign-etl-index.parquet` beside them.

It has the columns of a build's index as far as the samples tell: labels from `.cls` or the `label`
of `.json`, sentences from `.txt` or `.json`, frames from `.json` or the first array.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sign_etl.core.canonical import canonical_json, digest
from sign_etl.core.errors import UsageError
from sign_etl.reader.manifest import MANIFEST
from sign_etl.schema.labels import normal_labels
from sign_etl.schema.tables import INDEX, write_table
from sign_etl.stream.sources import SIDECAR, Source
from sign_etl.stream.tar_scan import Dots, Problem, Scanned, ShardScan, scan_shard

FORMAT = "sign-etl/foreign-index/1"
FEW_NAMES = 8
SPLITS = ("train", "val", "valid", "validation", "dev", "test")
_BLOB = pa.struct(
    [
        ("name", pa.string()),
        ("offset", pa.int64()),
        ("size_bytes", pa.int64()),
        ("crc32", pa.uint32()),
    ]
)
_NAMES = (
    *("key", "split", "label", "label_id", "text", "gloss", "language", "signer"),
    *("fps", "frames", "width", "height", "extra", "shard"),
)
SCHEMA = pa.schema(
    [*(INDEX.field(name).with_nullable(True) for name in _NAMES), ("members", pa.list_(_BLOB))]
)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What `index_folder` found.

    Attributes:
        sidecar: the file that was written.
        samples: that were found whole.
        shards: tars.
        members: number of samples by member name.
        labels: number of classes.
        problems: what is odd or broken.
    """

    sidecar: Path
    samples: int
    shards: int
    members: Mapping[str, int]
    labels: int
    problems: tuple[Problem, ...]


def index_folder(folder: Path, *, dots: Dots = "auto", checksums: bool = False) -> Indexed:
    """Index the tars in and below `folder`.

    Args:
        folder: where they are; the index is written into it.
        dots: where the key of `a.b.c` ends: at the `first` dot, as WebDataset readers have it, or
            at the `last` one; `auto` is the first, but refuses what looks like keys with dots.
        checksums: read all data and keep its crc32, so that damage is noticed in training.

    Raises:
        UsageError: no folder, no tars, compressed ones, or keys that hold dots.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", hint="give the folder with the tars")
    if (folder / MANIFEST).is_file():
        raise UsageError(f"{folder} is a build: it has an index", hint="train on it as it is")
    paths = sorted(path for path in folder.rglob("*.tar") if path.is_file())
    if not paths:
        packed = next((p for p in folder.rglob("*.tar.*") if p.is_file()), None)
        plain = "name the folder that holds the .tar files"
        hint = f"unpack {packed.name} first: offsets need plain tars" if packed else plain
        raise UsageError(f"{folder} has no tars", hint=hint)
    scans = [scan_shard(folder, path, dots=dots, checksums=checksums) for path in paths]
    samples = [sample for scan in scans for sample in scan.samples]
    if not samples:
        raise UsageError(f"the tars in {folder} have no samples", hint="a member is KEY.EXTENSION")
    members = Counter(name for sample in samples for name in sample.members)
    if dots == "auto":
        _refuse_dots(samples, members)
    problems = [problem for scan in scans for problem in scan.problems]
    problems += _missing(samples, members) + _twice(samples)
    labels, label_ids = _labels(samples)
    facts = _facts(folder, scans, samples, labels)
    rows = [
        {**_row(sample), "label_id": label_id}
        for sample, label_id in zip(samples, label_ids, strict=True)
    ]
    schema = SCHEMA.with_metadata({"schema": FORMAT, "facts": canonical_json(facts)})
    sidecar = folder / SIDECAR
    write_table(sidecar, pa.Table.from_pylist(rows, schema))
    return Indexed(
        sidecar, len(samples), len(paths), dict(sorted(members.items())), len(labels),
        tuple(problems),
    )  # fmt: skip


def read_sidecar(folder: Path, *, here: bool = True) -> tuple[Source, Any]:
    """The index that `index_folder` wrote.

    Args:
        folder: with the sidecar.
        here: the tars are in it too, and are held against the index.

    Raises:
        UsageError: it is of another version, or the tars changed since.
    """
    again = f"run `sign-etl index {folder}` again"
    try:
        table = pq.read_table(folder / SIDECAR)
    except (OSError, pa.ArrowException):
        raise UsageError(f"{folder / SIDECAR} cannot be read", hint=again) from None
    metadata = table.schema.metadata or {}
    if metadata.get(b"schema", b"").decode() != FORMAT:
        raise UsageError(f"{folder / SIDECAR} is of another version", hint=again)
    facts = json.loads(metadata[b"facts"])
    sizes: dict[str, int] = facts["shards"]
    for name, size in sizes.items():
        path = folder / name
        # An index may come from somebody else: it must not lead out of its folder.
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UsageError(f"`{name}` is not a path inside of {folder}", hint=again)
        if here and (not path.is_file() or path.stat().st_size != size):
            raise UsageError(f"{path} is not what it was when it was indexed", hint=again)
    labels = tuple(facts["labels"])
    source = Source(
        name=facts["name"],
        root=folder,
        digest=facts["digest"],
        labels=labels,
        normal_labels=normal_labels(labels, {}),
        layouts=facts["layouts"],
        shard_sizes=sizes,
        array_shapes={name: tuple(shape) for name, shape in facts["arrays"].items()},
    )
    return source, table


def _facts(
    folder: Path,
    scans: Sequence[ShardScan],
    samples: Sequence[Scanned],
    labels: Sequence[str],
) -> dict[str, Any]:
    places = [
        [
            sample.key,
            sorted((n, m.offset, m.size_bytes, m.crc32) for n, m in sample.members.items()),
        ]
        for sample in samples
    ]
    sizes = {scan.path: scan.size_bytes for scan in scans}
    layouts: dict[str, str] = {}
    shapes: dict[str, list[int]] = {}
    for sample in samples:
        for name, shape in sample.array_shapes.items():
            shapes.setdefault(name, list(shape[1:]))
        poses = sample.facts.get("poses")
        if isinstance(poses, dict):
            for backend, pose in poses.items():
                if isinstance(pose, dict) and isinstance(pose.get("layout"), str):
                    layouts.setdefault(backend, pose["layout"])
    return {
        "name": folder.absolute().name,
        "shards": sizes,
        "labels": list(labels),
        "layouts": layouts,
        "arrays": shapes,
        "digest": digest([list(sizes.items()), places, list(labels)]),
    }


def _row(sample: Scanned) -> dict[str, Any]:
    facts = sample.facts
    return {
        "key": sample.key,
        "split": _text(facts, "split") or _split(sample.shard),
        "label": sample.label,
        "text": sample.text,
        "gloss": _text(facts, "gloss"),
        "language": _text(facts, "language") or "und",
        "signer": _text(facts, "signer"),
        "fps": _number(facts, "fps"),
        "frames": int(_number(facts, "frames", "num_frames", "n_frames")) or sample.frames,
        "width": int(_number(facts, "width")),
        "height": int(_number(facts, "height")),
        "extra": {},
        "shard": sample.shard,
        "members": [
            {"name": n, "offset": m.offset, "size_bytes": m.size_bytes, "crc32": m.crc32}
            for n, m in sample.members.items()
        ],
    }


def _labels(samples: Sequence[Scanned]) -> tuple[list[str], list[int | None]]:
    """Class names and each sample's number: `.cls` numbers stand for themselves."""
    numbers = [sample.label_number for sample in samples if sample.label_number is not None]
    if numbers:
        names = [str(number) for number in range(max(numbers) + 1)]
        for sample in samples:
            if sample.label_number is not None and sample.label is not None:
                names[sample.label_number] = sample.label
        return names, [sample.label_number for sample in samples]
    names = sorted({sample.label for sample in samples if sample.label is not None})
    places = {name: place for place, name in enumerate(names)}
    return names, [None if s.label is None else places[s.label] for s in samples]


def _refuse_dots(samples: Sequence[Scanned], members: Mapping[str, int]) -> None:
    # `clip.001.mp4` and `clip.002.mp4` are one sample of two videos by the rule of the first dot.
    # Where such names hardly ever come twice, they were meant as keys.
    by_suffix: dict[str, list[str]] = {}
    for name in members:
        if "." in name:
            by_suffix.setdefault(name.rpartition(".")[2], []).append(name)
    for names in by_suffix.values():
        if len(names) > FEW_NAMES and sum(members[name] for name in names) < 2 * len(names):
            key = next(sample.key for sample in samples if names[0] in sample.members)
            raise UsageError(
                f"keys hold dots: for WebDataset readers `{key}.{names[0]}` is member "
                f"`{names[0]}` of `{key}`",
                hint="`--dots last` ends keys at the last dot, `--dots first` at the first",
            )


def _missing(samples: Sequence[Scanned], members: Mapping[str, int]) -> list[Problem]:
    common = [name for name, count in members.items() if count > len(samples) / 2]
    return [
        Problem(sample.shard, sample.key, "missing-member", name)
        for sample in samples
        for name in common
        if name not in sample.members
    ]


def _twice(samples: Sequence[Scanned]) -> list[Problem]:
    seen = Counter(sample.key for sample in samples)
    return [Problem(s.shard, s.key, "duplicate-key", "") for s in samples if seen[s.key] > 1]


def _split(shard: str) -> str:
    words = shard.lower().replace("-", "/").replace("_", "/").replace(".", "/").split("/")
    return next((word for word in SPLITS if word in words), "train")


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None


def _number(facts: Mapping[str, Any], *names: str) -> float:
    for name in names:
        value = facts.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**31:
            return float(value)
    return 0.0
