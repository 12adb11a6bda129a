"""What hygiene looks at, as arrays of numbers: one row a written clip, in index order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.reader.build import Build
from sign_etl.reader.lock import lock_lines
from sign_etl.schema.tables import numbers

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of the index and of the lock; equal values have equal codes, -1 is unknown.

    Attributes:
        keys: clip keys.
        splits: codes into `split_names`.
        split_names: the splits.
        labels: codes into `label_names`.
        label_names: the class names.
        signers: codes into `signer_names`.
        signer_names: the signers.
        contents: codes into `source_names`: the bytes of a source (a source whose bytes are
            unknown counts by its id).
        source_names: the id of a source with these bytes.
        videos: codes of the normalised videos' bytes.
        starts: begin of the span in seconds of the source.
        ends: its end.
        locked: False where no lock tells of bytes.
    """

    keys: list[str]
    splits: Codes
    split_names: list[str]
    labels: Codes
    label_names: list[str]
    signers: Codes
    signer_names: list[str]
    contents: Codes
    source_names: list[str]
    videos: Codes
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    locked: bool


def read_columns(build: Build) -> Columns:
    """The columns of a build.

    Raises:
        VerifyError: the index is not the one that the manifest names.
    """
    index = build.index
    keys = index["key"].to_pylist()
    row_of = {key: row for row, key in enumerate(keys)}
    sources: list[str | None] = [None] * len(keys)
    videos: list[str | None] = [None] * len(keys)
    lines = lock_lines(build.path, plan=build.manifest.plan)
    for line in lines or ():
        row = row_of.get(line["key"])
        if row is not None:
            sources[row], videos[row] = line.get("sha256"), line.get("video")
    ids = index["source_id"].to_pylist()
    contents = [sha256 or f"id {source_id}" for sha256, source_id in zip(sources, ids, strict=True)]
    content_codes, content_values = _coded(contents)
    name_of = dict(zip(reversed(contents), reversed(ids), strict=True))
    splits, split_names = _coded(index["split"].to_pylist())
    labels, label_names = _coded(index["label"].to_pylist())
    signers, signer_names = _coded(index["signer"].to_pylist())
    starts = numbers(index["start_s"])
    lengths = numbers(index["frames"]) / numbers(index["fps"])
    ends = [
        start + length if end is None else end
        for start, length, end in zip(starts, lengths, index["end_s"].to_pylist(), strict=True)
    ]
    return Columns(
        keys=keys,
        splits=splits,
        split_names=split_names,
        labels=labels,
        label_names=label_names,
        signers=signers,
        signer_names=signer_names,
        contents=content_codes,
        source_names=[name_of[value] for value in content_values],
        videos=_coded(videos)[0],
        starts=starts,
        ends=np.array(ends, np.float64),
        locked=lines is not None,
    )


def _coded(values: list[Any]) -> tuple[Codes, list[Any]]:
    """Codes by first appearance, and the values."""
    known: dict[Any, int] = {}
    codes = [-1 if value is None else known.setdefault(value, len(known)) for value in values]
    return np.array(codes, np.int64).reshape(len(values)), list(known)
