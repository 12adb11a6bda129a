"""Runs that are stopped, killed or left without disk: nothing is lost, the next run goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from process import (
    all_ended,
    guarded_children,
    kill_group,
    sign_etl,
    start,
    tree,
    wait_for,
    wait_for_halt,
)
from tiny_run import write_videos

from sign_etl.core.seams import VARIABLE
from sign_etl.run.intake import DOWNLOADS

pytestmark = pytest.mark.slow

CLIPS = 40
LIMIT_S = 900
BUILT, NOTED = "store.before-action@*/quality/*", "journal.after-append"
"""Where runs are held: the worker has built a clip; the driver has noted its end."""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_videos(
        tmp_path_factory.mktemp("media"),
        [f"word{n % 5}/v{n:02}.mp4" for n in range(CLIPS)],
        frames=30,
    )
    (folder / "word0" / "page.mp4").write_text("<html>gone</html>")
    return folder


def arguments(media: Path, out: Path, *more: str, store: Path | None = None) -> list[str | Path]:
    """One worker and many small shards: a run of many steps."""
    return [
        *("ingest", "folder", "--media", media, "--out", out),
        *("--store", store or out.with_name(f"{out.name}-store"), "--jobs", "1"),
        *("--set", "pose={}", "--set", "normalise.short_side=64", "--set", "pack.shard_clips=1"),
        *more,
    ]


@pytest.fixture(scope="module")
def quiet(media: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tree of a build that was left in peace."""
    out = tmp_path_factory.mktemp("quiet") / "build"
    sign_etl(*arguments(media, out))
    sign_etl("verify", out)
    found = tree(out)
    assert sum(name.endswith(".tar") for name in found) == CLIPS
    return found


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "build"


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Everything that the command has started."""
    return psutil.Process(process.pid).children(recursive=True)


def held(arguments: list[str | Path], seam: str, turn: int) -> subprocess.Popen[str]:
    """A run that stands still at a seam: however slow the test is, the run gets no further."""
    process = start(*arguments, env={VARIABLE: f"{seam}#{turn}:halt"})
    wait_for_halt(process, LIMIT_S)
    return process


def go_on(process: subprocess.Popen[str]) -> None:
    """Wake a run that is held."""
    os.kill(process.pid, signal.SIGCONT)


def wait_until_it_stops(process: subprocess.Popen[str], threads: int) -> None:
    """Wait until a run that had so many threads has sent home those that download, or has ended."""
    driver = psutil.Process(process.pid)
    wait_for(
        lambda: process.poll() is not None or driver.num_threads() <= threads - DOWNLOADS,
        process,
        LIMIT_S,
    )


def lock_outcomes(build: Path) -> Counter[str]:
    _, *lines = (build / "build.lock").read_text(encoding="utf-8").splitlines()
    return Counter(json.loads(line)["outcome"] for line in lines)


# ---- signals


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)], ids=["ctrl-c", "sigterm"]
)
def test_a_stopped_run_goes_on(
    media: Path, quiet: dict[str, str], out: Path, number: signal.Signals, code: int
) -> None:
    process = held(arguments(media, out), BUILT, 10)
    started = family(process)
    threads = psutil.Process(process.pid).num_threads()
    [child] = guarded_children(process)
    child.suspend()  # no clip ends before the stop has come
    # Ctrl-C on a terminal reaches the whole group, a scheduler's signal the command alone.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    go_on(process)
    wait_until_it_stops(process, threads)
    with suppress(psutil.NoSuchProcess):  # a child without a clip is sent home too
        child.resume()
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code, output
    assert "error: stopped before the end; what is done is kept" in output
    assert "hint: run the same command again" in output
    assert "Traceback" not in output
    assert all_ended(started)
    assert not (out / "manifest.json").exists()
    journal = (out / ".sign-etl" / "journal.jsonl").read_bytes()
    done = [json.loads(line) for line in journal.splitlines()]
    assert 10 <= len(done) < CLIPS
    assert journal.endswith(b"\n")
    outcomes = lock_outcomes(out)
    assert sum(outcomes.values()) == CLIPS + 1
    assert outcomes["pending"] == CLIPS + 1 - len(done)
    status = json.loads(sign_etl("status", out, "--json").stdout)["data"]
    assert (status["published"], status["outcomes"]["pending"]) == (False, outcomes["pending"])
    assert not list(out.rglob(".tmp-*"))
    sign_etl(*arguments(media, out))
    assert tree(out) == quiet
    # What was done was taken as it stood.
    assert (out / ".sign-etl" / "journal.jsonl").read_bytes().startswith(journal)


def test_nobody_is_blamed_for_a_stop(media: Path, quiet: dict[str, str], out: Path) -> None:
    """A child that is busy when the run ends is broken off, which is no crash of its clip."""
    process = held(arguments(media, out), BUILT, 5)
    [child] = guarded_children(process)
    child.suspend()  # the clip in hand never ends by itself
    os.kill(process.pid, signal.SIGTERM)
    go_on(process)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 75, output
    assert all_ended([child])
    rows = (out / ".sign-etl" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    rejects = [json.loads(row)["reject"]["reason"] for row in rows if "reject" in row]
    assert set(rejects) <= {"not-media"}
    sign_etl(*arguments(media, out))
    assert tree(out) == quiet


def test_the_second_ctrl_c_does_not_wait(media: Path, quiet: dict[str, str], out: Path) -> None:
    process = held(arguments(media, out), BUILT, 5)
    started = family(process)
    threads = psutil.Process(process.pid).num_threads()
    [child] = guarded_children(process)
    child.suspend()
    os.kill(process.pid, signal.SIGINT)
    go_on(process)
    wait_until_it_stops(process, threads)  # two signals that come together are one
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    # It was not waited for; awake again, it sees that its parent is gone.
    with suppress(psutil.NoSuchProcess):  # the kernel wakes whom a dead session leaves suspended
        child.resume()
    assert all_ended(started)
    assert not (out / "manifest.json").exists()
    sign_etl(*arguments(media, out))
    assert tree(out) == quiet


@pytest.mark.ray
def test_a_stopped_run_on_ray_goes_on(media: Path, quiet: dict[str, str], out: Path) -> None:
    process = held(arguments(media, out, "--runner", "ray"), NOTED, 3)
    started = family(process)
    os.kill(process.pid, signal.SIGTERM)
    go_on(process)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 75, output
    assert "Traceback" not in output
    assert all_ended(started)
    assert not (out / "manifest.json").exists()
    sign_etl(*arguments(media, out, "--runner", "ray"))
    assert tree(out) == quiet


# ---- two at once


def test_two_runs_at_once_on_one_build(media: Path, quiet: dict[str, str], out: Path) -> None:
    process = held(arguments(media, out), NOTED, 5)
    refused = sign_etl(*arguments(media, out), expect=2)
    go_on(process)
    assert refused.stdout == ""
    assert refused.stderr.splitlines() == [
        f"error: another run is working on {out}",
        f"hint: watch it: sign-etl status {out}",
    ]
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, output
    assert tree(out) == quiet


def test_two_builds_at_once_share_a_store(
    media: Path, quiet: dict[str, str], tmp_path: Path
) -> None:
    outs = [tmp_path / name for name in ("one", "two")]
    both = [start(*arguments(media, out, store=tmp_path / "store")) for out in outs]
    for process, out in zip(both, outs, strict=True):
        output, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, output
        assert tree(out) == quiet


# ---- kill -9


@pytest.mark.parametrize("moment", [1, CLIPS // 2])
def test_killed_among_many_small_shards(
    media: Path, quiet: dict[str, str], out: Path, moment: int
) -> None:
    process = held(arguments(media, out), NOTED, moment)
    started = family(process)
    kill_group(process)
    assert all_ended(started)
    assert not (out / "manifest.json").exists()
    # Leftovers of the killed, such as a half-written shard and a torn line.
    tars = sorted(out.rglob("*.tar"))
    if tars:
        tars[0].with_name(".tmp-left").write_bytes(tars[0].read_bytes()[:700])
    with (out / ".sign-etl" / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"key":"folder-word0-v')
    sign_etl(*arguments(media, out))
    assert tree(out) == quiet
    assert not list(out.rglob(".tmp-*"))


def test_killed_while_a_published_build_changes(
    media: Path, quiet: dict[str, str], out: Path
) -> None:
    sign_etl(*arguments(media, out))
    change = ("--set", "normalise.fps=5", "--update")
    process = held(arguments(media, out, *change), NOTED, CLIPS // 2)
    kill_group(process)
    assert not (out / "manifest.json").exists(), "a reader would trust half of two builds"
    sign_etl(*arguments(media, out, "--update"))
    assert tree(out) == quiet


# ---- no disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Any]:
    """Mounts a disk of some bytes; called again, it gives the disk another size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or unmount is None:
        pytest.skip("only root may mount a small disk")
    mounted = False

    def resize(size: str) -> Path:
        nonlocal mounted
        options = f"remount,size={size}" if mounted else f"size={size}"
        command = [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and not mounted:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        mounted = True
        return disk

    yield resize
    if mounted:
        subprocess.run([unmount, str(disk)], check=True)


@pytest.mark.parametrize("size", ["64k", "400k"])
def test_a_full_disk(media: Path, quiet: dict[str, str], small_disk: Any, size: str) -> None:
    out = small_disk(size) / "build"
    done = sign_etl(*arguments(media, out), expect=75)
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith(("error", "hint"))]
    assert errors[0].startswith("error: no space left on the disk")
    assert errors[1].startswith("hint: free some")
    assert "Traceback" not in done.stderr
    assert not (out / "manifest.json").exists()
    journal = out / ".sign-etl" / "journal.jsonl"
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    rejects = [json.loads(line)["reject"]["reason"] for line in lines if b'"reject"' in line]
    assert set(rejects) <= {"not-media"}, "a clip was blamed for the disk"
    small_disk("64m")
    sign_etl(*arguments(media, out))
    assert tree(out) == quiet
    assert not list(out.rglob(".tmp-*"))
    kept = [line for line in journal.read_bytes().split(b"\n") if line in lines]
    assert len(kept) >= len(lines), "what was done was done again"


def test_a_disk_that_fills_up_under_a_published_build(
    media: Path, quiet: dict[str, str], small_disk: Any
) -> None:
    out = small_disk("64m") / "build"
    sign_etl(*arguments(media, out))
    used = sum(entry.stat().st_blocks * 512 for entry in out.parent.rglob("*"))
    small_disk(str(used + 100_000))
    sign_etl(*arguments(media, out, "--set", "normalise.fps=5", "--update"), expect=75)
    assert not (out / "manifest.json").exists()
    small_disk("64m")
    sign_etl(*arguments(media, out, "--update"))
    assert tree(out) == quiet
