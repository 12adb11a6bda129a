"""What travels through Ray, without Ray."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from process import tree
from tiny_run import make_clip, make_pipeline, make_setup, write_videos

from sign_etl.core.errors import DiskError
from sign_etl.core.store import Store
from sign_etl.run.rows import Row, StageWorker, row_from_text
from sign_etl.run.runner import Passed
from sign_etl.stages.fetch import FetchStage
from sign_etl.stages.item import Item, SourceRef
from sign_etl.stages.setup import Setup

NAMES = ("normalise", "import", "quality")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    media = write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])
    (media / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0isomiso2")
    return make_setup(tmp_path, make_pipeline(), media=media)


def row(setup: Setup, name: str) -> Row:
    clip = make_clip(name)
    source = FetchStage(setup).run(clip.source, threading.Event())
    assert isinstance(source, SourceRef)
    return Row(Item(clip, source))


def worker(setup: Setup) -> StageWorker:
    return StageWorker(json.loads(json.dumps(asdict(setup))), NAMES)


def test_a_row_comes_back_as_it_went(setup: Setup) -> None:
    went = Row(row(setup, "a").item, (Passed("normalise", make_clip("a").key, 0.5, "node:1"),))
    assert row_from_text(went.to_text()) == went
    assert len(went.to_text()) < 4096, "references only"


def test_a_worker_takes_a_batch_through_its_stages(setup: Setup) -> None:
    texts = [row(setup, name).to_text() for name in ("a", "broken", "b")]
    advanced = [row_from_text(text) for text in worker(setup).advance(texts)]
    ended = [found for found in advanced if isinstance(found, Row)]
    assert [found.item.clip.annotation_id for found in ended] == ["a", "broken", "b"]
    assert all(found.item.ended for found in ended)
    assert [found.item.reject is None for found in ended] == [True, False, True]
    assert [[passed.stage for passed in found.passed] for found in ended] == [
        ["normalise", "quality"],
        [],
        ["normalise", "quality"],
    ]
    assert all(passed.seconds is not None for found in ended for passed in found.passed)
    # Done again, as after a lost node: from the store, and nothing is written.
    before = tree(Store(setup.store).root)
    again = [row_from_text(text) for text in worker(setup).advance(texts)]
    assert [found.item for found in again if isinstance(found, Row)] == [
        found.item for found in ended
    ]
    assert {
        passed.seconds for found in again if isinstance(found, Row) for passed in found.passed
    } == {None}
    assert tree(Store(setup.store).root) == before


def test_a_full_disk_travels_as_a_row(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise DiskError("no space left on the disk of it", hint="free some")

    texts = [row(setup, "a").to_text()]
    monkeypatch.setattr(Store, "put", full)
    [text] = worker(setup).advance(texts)
    told = row_from_text(text)
    assert isinstance(told, DiskError)
    assert (told.message, told.hint) == ("no space left on the disk of it", "free some")
    # The next worker of the way leaves it as it is.
    assert worker(setup).advance([text]) == [text]
