"""Soft targets of `sign-etl similarity`: for what share of which class a clip is to be taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.tasks.similarity_files import SOFT_TARGETS

FILE = "soft_targets.parquet"
ROUNDING = 1e-3
"""By how much the sum of a row may miss 1."""
_MAKE = "make it with `sign-etl similarity RUN --data BUILD --out DIR`"


def read_soft_targets(path: Path, labels: Sequence[str]) -> Tensor:
    """The rows of the classes in the order of the data.

    Args:
        path: the folder that `similarity` wrote, or its table.
        labels: C class names of the data.

    Returns:
        (C, C) float32; each row sums to 1, its own class is the greatest.

    Raises:
        UsageError: there is no such table.
        ConfigError: it is of other classes, or its rows are no distributions.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise UsageError(
            f"{file}: no such file",
            hint=_MAKE,
        )
    try:
        table = parquet.read_table(file)
    except pa.ArrowInvalid:
        raise ConfigError(f"{file.name}: no table of soft targets", hint=_MAKE) from None
    metadata = table.schema.metadata or {}
    if metadata.get(b"schema") != SOFT_TARGETS.encode():
        raise ConfigError(f"{file.name}: no table of soft targets", hint=_MAKE)
    named = table.column("label").to_pylist()
    if sorted(named) != sorted(labels):
        odd = sorted(set(named) ^ set(labels))
        raise ConfigError(
            f"the soft targets are of other classes than the data, for one `{odd[0]}`",
            hint="make them from the same build",
        )
    order = [named.index(label) for label in labels]
    flat = table.column("target").combine_chunks().flatten().to_numpy(zero_copy_only=False)
    rows = flat.reshape(len(named), len(named)).astype(np.float32)[np.ix_(order, order)]
    if np.abs(rows.sum(1) - 1).max() > ROUNDING or rows.min() < 0:
        raise ConfigError(
            "the rows of the soft targets do not sum to 1",
            hint="make them with `--variant rnd_smpl`",
        )
    if (rows.argmax(1) != np.arange(len(rows))).any():
        raise ConfigError(
            "a class of the soft targets is taken for another one",
            hint="make them anew with a lower --alpha of `sign-etl similarity`",
        )
    return torch.from_numpy(rows)
