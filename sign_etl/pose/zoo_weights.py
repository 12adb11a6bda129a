"""The files of `pose.zoo`: fetched once per node, unpacked with care, pinned for ever.

What a file must be is known before the first fetch (`Model.sha256`), or it is what the first fetch
brought: then `NAME.pin.json` beside it says so, and every later fetch and every use is held to it.
The digests of a build's model files stand in its lock, where another laboratory compares them.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AccessError
from sign_etl.core.files import disk_errors, publish, scratch, sweep, write_json
from sign_etl.pose.base import WeightsFile
from sign_etl.pose.download import Unreachable, download
from sign_etl.pose.onnx_file import is_onnx
from sign_etl.pose.weights import is_right
from sign_etl.pose.zoo import MIRROR, OFFICIAL, SUFFIX, Model

LIMIT_BYTES = 1 << 30
"""Of an archive and of the model in it; the largest of the zoo has 0.23 GB."""
PIN_SUFFIX = ".pin.json"
WORKSHOP = ".fetch"
"""Folder in the weights folder where files are made; its lock lets one process in."""
_CHUNK_BYTES = 1 << 20

log = logging.getLogger(__name__)


def weights_file(model: Model, folder: Path) -> WeightsFile:
    """What the ONNX file of `model` must be.

    Digest and size are None where nobody knows them yet: not pinned, and never fetched to `folder`.

    Raises:
        AccessError: a local file cannot be read, or it is no ONNX model.
    """
    if model.local is not None:
        sha256, size_bytes = _of_local(model.local)
        return WeightsFile(
            model.file, sha256, size_bytes, "unknown", "a local file", path=model.local
        )
    pin = _pin(model, folder)
    known = model.sha256 or pin.get("sha256")
    size = pin.get("size_bytes") if pin.get("sha256") == known else None
    origin = f"{OFFICIAL}/{model.address}"
    return WeightsFile(model.file, known, size, model.licence, origin)


def fetch(
    models: Iterable[Model], folder: Path, *, official: str = OFFICIAL, mirror: str = MIRROR
) -> None:
    """Bring the missing files of the zoo into `folder`: from the official address, else the mirror.

    Safe beside another process that does the same: one downloads, the other waits and finds it.

    Args:
        models: which ones; local files are left alone.
        folder: the weights folder; created if it is not there.
        official: base of the official addresses.
        mirror: base of the mirror's.

    Raises:
        AccessError: neither address gives the file; the hint says what a person can do.
        DiskError: no space left.
    """
    for model in models:
        if model.local is not None:
            weights_file(model, folder)
        elif not is_right(weights_file(model, folder), folder):
            with _alone(folder) as workshop:
                # Another process may have been faster.
                if not is_right(weights_file(model, folder), folder):
                    _bring(model, folder, workshop, (official, mirror))


def _bring(model: Model, folder: Path, workshop: Path, bases: tuple[str, str]) -> None:
    reasons = []
    for way, base in zip(("the official address", "the mirror"), bases, strict=True):
        with scratch(workshop) as work:
            archive, taken = work / "archive.zip", work / model.file
            url = f"{base}/{model.address}"
            try:
                with disk_errors(folder):
                    with archive.open("wb") as file:
                        download(url, file, limit_bytes=LIMIT_BYTES, way=way)
                    archive_sha256 = sha256_file(archive)
                    if model.archive_sha256 not in (None, archive_sha256):
                        raise Unreachable(f"{way} gives another archive than the pinned one")
                    unpack(archive, taken, way=way)
                    _accept(model, taken, folder, way)
            except Unreachable as reason:
                reasons.append(str(reason))
                continue
            pin = {
                "archive_sha256": archive_sha256,
                "origin": url,
                "sha256": sha256_file(taken),
                "size_bytes": taken.stat().st_size,
            }
            # First the pin: a model without one must never be found in the folder.
            write_json(_pin_path(model, folder), pin)
            with disk_errors(folder):
                publish(taken, folder / model.file)
            return
    raise AccessError(
        f"the model `{model.name}` cannot be had: {'; '.join(reasons)}",
        hint=f"run the same command on a machine with a network and copy {model.file} and its pin "
        f"file to {folder}, or give the path of an .onnx file instead of a name",
    )


def _accept(model: Model, taken: Path, folder: Path, way: str) -> None:
    if not is_onnx(taken):
        raise Unreachable(f"{way} gives an archive whose {SUFFIX} file is no model")
    known = model.sha256 or _pin(model, folder).get("sha256")
    if known is not None and sha256_file(taken) != known:
        when = "the pinned one" if model.sha256 else "at the first fetch"
        raise Unreachable(f"{way} gives another model than {when}")
    if known is None:
        log.warning("%s is pinned to what was fetched now: nobody publishes its digest", model.file)


def unpack(archive: Path, target: Path, *, way: str) -> None:
    """Take the one ONNX file out of an archive; no name in the archive decides about any path.

    Raises:
        Unreachable: no archive, damaged, too large, or not exactly one ONNX file in it.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [one for one in opened.infolist() if one.filename.lower().endswith(SUFFIX)]
            if len(members) != 1:
                raise Unreachable(f"{way} gives an archive with {len(members)} {SUFFIX} files")
            if members[0].file_size > LIMIT_BYTES:
                raise Unreachable(f"{way} gives a model of more than {LIMIT_BYTES} bytes")
            # What comes out is bounded by the size in the directory, and its CRC is checked.
            with opened.open(members[0]) as member, target.open("wb") as file:
                shutil.copyfileobj(member, file, _CHUNK_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
        raise Unreachable(f"{way} gives no sound zip archive") from None


def _pin_path(model: Model, folder: Path) -> Path:
    return folder / (model.file + PIN_SUFFIX)


def _pin(model: Model, folder: Path) -> dict[str, Any]:
    path = _pin_path(model, folder)
    try:
        pin = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        pin = None
    if not isinstance(pin, dict) or not isinstance(pin.get("sha256"), str):
        raise AccessError(
            f"the pin file {path} cannot be read",
            hint="delete it and fetch the weights again, if you trust the address",
        )
    return pin


def _of_local(path: Path) -> tuple[str, int]:
    try:
        state = path.stat()
        return _digest(path, state.st_size, state.st_mtime_ns), state.st_size
    except OSError:
        raise AccessError(
            f"the model file {path} cannot be read", hint="give the path of an ONNX file"
        ) from None


@lru_cache(maxsize=16)
def _digest(path: Path, size_bytes: int, mtime_ns: int) -> str:
    if not is_onnx(path):
        raise AccessError(f"{path} is no ONNX model", hint="give the path of an ONNX file")
    return sha256_file(path)


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    workshop = folder / WORKSHOP
    with disk_errors(folder):
        workshop.mkdir(parents=True, exist_ok=True)
    with (workshop / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(workshop)
        yield workshop
