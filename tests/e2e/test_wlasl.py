"""`sign-etl ingest wlasl` as people type it, against a server with every kind of trouble."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from media import VideoSpec, write_video
from process import (
    all_ended,
    guarded_children,
    halted,
    kill_group,
    sign_etl,
    start,
    tree,
    wait_for_halt,
)
from wlasl_world import EXPECTED, World, trouble_of, wlasl_world

from sign_etl.core.seams import VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]

LIMIT = 300
CLIPS = 6


@pytest.fixture(scope="module")
def world(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    paths = sorted((shared_data / "svk-clips").glob("*-front.mp4"))[:CLIPS]
    clips = {path.name: path.read_bytes() for path in paths}
    folder = tmp_path_factory.mktemp("wlasl")
    thirty = write_video(folder / "thirty.mp4", VideoSpec(count=90, fps=30))
    clips["thirty.mp4"] = thirty.read_bytes()
    with wlasl_world(shared_data, folder, clips) as running:
        yield running


def arguments(world: World, out: Path, *more: str) -> list[str | Path]:
    settings = {
        "dataset.index_url": world.index_url,
        "pose": "{}",
        "fetch.idle_timeout_s": 5,
        "fetch.attempts": 3,
        "fetch.backoff_s": 0.05,
        "fetch.rate_per_s": 1000,
        "fetch.burst": 1000,
        "fetch.per_host": 8,
        "normalise.short_side": 64,
        "pack.shard_clips": 64,
        # Spans of long videos, asked of clips of three seconds.
        "policy.max_failed": 1,
    }
    flags = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return [
        *("ingest", "wlasl", "--limit", str(LIMIT), "--out", out),
        *("--store", out.with_name(f"{out.name}-store")),
        *("--allow-private-host", "127.0.0.1", *flags, *more),
    ]


@pytest.fixture(scope="module")
def quiet(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build that was left in peace."""
    out = tmp_path_factory.mktemp("quiet") / "build"
    sign_etl(*arguments(world, out))
    return out


def ledger(build: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(build / "ledger.parquet").to_pylist()
    return rows


def test_the_ledger_names_each_outcome(quiet: Path) -> None:
    rows = ledger(quiet)
    assert len(rows) == LIMIT == len({row["key"] for row in rows})
    seen = set()
    for row in rows:
        trouble = trouble_of(row["source_id"])
        expected = EXPECTED.get(trouble)
        seen.add(trouble)
        if expected is None:
            # Built, or asked for a span that a clip of three seconds does not have.
            assert row["outcome"] == "written" or row["reason"] == "span-outside", row
        else:
            stage, reason = expected
            assert row["outcome"] == "failed", row
            assert row["stage"] == stage, row
            assert not reason or row["reason"] == reason, row
    assert seen >= {*EXPECTED, "ok"} - {"concat"} or len(seen) > 15


def test_counts_add_up(quiet: Path) -> None:
    manifest = json.loads((quiet / "manifest.json").read_text())
    outcomes = Counter(row["outcome"] for row in ledger(quiet))
    assert manifest["counts"] == dict(outcomes)
    assert sum(manifest["counts"].values()) == LIMIT
    assert sum(shard["samples"] for shard in manifest["shards"]) == outcomes["written"]
    status = json.loads(sign_etl("status", quiet, "--json").stdout)["data"]
    assert status["outcomes"] == dict(outcomes)
    sign_etl("verify", quiet)


def test_thirty_frames_a_second_where_the_index_says_25(quiet: Path) -> None:
    rows = [row for row in ledger(quiet) if "thirty.mp4" in row["source_id"]]
    written = [row for row in rows if row["outcome"] == "written"]
    assert written, "no clip of the selection plays at 30 fps"
    assert all("fps-differs" in row["flags"] for row in written)
    index = {row["key"]: row for row in pq.read_table(quiet / "index.parquet").to_pylist()}
    for row in written:
        # Three seconds stay three seconds, whatever the frames were called.
        assert index[row["key"]]["fps"] == 25
        if row["end_s"] is None and row["start_s"] == 0:
            assert index[row["key"]]["frames"] == 75


def test_a_second_run_asks_only_for_what_may_come_back(world: World, quiet: Path) -> None:
    before = tree(quiet)
    retryable = {row["source_id"] for row in ledger(quiet) if row["retryable"]}
    assert retryable
    sent = len(world.requests())
    sign_etl(*arguments(world, quiet))
    asked = {f"{world.index_url.rsplit('/', 2)[0]}{path}" for path in world.media_requests(sent)}
    assert asked == retryable
    assert tree(quiet) == before


@pytest.mark.parametrize("moment", [0.1, 0.5, 0.9])
def test_killed_and_run_again(world: World, quiet: Path, tmp_path: Path, moment: float) -> None:
    out = tmp_path / "build"
    fault = f"journal.after-append#{round(moment * LIMIT)}:halt"
    process = start(*arguments(world, out), env={VARIABLE: fault})
    wait_for_halt(process, limit_s=900)
    kill_group(process)
    assert not (out / "manifest.json").exists()
    done = {
        json.loads(line)["key"]
        for line in (out / ".sign-etl/journal.jsonl").read_bytes().split(b"\n")[:-1]
    }
    sent = len(world.requests())
    sign_etl(*arguments(world, out))
    assert tree(out) == tree(quiet)
    finished = {
        row["source_id"].split("/", 3)[3]
        for row in ledger(out)
        if row["key"] in done and not row["retryable"]
    }
    unfinished = {
        row["source_id"].split("/", 3)[3]
        for row in ledger(out)
        if row["key"] not in done or row["retryable"]
    }
    asked = {path.lstrip("/") for path in world.media_requests(sent)}
    assert not asked & (finished - unfinished), "asked again for what was done"


def test_a_killed_worker_is_nobodys_fault(world: World, quiet: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    # A clip is forgiven one kill. Each child halts at its second clip; the next one begins there.
    process = start(*arguments(world, out, "--jobs", "1"), env={VARIABLE: "decode.opening#2:halt"})
    killed = 0
    while process.poll() is None:
        for child in guarded_children(process):
            if not halted(child.pid):
                continue
            if killed < 3:
                child.kill()
                assert all_ended([child])
                killed += 1
            else:
                with suppress(psutil.NoSuchProcess):
                    child.resume()
        time.sleep(0.02)
    output, _ = process.communicate(timeout=1100)
    assert process.returncode == 0, output
    assert killed == 3
    assert tree(out) == tree(quiet)
