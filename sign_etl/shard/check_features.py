"""The features of one sample: array, record and manifest must tell one story."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.schema.feature_set import FEATURES
from sign_etl.schema.records import FeatureSetRecord, SampleRecord


def check_feature_records(
    record: SampleRecord, wanted: Mapping[str, FeatureSetRecord]
) -> Iterator[str]:
    """Problems of what a sample's record says of its features, against the manifest."""
    if set(record.features) != set(wanted):
        yield f"its record has features {sorted(record.features)}, the manifest {sorted(wanted)}"
    for name, one in record.features.items():
        whole = wanted.get(name)
        if whole is None:
            continue
        same = (one.backend, one.version, one.options) == (
            *(whole.backend, whole.version, whole.options),
        )
        if not same or set(one.weights) != set(whole.weights.values()):
            yield f"its {name} has another backend, version, options or weights than the manifest"
        elif whole.size and one.shape[1] != whole.size:
            yield f"its {name} has {one.shape[1]} numbers a step, the manifest says {whole.size}"


def check_features(member: str, data: bytes, record: SampleRecord) -> Iterator[str]:
    """Problems of an array of features.

    Args:
        member: its name in the sample.
        data: its bytes.
        record: of the sample.
    """
    stated = record.features.get(member.removesuffix(FEATURES))
    if stated is None:
        yield "is not in its record"
        return
    try:
        features: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        yield "cannot be read as an array of numbers"
        return
    if features.dtype.name != stated.dtype:
        yield f"is {features.dtype.name}, the record says {stated.dtype}"
    elif features.shape != stated.shape:
        yield f"has shape {features.shape}, the record says {stated.shape}"
    elif not 1 <= len(features) <= record.frames:
        yield f"has {len(features)} steps of {record.frames} frames"
    elif features.dtype.kind != "f" or not np.isfinite(features).all():
        yield "has numbers that are not finite"
