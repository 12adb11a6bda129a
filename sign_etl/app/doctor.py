"""What this machine can do, checked by trying: packages, libraries, codecs, weights, disk, GPU."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import sign_etl
from sign_etl import __version__
from sign_etl.app.pose import weights_state
from sign_etl.app.preflight import State, part, preflight
from sign_etl.app.prepare import IngestRequest
from sign_etl.core.content import CONTENT_KINDS, content_dir
from sign_etl.core.errors import SignEtlError
from sign_etl.core.places import cache_folder, default_store, weights_folder
from sign_etl.core.store import open_store
from sign_etl.pose.base import BACKENDS
from sign_etl.schema.replies import CheckPart, Doctor

PYTHONS = ((3, 11), (3, 13))
"""Oldest and newest Python."""
LOW_DISK_BYTES = 5_000_000_000
"""With less free space a build of any size ends early."""
GPU_TIMEOUT_S = 10.0

PACKAGE = re.compile(r"[\w.-]+")
"""The name that a requirement begins with."""

LIBRARIES = (("libEGL.so.1", "libegl1"), ("libGLESv2.so.2", "libgles2"))
"""System libraries that mediapipe links, with their Debian packages."""


def doctor(store: str | None = None, request: IngestRequest | None = None) -> Doctor:
    """Check this machine, and whether a build can run on it.

    Args:
        store: URL of the store to check; default the one in the cache folder.
        request: the build; None checks the machine alone.

    Example:
        >>> doctor().healthy
        True
    """
    checks: list[CheckPart] = []
    for look in (
        _base,
        _extras,
        _libraries,
        _codecs,
        _weights,
        lambda: _disk(store),
        _gpu,
        _youtube,
    ):
        checks += look()
    if request is not None:
        checks += preflight(request)
    return Doctor(healthy=all(check.state != "bad" for check in checks), checks=tuple(checks))


def _base() -> Iterator[CheckPart]:
    oldest, newest = PYTHONS
    fits = oldest <= sys.version_info[:2] <= newest
    wanted = f"{oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}"
    yield part(
        "base",
        "Python",
        "ok" if fits else "bad",
        platform.python_version(),
        f"use Python {wanted}",
    )
    yield part("base", "platform", "ok", platform.platform())
    yield part("base", "processors", "ok", f"{_processors()} to use")
    yield part("base", "sign-etl", "ok", __version__)
    for kind in CONTENT_KINDS:
        try:
            detail, state, hint = str(content_dir(kind)), "ok", None
        except SignEtlError as error:
            detail, state, hint = error.message, "bad", error.hint
        yield part("base", kind, "ok" if state == "ok" else "bad", detail, hint)


def _extras() -> Iterator[CheckPart]:
    for extra, packages in sorted(_packages_by_extra().items()):
        versions = {package: _version(package) for package in packages}
        missing = [package for package, version in versions.items() if version is None]
        detail = ", ".join(
            f"{package} {version or 'absent'}" for package, version in versions.items()
        )
        hint = f"pip install 'sign-etl[{extra}]'"
        yield part("extras", extra, "absent" if missing else "ok", detail, hint)


def _packages_by_extra() -> dict[str, list[str]]:
    """What the package itself says that each extra wants.

    A checkout's own pyproject.toml is newer than what was noted when it was installed.
    """
    path = Path(sign_etl.__file__).parents[1] / "pyproject.toml"
    project = tomllib.loads(path.read_text("utf-8")).get("project", {}) if path.is_file() else {}
    if project.get("name") == "sign-etl":
        return {
            extra: [match[0] for line in lines if (match := PACKAGE.match(line))]
            for extra, lines in project["optional-dependencies"].items()
            if extra != "all"
        }
    found: dict[str, list[str]] = {}
    for line in metadata.requires("sign-etl") or ():
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        package = PACKAGE.match(line)
        if extra and package and extra[1] != "all":
            found.setdefault(extra[1], []).append(package[0])
    return found


def _libraries() -> Iterator[CheckPart]:
    if not sys.platform.startswith("linux"):
        return
    needed = _version("mediapipe") is not None
    for library, package in LIBRARIES:
        try:
            ctypes.CDLL(library)
        except OSError:
            hint = f"sudo apt-get install -y --no-install-recommends {package}"
            detail = "not found; blazepose cannot run without it"
            yield part("libraries", library, "bad" if needed else "absent", detail, hint)
        else:
            yield part("libraries", library, "ok", "loads")


def _codecs() -> Iterator[CheckPart]:
    hint = "pip install --force-reinstall av"
    try:
        import av
    except ImportError as error:
        yield part("codecs", "PyAV", "bad", f"does not import: {error}", hint)
        return
    yield part("codecs", "PyAV", "ok", av.__version__)
    try:
        frames = _h264_round_trip()
    except (av.FFmpegError, ValueError) as error:
        yield part("codecs", "H.264", "bad", f"does not work: {error}", hint)
        return
    state: State = "ok" if frames == 2 else "bad"
    yield part("codecs", "H.264", state, "libx264 encodes, h264 decodes", hint)


def _h264_round_trip() -> int:
    """Encode two frames with libx264 and count those that come back."""
    import io

    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for level in (0, 255):
            picture = np.full((64, 64, 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r", format="mp4") as container:
        return len(list(container.decode(video=0)))


def _weights() -> Iterator[CheckPart]:
    for name in BACKENDS.names():
        try:
            state = weights_state(BACKENDS.get(name))
        except (SignEtlError, ImportError) as error:
            yield part("weights", name, "bad", f"the backend does not load: {error}")
            continue
        if state == "none":
            continue
        known: State = "ok" if state == "present" else "absent" if state == "missing" else "bad"
        detail = f"{state} in {weights_folder()}"
        yield part("weights", name, known, detail, f"sign-etl pose fetch {name}")


def _disk(store: str | None) -> Iterator[CheckPart]:
    for name, folder in (("here", Path.cwd()), ("cache", cache_folder())):
        free_bytes = shutil.disk_usage(_existing(folder)).free
        state: State = "ok" if free_bytes >= LOW_DISK_BYTES else "absent"
        detail = f"{free_bytes / 1e9:.1f} GB free in {folder}"
        yield part("disk", name, state, detail, "free some space, or choose another disk")
    try:
        opened = open_store(store or default_store())
        opened.check()
    except (OSError, SignEtlError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "choose another folder with --store, or set SIGN_ETL_CACHE"
        yield part("disk", "store", "bad", f"cannot be written: {reason}", hint)
    else:
        yield part("disk", "store", "ok", f"{opened.url} can be written")


def _gpu() -> Iterator[CheckPart]:
    program = shutil.which("nvidia-smi")
    if program is None:
        yield part("gpu", "NVIDIA", "absent", "none found; nothing here needs one")
        return
    command = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GPU_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        yield part("gpu", "NVIDIA", "absent", f"nvidia-smi does not answer: {error}")
        return
    if done.returncode:
        yield part("gpu", "NVIDIA", "absent", "nvidia-smi finds no working driver")
        return
    for line in done.stdout.strip().splitlines():
        yield part("gpu", "NVIDIA", "ok", line)


def _youtube() -> Iterator[CheckPart]:
    if _version("yt-dlp") is None:
        return
    from sign_etl.media.youtube import youtube_runtime

    runtime = youtube_runtime()
    detail = runtime or "none found: YouTube clips will be rejected (missing-tool)"
    hint = "install Deno (https://deno.com) or Node.js 22 or newer"
    yield part("youtube", "JavaScript", "ok" if runtime else "absent", detail, hint)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _processors() -> int:
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count() or 1
