"""Model files: pinned by sha256, verified before every use, never replaced by something similar."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.pose.base import PoseBackend, WeightsFile

PROVIDERS = ("tensorrt", "cuda", "openvino", "cpu")


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


def providers(backend: PoseBackend) -> tuple[str, ...]:
    """What `backend` could run on here, as its options name it.

    ONNX Runtime lists what it was built with; whether a GPU is there shows when it runs.
    """
    if not installed(backend):
        return ()
    if "onnxruntime" not in backend.modules:
        return ("cpu",)
    import onnxruntime

    listed = [str(name) for name in onnxruntime.get_available_providers()]
    built = {name.removesuffix("ExecutionProvider").lower() for name in listed}
    if find_spec("openvino") is not None:
        built.add("openvino")
    return tuple(name for name in PROVIDERS if name in built)


def place(file: WeightsFile, folder: Path) -> Path:
    """Where the file is, or will be, if the weights folder is `folder`."""
    return folder / file.name if file.path is None else file.path


def is_right(file: WeightsFile, folder: Path) -> bool:
    """True if the file is there and pinned, byte for byte."""
    path = place(file, folder)
    try:
        if path.stat().st_size != file.size_bytes and file.size_bytes is not None:
            return False
        return sha256_file(path) == file.sha256
    except OSError:
        return False


def ensure(backend: PoseBackend, options: BaseModel, folder: Path) -> dict[str, Path]:
    """The verified model files of `backend` by name; its libraries are checked first.

    Raises:
        MissingExtraError: its libraries are not installed.
        AccessError: a file is missing or not what it must be, or a system library is missing.
    """
    check(backend)
    files = backend.weights(options, folder)
    wrong = [file for file in files if not is_right(file, folder)]
    if wrong:
        damaged = [file.name for file in wrong if place(file, folder).exists()]
        what = f"not what they must be ({', '.join(damaged)})" if damaged else "missing"
        raise AccessError(
            f"the weights of `{backend.name}` are {what}",
            hint=f"sign-etl pose fetch {backend.name}{_as_settings(options)}",
        )
    return {file.name: place(file, folder) for file in files}


def provide(
    backend: PoseBackend, options: BaseModel, folder: Path, expected: Mapping[str, str]
) -> None:
    """The model files on this very machine: fetched where missing, and those that a build knows.

    Args:
        backend: whose.
        options: of the backend.
        folder: the weights folder of this machine.
        expected: sha256 by name, as the machine has them that began the build.

    Raises:
        MissingExtraError: its libraries are not installed.
        AccessError: a file cannot be had, or it is another one than where the build began.
    """
    check(backend)
    if not all(is_right(file, folder) for file in backend.weights(options, folder)):
        backend.fetch(options, folder)
    ensure(backend, options, folder)
    found = {file.name: file.sha256 for file in backend.weights(options, folder)}
    other = sorted(name for name in found if found[name] != expected.get(name, found[name]))
    if other:
        raise AccessError(
            f"this machine has other weights of `{backend.name}` than the one that began the build "
            f"({', '.join(other)})",
            hint=f"copy the files and their pins from there to {folder}",
        )


def _as_settings(options: BaseModel) -> str:
    """The options that are not the default, as one types them: files may depend on them."""
    changed = options.model_dump(mode="json", exclude_defaults=True)
    return "".join(f" --set {name}={value}" for name, value in changed.items())
