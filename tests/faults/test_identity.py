"""The same bytes whatever the run looks like: workers, order, host, time zone, umask, locale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fault_world import outcome
from process import environment, sign_etl
from tiny_run import write_videos

from sign_etl.core.seams import VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NAMES = ["γειά/α.mp4", "train/мир/b.mp4", "train/ahoj/č d.mp4", "val/ahoj/e.mp4", "val/x/f.mp4"]
SHUFFLED = ";".join(
    f"{name}:pause" for name in ("decode.opening", "store.before-action", "journal.before-append")
)
"""Random pauses where the workers' outputs and results come together."""

WAYS: dict[str, dict[str, Any]] = {
    "two-workers": {"jobs": 2},
    "seven-workers": {"jobs": 7},
    "shuffled": {"jobs": 7, "env": {VARIABLE: SHUFFLED}},
    "other-host": {"unshare": "hostname another.example && hostname"},
    "far-away": {"env": {"TZ": "Pacific/Kiritimati"}},
    "private": {"umask": 0o077},
    "open": {"umask": 0},
    "no-locale": {"env": {"LC_ALL": "C", "LANG": "C"}},
    "other-locale": {"env": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}},
    "hash-seed": {"env": {"PYTHONHASHSEED": "4242"}},
    "optimised": {"env": {"PYTHONOPTIMIZE": "1"}},
    "elsewhere": {"relative": True},
}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_videos(tmp_path_factory.mktemp("media"), NAMES)
    (folder / "γειά" / "dead.mp4").write_text("<html>gone</html>")
    return folder


@pytest.fixture(scope="module")
def quiet(media: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A build by one worker."""
    return outcome(build(media, tmp_path_factory.mktemp("quiet")))


def build(
    media: Path,
    folder: Path,
    *,
    jobs: int = 1,
    env: dict[str, str] | None = None,
    umask: int = -1,
    unshare: str = "",
    relative: bool = False,
) -> Path:
    """Run a build in `folder` in some way; returns the build."""
    places = (os.path.relpath(media, folder), "build", "store")
    if not relative:
        places = (str(media), str(folder / "build"), str(folder / "store"))
    arguments = [
        *(sys.executable, "-m", "sign_etl", "ingest", "folder", "--media", places[0]),
        *("--out", places[1], "--store", places[2], "--jobs", str(jobs), "--set", "pose={}"),
        *("--set", "normalise.short_side=64", "--set", "pack.shard_clips=2"),
    ]
    if unshare:
        if (
            shutil.which("unshare") is None
            or subprocess.run(["unshare", "--uts", "true"]).returncode
        ):
            pytest.skip("this user may not give itself another host name")
        arguments = ["unshare", "--uts", "sh", "-c", f'{unshare} && exec "$@"', "sh", *arguments]
    done = subprocess.run(
        arguments,
        cwd=folder if relative else None,
        env={**environment(), "SIGN_ETL_CACHE": str(folder / "cache"), **(env or {})},
        umask=umask,
        capture_output=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert not unshare or done.stdout.startswith(b"another.example")
    return folder / "build"


@pytest.mark.parametrize("way", WAYS)
def test_the_same_bytes(media: Path, quiet: dict[str, str], tmp_path: Path, way: str) -> None:
    assert outcome(build(media, tmp_path, **WAYS[way])) == quiet
    mode = (tmp_path / "build" / "manifest.json").stat().st_mode & 0o777
    assert mode == {"private": 0o600, "open": 0o666}.get(way, 0o666 & ~_umask())


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def test_the_quiet_build_is_all_there(quiet: dict[str, str]) -> None:
    assert sum(name.endswith(".tar") for name in quiet) == 3
    assert '"reason": "not-media"' in quiet["build.lock"]


def test_names_are_never_read_in_another_encoding(media: Path, tmp_path: Path) -> None:
    """An old locale without UTF-8 would change every name, and with it every key."""
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    arguments = ["ingest", "folder", "--media", str(media), "--out", str(tmp_path / "build")]
    done = sign_etl(*arguments, env=env, expect=2)
    assert "file names are read as ascii here" in done.stderr
    assert "hint: export PYTHONUTF8=1" in done.stderr
    assert not (tmp_path / "build").exists()
