"""Whether a feature backend can run here, and whether its model files are those of the build."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from pydantic import BaseModel

from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.features.base import FeatureBackend


def installed(backend: FeatureBackend) -> bool:
    """True if the libraries of `backend` can be imported; nothing is imported to find out."""
    return all(find_spec(module) is not None for module in backend.modules)


def digests(backend: FeatureBackend, options: BaseModel) -> dict[str, str]:
    """sha256 of the model files by name, as they are here; the libraries are checked first.

    Raises:
        MissingExtraError: its libraries are not installed.
        AccessError: a model file is missing.
    """
    if backend.extra is not None and not installed(backend):
        raise MissingExtraError(f"feature backend `{backend.name}`", backend.extra)
    return {file.name: file.sha256 or "" for file in backend.weights(options)}


def same_here(backend: FeatureBackend, options: BaseModel, expected: Mapping[str, str]) -> None:
    """Check that this very machine has the model files that the build began with.

    Raises:
        MissingExtraError: its libraries are not installed.
        AccessError: a file is missing, or it is another one.
    """
    found = digests(backend, options)
    other = sorted(name for name in found | dict(expected) if found.get(name) != expected.get(name))
    if other:
        raise AccessError(
            f"this machine has another model of `{backend.name}` than the one that began the build "
            f"({', '.join(other)})",
            hint="copy the model's folder to the same place on every node",
        )
