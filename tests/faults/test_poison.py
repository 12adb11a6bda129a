"""Poison: clips that kill, stop or bloat whoever decodes them, among healthy ones, in one build."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from media_zoo import ANIMALS
from process import sign_etl
from tiny_run import write_videos
from zoo_makers import write_heavy

from sign_etl.core.canonical import sha256_file
from sign_etl.core.seams import VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STUBS = ("crash", "kill", "hang", "bloat")
STOP_S, MEMORY_MB = 12, 384
HEALTHY = [f"healthy{number}.mp4" for number in range(6)]
POISON = {
    "crash.mp4": ("crashed", "SIGSEGV"),
    "kill.mp4": ("crashed", "SIGKILL"),
    "hang.mp4": ("hung", f"over {STOP_S} s"),
    "bloat.mp4": ("out-of-memory", f"over {MEMORY_MB} MiB"),
    "heavy.mkv": ("hung", f"over {STOP_S} s"),
    "bomb.swf": ("corrupt", "*"),
    "huge.gif": ("corrupt", "no picture size"),
}
"""Reason and detail of each. The first four have a decoder with a bug, by the seam
`decode.opening`; the others are what they are."""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_videos(tmp_path_factory.mktemp("media"), HEALTHY)
    write_videos(folder, [f"{mode}.mp4" for mode in STUBS], frames=20)
    write_heavy(folder / "heavy.mkv")
    for animal in ANIMALS:
        if animal.name in POISON:
            animal.make(folder / animal.name)
    return folder


@pytest.fixture(scope="module")
def build(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build over all of them."""
    out = tmp_path_factory.mktemp("out") / "build"
    sign_etl(*arguments(media, out), env=environment(out))
    sign_etl("verify", out)
    return out


def arguments(media: Path, out: Path) -> list[Any]:
    return [
        *("ingest", "folder", "--media", media, "--out", out, "--jobs", 2),
        *("--store", out.with_name("store"), "--set", "pose={}", "--set", "policy.max_failed=1"),
        *("--set", "normalise.short_side=64", "--set", "pack.shard_clips=4"),
        *("--set", f"normalise.timeout_s={STOP_S}", "--set", f"normalise.memory_mb={MEMORY_MB}"),
    ]


def environment(out: Path) -> dict[str, str]:
    faults = ";".join(f"decode.opening@*/{mode}.mp4:{mode}" for mode in STUBS)
    return {VARIABLE: faults, "SIGN_ETL_CACHE": str(out.with_name("cache"))}


def ledger(build: Path) -> dict[str, dict[str, Any]]:
    rows = pq.read_table(build / "ledger.parquet").to_pylist()
    return {row["source_id"]: row for row in rows}


def events(build: Path, kind: str) -> list[dict[str, Any]]:
    lines = (build / ".sign-etl" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_the_culprits_alone_are_rejected(build: Path) -> None:
    rows = ledger(build)
    assert len(rows) == len(HEALTHY) + len(POISON)
    for name in HEALTHY:
        assert (rows[name]["outcome"], rows[name]["flags"]) == ("written", []), rows[name]
    for name, (reason, detail) in POISON.items():
        row = rows[name]
        assert (row["outcome"], row["stage"], row["reason"]) == ("failed", "normalise", reason), row
        assert detail in ("*", row["detail"])


def test_the_lock_has_the_digest_of_the_poison(build: Path, media: Path) -> None:
    _, *lines = map(json.loads, (build / "build.lock").read_text(encoding="utf-8").splitlines())
    poisoned = {line["source_id"]: line for line in lines if line["source_id"] in POISON}
    assert set(poisoned) == set(POISON)
    for name, line in poisoned.items():
        assert line["sha256"] == sha256_file(media / name)
        assert line["reason"] == POISON[name][0]


def test_each_is_told_once(build: Path) -> None:
    told = Counter(event["key"] for event in events(build, "reject"))
    assert set(told) == {ledger(build)[name]["key"] for name in POISON}
    assert set(told.values()) == {1}


def test_nothing_is_tried_for_ever(build: Path, media: Path, tmp_path: Path) -> None:
    """The next run takes the rejects as they stand: the same bytes would do the same again."""
    before = (build / "ledger.parquet").read_bytes()
    faults = {VARIABLE: "decode.opening:kill", "SIGN_ETL_CACHE": str(tmp_path)}
    done = sign_etl(*arguments(media, build), env=faults)
    assert "crashed" in done.stdout
    assert (build / "ledger.parquet").read_bytes() == before
    journal = (build / ".sign-etl" / "journal.jsonl").read_bytes()
    assert journal.count(b"\n") == len(HEALTHY) + len(POISON)
