"""The local runner: batches change when clips are looked at, never what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from process import tree
from tiny_run import TinyRun, make_clip, tiny_run, write_videos

NAMES = [f"v{number}" for number in range(7)]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_videos(
        tmp_path_factory.mktemp("media"), [f"{name}.mp4" for name in NAMES if name != "v3"]
    )
    (folder / "v5.mp4").write_text("<html>gone</html>")
    return folder


def built(folder: Path, media: Path, jobs: int, **settings: Any) -> TinyRun:
    run = tiny_run(
        folder, [make_clip(name) for name in NAMES], media, pack={"shard_clips": 3}, **settings
    )
    run.run(jobs=jobs)
    run.publish()
    return run


@pytest.mark.parametrize(("jobs", "batch"), [(2, 3), (1, 100)])
def test_bytes_do_not_depend_on_the_batch(
    tmp_path: Path, media: Path, jobs: int, batch: int
) -> None:
    alone = built(tmp_path / "alone", media, 1)
    together = built(tmp_path / "together", media, jobs, pools={"pose": {"batch": batch}})
    assert tree(together.build) == tree(alone.build)
    assert tree(together.store.root / "objects") == tree(alone.store.root / "objects")


def test_the_log_tells_who_did_what(tmp_path: Path, media: Path) -> None:
    run = built(tmp_path, media, 2)

    def done() -> list[dict[str, Any]]:
        lines = (run.build / ".sign-etl" / "events.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == "done"]

    events = done()
    keys = {key for key, result in run.journal.latest().items() if result.reject is None}
    assert {(event["key"], event["stage"]) for event in events} == {
        (key, stage) for key in keys for stage in ("fetch", "normalise", "quality")
    }
    assert len(events) == 3 * len(keys)
    assert all(event["seconds"] >= 0 for event in events)
    assert {event["worker"].partition("-")[0] for event in events} == {"fetch", "slot"}
    run.run()
    assert done() == events, "what the store has is no work"
