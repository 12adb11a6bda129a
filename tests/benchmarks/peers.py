"""Peers to compare with, each in an environment of its own, made at the first use and kept.

`SIGN_ETL_PEERS` names the folder for them; default in the user's cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

POSE_FORMAT = ("pose-format==0.15.0", "mediapipe==0.10.21")
DONE = ".complete"


def peer(name: str, requirements: tuple[str, ...], *, python: str = "3.11") -> Path:
    """The Python of an environment with `requirements`; skips where it cannot be made.

    Args:
        name: of the peer.
        requirements: exact ones, so that the environment is the same next year.
        python: its version.
    """
    digest = hashlib.sha256(repr((requirements, python)).encode()).hexdigest()[:8]
    folder = _folder() / f"{name}-{digest}"
    executable = folder / "bin" / "python"
    if (folder / DONE).exists():
        return executable
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        pytest.skip("uv, which makes environments for peers, is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    environment = {**os.environ, **_index()}
    for command in (
        [uv, "venv", "--quiet", "--python", python, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(executable), *requirements],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no environment for {name}: {done.stderr.strip().splitlines()[-1]}")
    (folder / DONE).touch()
    return executable


def measured(python: str | Path, script: Path, peer: str, data: Path, workers: int) -> Any:
    """What one run of a script of peers prints, as JSON, in its last line."""
    done = subprocess.run(
        [python, script, peer, data, str(workers)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"{peer}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _folder() -> Path:
    chosen = os.environ.get("SIGN_ETL_PEERS")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(chosen) if chosen else cache / "sign-etl-peers"


def _index() -> dict[str, str]:
    """uv reads no pip configuration, so a mirror that is set there is handed over."""
    if "UV_DEFAULT_INDEX" in os.environ:
        return {}
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    url = os.environ.get("PIP_INDEX_URL") or done.stdout.strip()
    return {"UV_DEFAULT_INDEX": url} if url else {}
