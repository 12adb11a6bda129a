"""Tables of vectors: one row a clip, what a model makes of it, and what made it.

`embed` writes them, `similarity`, `knn` and the web page read them. The length D of the vectors,
and C of the class scores where they are kept, stand in the type of their columns; the model's
digest, its preprocessing and the class names stand in the table's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import UsageError
from sign_etl.schema.tables import write_table

VECTORS = "sign-etl/vectors/1"
_TEXT = ("key", "split", "label", "normal_label", "signer", "build")


class VectorFacts(BaseModel):
    """Metadata of a table of vectors."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    model: str
    """sha256 of the weights."""
    run: str
    """Name of the run."""
    checkpoint: str
    task: str
    output: Literal["embedding", "features"]
    """`embedding`: what the model was trained to give; `features`: what its last layer reads."""
    layout: str
    """Keypoint layout that the model sees."""
    view: dict[str, Any]
    """Preprocessing, as in the recipe."""
    labels: tuple[str, ...]
    """All class names of the data, in the order of their ids, also those without a clip."""
    model_labels: tuple[str, ...]
    """Class names of the training, in the order of the scores."""
    data: tuple[str, ...]
    """Digest of each build."""
    licences: tuple[str, ...]
    """Of the data that the model has learned from."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """A table of N vectors.

    Attributes:
        facts: what made it.
        vector: (N, D) float32.
        columns: `key`, `split`, `label`, `normal_label`, `signer` and `build`, N texts each; None
            where a clip has none.
        logits: (N, C) float32 class scores, or None.
    """

    facts: VectorFacts
    vector: NDArray[np.float32]
    columns: Mapping[str, Sequence[str | None]]
    logits: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """N."""
        return len(self.vector)

    def take(self, keep: NDArray[Any]) -> Vectors:
        """The rows that `keep`, booleans or numbers, names."""
        rows = np.arange(len(self))[keep]
        return Vectors(
            self.facts,
            self.vector[rows],
            {name: [column[row] for row in rows] for name, column in self.columns.items()},
            None if self.logits is None else self.logits[rows],
        )


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Write a table as Parquet; equal vectors give equal bytes."""
    arrays = {name: pa.array(list(vectors.columns[name]), pa.string()) for name in _TEXT}
    arrays["vector"] = _fixed(vectors.vector)
    if vectors.logits is not None:
        arrays["logits"] = _fixed(vectors.logits)
    metadata = {"schema": VECTORS, "facts": canonical_json(vectors.facts.model_dump(mode="json"))}
    write_table(path, pa.table(arrays).replace_schema_metadata(metadata))


def read_vectors(path: Path) -> Vectors:
    """Read a table of vectors.

    Raises:
        UsageError: it is none.
    """
    hint = "make one with `sign-etl embed`"
    try:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        if metadata.get(b"schema", b"").decode() != VECTORS:
            raise UsageError(f"{path} is no table of vectors", hint=hint)
        return Vectors(
            VectorFacts.model_validate(json.loads(metadata[b"facts"])),
            _array(table["vector"]),
            {name: table[name].to_pylist() for name in _TEXT},
            _array(table["logits"]) if "logits" in table.column_names else None,
        )
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file", hint=hint) from None
    except (pa.ArrowException, KeyError, ValueError, ValidationError, AttributeError):
        raise UsageError(f"{path} is no table of vectors", hint=hint) from None


def _fixed(values: NDArray[np.float32]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def _array(column: pa.ChunkedArray) -> NDArray[np.float32]:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    size = whole.type.list_size
    values: NDArray[np.float32] = np.asarray(np.from_dlpack(whole.flatten()), np.float32)
    return values.reshape(-1, size)
