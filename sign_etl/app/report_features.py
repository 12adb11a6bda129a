"""The features of a build in numbers, from the index; one array of a set is read."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.compute as pc

from sign_etl.reader import Build
from sign_etl.schema.feature_set import feature_member
from sign_etl.schema.records import FeatureSetRecord
from sign_etl.schema.report_parts import FeatureSetPart
from sign_etl.schema.tables import numbers


def feature_parts(build: Build) -> tuple[FeatureSetPart, ...]:
    """The sets of features, in the order of the pipeline.

    Raises:
        VerifyError: the index, or the array that is looked at, is damaged.
    """
    sets = build.manifest.features
    return tuple(_part(build, name, record) for name, record in sets.items())


def _part(build: Build, name: str, record: FeatureSetRecord) -> FeatureSetPart:
    member = feature_member(name)
    members = pc.list_flatten(build.index["members"])
    mine = members.filter(pc.equal(pc.struct_field(members, "name"), member))
    sizes = numbers(pc.struct_field(mine, "size_bytes"))
    size, dtype, head_bytes = record.size, str(record.options.get("dtype", "")), 0
    holder = next((sample for sample in build if name in sample.features), None)
    if holder is not None:
        # All arrays of a set have the same head but for T, and heads are filled up.
        data = build.read(holder, member)
        array = np.load(io.BytesIO(data), allow_pickle=False)
        size, dtype, head_bytes = array.shape[1], array.dtype.name, len(data) - array.nbytes
    step_bytes = max(size * np.dtype(dtype or "float16").itemsize, 1)
    return FeatureSetPart(
        name=name,
        backend=record.backend,
        version=record.version,
        options=record.options,
        weights=record.weights,
        size=size,
        dtype=dtype,
        clips=len(sizes),
        steps=int(((sizes - head_bytes) // step_bytes).sum()),
        size_bytes=int(sizes.sum()),
    )
