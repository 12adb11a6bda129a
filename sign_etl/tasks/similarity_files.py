"""The files of a comparison of classes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sign_etl.core.canonical import canonical_json
from sign_etl.core.files import write_bytes, write_json
from sign_etl.schema.tables import write_table
from sign_etl.tasks.heat_map import draw_heat_map
from sign_etl.tasks.similarity import Matrix

SOFT_TARGETS = "sign-etl/soft-targets/1"


def write_similarity(
    folder: Path,
    similar: Matrix,
    targets: Matrix,
    labels: Sequence[str],
    pairs: Sequence[tuple[str, str, float]],
    facts: Mapping[str, Any],
) -> None:
    """Write matrices, tables and the picture.

    Args:
        folder: created where it is missing.
        similar: (C, C) degrees of similarity: `similarity.npy`, `similarity.png`.
        targets: (C, C): `soft_targets.npy`, float32, row = class; and `.parquet` with the names.
        labels: C class names, in the order of their ids.
        pairs: for `closest.csv`.
        facts: how it was made: `similarity.json`, and the metadata of the table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    narrow = targets.astype(np.float32)
    _write_npy(folder / "similarity.npy", similar)
    _write_npy(folder / "soft_targets.npy", narrow)
    rows = pa.FixedSizeListArray.from_arrays(pa.array(narrow.reshape(-1)), len(labels))
    table = pa.table({"label": pa.array(list(labels), pa.string()), "target": rows})
    metadata = {"schema": SOFT_TARGETS, "facts": canonical_json(dict(facts))}
    write_table(folder / "soft_targets.parquet", table.replace_schema_metadata(metadata))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("label", "similar_to", "similarity"))
    writer.writerows((one, other, f"{degree:.6g}") for one, other, degree in pairs)
    write_bytes(folder / "closest.csv", text.getvalue().encode("utf-8"))
    draw_heat_map(similar, labels, folder / "similarity.png")
    write_json(folder / "similarity.json", dict(facts))


def _write_npy(path: Path, values: Any) -> None:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    write_bytes(path, file.getvalue())
