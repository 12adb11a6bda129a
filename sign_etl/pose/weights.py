"""Model files: pinned by sha256, verified before every use, never replaced by something similar."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.pose.base import PoseBackend, WeightsFile


def installed(backend: PoseBackend) -> bool:
    """True if the libraries of `backend` can be imported; nothing is imported to find out."""
    return all(find_spec(module) is not None for module in backend.modules)


def check(backend: PoseBackend) -> None:
    """Whether this machine can run `backend`, weights aside. For parents of guarded children.

    Raises:
        MissingExtraError: its libraries are not installed.
        AccessError: a system library is missing.
    """
    if backend.extra is not None and not installed(backend):
        raise MissingExtraError(f"backend `{backend.name}`", backend.extra)
    backend.check()


def is_right(file: WeightsFile, folder: Path) -> bool:
    """True if the file is there, byte for byte."""
    path = folder / file.name
    try:
        return path.stat().st_size == file.size_bytes and sha256_file(path) == file.sha256
    except OSError:
        return False


def ensure(backend: PoseBackend, options: BaseModel, folder: Path) -> dict[str, Path]:
    """The verified model files of `backend` by name; its libraries are checked first.

    Raises:
        MissingExtraError: its libraries are not installed.
        AccessError: a file is missing or not what it must be, or a system library is missing.
    """
    check(backend)
    files = backend.weights(options)
    wrong = [file for file in files if not is_right(file, folder)]
    if wrong:
        damaged = [file.name for file in wrong if (folder / file.name).exists()]
        what = f"not what they must be ({', '.join(damaged)})" if damaged else "missing"
        raise AccessError(
            f"the weights of `{backend.name}` are {what}",
            hint=f"sign-etl pose fetch {backend.name}",
        )
    return {file.name: folder / file.name for file in files}
