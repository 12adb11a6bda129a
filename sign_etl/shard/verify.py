"""`verify`: is a build what its manifest says, byte by byte and sense by sense?

Everything is read back with other code than wrote it: tars through `tarfile`, arrays through
numpy, videos through their container's headers. Memory stays at one sample and a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import VerifyError
from sign_etl.reader.build import ROWS_AT_ONCE
from sign_etl.reader.manifest import MANIFEST, read_manifest
from sign_etl.reader.tables import INDEX_FILE, LABELS_FILE, LEDGER_FILE
from sign_etl.schema.records import LabelsRecord, ManifestRecord, ShardRecord
from sign_etl.schema.tables import INDEX, LEDGER, numbers, read_table
from sign_etl.shard.check_sample import Rules, check_labels
from sign_etl.shard.check_tables import check_index, check_ledger
from sign_etl.shard.check_tar import check_tar
from sign_etl.shard.names import split_folder
from sign_etl.shard.problems import capped

PROBLEMS_A_PLACE = 20
"""A shard that is wrong all over is reported by its first problems and their number."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What `verify` found.

    Attributes:
        problems: one line each, beginning with the file and where known the key; empty if none.
        shards: shards looked at.
        samples: samples read back from them.
    """

    problems: tuple[str, ...]
    shards: int
    samples: int

    @property
    def ok(self) -> bool:
        """True if there is no problem."""
        return not self.problems


def verify(build: Path) -> VerifyResult:
    """Read the whole build and compare it with its manifest, index, ledger and labels.

    Args:
        build: the build folder.

    Raises:
        UsageError: the folder is no build.
        VerifyError: the run that makes it did not finish.
    """
    try:
        manifest = read_manifest(build)
    except VerifyError as error:
        if not (build / MANIFEST).exists():
            raise
        return VerifyResult((error.message,), 0, 0)
    problems = list(_check_files(build, manifest))
    labels = _labels(build, problems)
    index = _table(build, INDEX_FILE, problems)
    ledger = _table(build, LEDGER_FILE, problems)
    if labels is not None:
        problems += _capped(LABELS_FILE, check_labels(labels))
    if index is not None:
        problems += _capped(INDEX_FILE, check_index(index, manifest))
    if ledger is not None:
        problems += _capped(LEDGER_FILE, check_ledger(ledger, index, manifest))
    rules = Rules.of(manifest, labels)
    rows = _rows_by_shard(index)
    counted = _Counted()
    for shard in manifest.shards:
        problems += _capped(shard.path, _check_shard(build, shard, rows, rules, counted))
    problems += _strays(build, manifest)
    return VerifyResult(tuple(problems), len(manifest.shards), counted.samples)


@dataclass
class _Counted:
    samples: int = 0


def _check_files(build: Path, manifest: ManifestRecord) -> Iterator[str]:
    for name in (INDEX_FILE, LEDGER_FILE, LABELS_FILE):
        if name not in manifest.files:
            yield f"{MANIFEST}: names no {name}"
    for name, record in {**manifest.files, **manifest.documents}.items():
        yield from _check_bytes(build / name, name, record.size_bytes, record.sha256)


def _check_bytes(path: Path, name: str, size_bytes: int, sha256: str) -> Iterator[str]:
    try:
        size = path.stat().st_size
        if size != size_bytes:
            yield f"{name}: has {size:,} bytes, the manifest says {size_bytes:,}"
        elif sha256_file(path) != sha256:
            yield f"{name}: sha256 is not the manifest's"
    except OSError as error:
        yield f"{name}: {_why(error)}"


def _labels(build: Path, problems: list[str]) -> LabelsRecord | None:
    try:
        return LabelsRecord.model_validate_json((build / LABELS_FILE).read_bytes())
    except OSError:
        return None  # `_check_files` has named it
    except ValueError:
        problems.append(f"{LABELS_FILE}: is not what its schema says")
        return None


def _table(build: Path, name: str, problems: list[str]) -> Any | None:
    try:
        return read_table(build / name, INDEX if name == INDEX_FILE else LEDGER)
    except FileNotFoundError:
        return None  # `_check_files` has named it
    except (ValueError, OSError, pa.ArrowException):
        problems.append(f"{name}: cannot be read as the table that its schema says")
        return None


RowsOf = Callable[[str], Iterator[dict[str, Any]]]


def _rows_by_shard(index: Any | None) -> RowsOf | None:
    """A function from a shard's path to its rows in index order, read piece by piece."""
    if index is None:
        return None
    paths = index["shard"].combine_chunks().dictionary_encode()
    codes = numbers(paths.indices)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(paths.dictionary) + 1))
    code_of = {path: code for code, path in enumerate(paths.dictionary.to_pylist())}

    def rows(path: str) -> Iterator[dict[str, Any]]:
        code = code_of.get(path)
        if code is None:
            return
        places = order[bounds[code] : bounds[code + 1]]
        for first in range(0, len(places), ROWS_AT_ONCE):
            yield from index.take(places[first : first + ROWS_AT_ONCE]).to_pylist()

    return rows


def _check_shard(
    build: Path, shard: ShardRecord, rows: RowsOf | None, rules: Rules, counted: _Counted
) -> Iterator[str]:
    path = build / shard.path
    if shard.path.split("/")[0] != split_folder(shard.split):
        yield f"{shard.path}: does not lie in the folder of its split `{shard.split}`"
    yield from _check_bytes(path, shard.path, shard.size_bytes, shard.sha256)
    if not path.is_file() or rows is None:
        return

    def count() -> None:
        counted.samples += 1

    for problem in check_tar(path, rows(shard.path), rules, on_sample=count):
        yield f"{shard.path}: {problem}"


def _strays(build: Path, manifest: ManifestRecord) -> Iterator[str]:
    known = {shard.path for shard in manifest.shards}
    folders = {path.split("/")[0] for path in known} | set(map(split_folder, manifest.splits))
    for folder in sorted(folders):
        for path in sorted((build / folder).rglob("*.tar")):
            name = path.relative_to(build).as_posix()
            if name not in known:
                yield f"{name}: the manifest does not name it"


def _capped(place: str, problems: Iterator[str]) -> Iterator[str]:
    return capped(problems, PROBLEMS_A_PLACE, "more problems", place=place)


def _why(error: OSError) -> str:
    return "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
