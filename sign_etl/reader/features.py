"""Features of frozen networks out of a build."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import UsageError, near_or_all
from sign_etl.reader.build import Build
from sign_etl.reader.sample import Sample
from sign_etl.schema.feature_set import feature_member


def features(build: Build, sample: Sample, name: str) -> NDArray[Any]:
    """Features of one sample.

    Args:
        build: it is from.
        sample: one of its samples.
        name: of the set, as in the pipeline's `features:`.

    Returns:
        (T, D), a time step for each frame that was looked at.

    Raises:
        UsageError: it has no such set.
        VerifyError: its bytes are damaged.
    """
    if name not in sample.features:
        hint = near_or_all(name, sample.features, "it has")
        raise UsageError(f"{sample.key} has no features `{name}`", hint=hint)
    data = build.read(sample, feature_member(name))
    found: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return found
