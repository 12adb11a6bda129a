"""The real BlazePose weights, for tests that are marked with `weights`."""

from __future__ import annotations

import pytest

from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.core.places import weights_folder
from sign_etl.pose.base import BACKENDS
from sign_etl.pose.weights import ensure, installed


def blazepose_weights() -> str:
    """The folder that holds them; skips the test where it does not, or without mediapipe."""
    backend = BACKENDS.get("blazepose")
    if not installed(backend):
        pytest.skip("mediapipe is not installed (pip install 'sign-etl[blazepose]')")
    try:
        ensure(backend, backend.options({}), weights_folder())
    except (AccessError, MissingExtraError) as error:
        pytest.skip(f"{error.message}: {error.hint}")
    return str(weights_folder())
