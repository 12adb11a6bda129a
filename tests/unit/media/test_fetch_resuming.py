"""Downloads that break off: what is resumed, and what begins anew."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path

import pytest
from fetching import (
    CLIP,
    PatientNetwork,
    assert_whole,
    fetch,
    left_in,
    make_fetcher,
    words,
)
from trouble_server import TroubleServer

from sign_etl.core.errors import Stopped
from sign_etl.schema.clip import Source


def test_a_cut_body_is_resumed(server: TroubleServer, tmp_path: Path) -> None:
    found = assert_whole(fetch(server, "cut-once/a.mp4", tmp_path))
    first, second = server.requests("cut-once/a.mp4")
    assert (first.status, second.status) == (200, 206)
    assert second.headers["range"] == f"bytes={len(CLIP) // 2}-"
    assert second.headers["if-range"] == found.validator
    assert left_in(tmp_path) == [".media"]


def test_each_attempt_builds_on_the_last(server: TroubleServer, tmp_path: Path) -> None:
    assert_whole(fetch(server, "creep/a.mp4", tmp_path))
    assert server.statuses("creep/a.mp4") == [200, 206, 206]


def test_a_server_without_ranges_starts_over(server: TroubleServer, tmp_path: Path) -> None:
    assert_whole(fetch(server, "cut-once-no-range/a.mp4", tmp_path))
    assert server.statuses("cut-once-no-range/a.mp4") == [200, 200]


def test_two_versions_are_never_spliced(server: TroubleServer, tmp_path: Path) -> None:
    assert_whole(fetch(server, "changed/a.mp4", tmp_path))
    assert server.requests("changed/a.mp4")[1].headers["if-range"] == '"old"'


def test_a_range_that_is_not_the_one_asked_for_is_not_used(
    server: TroubleServer, tmp_path: Path
) -> None:
    assert_whole(fetch(server, "lying-range/a.mp4", tmp_path, attempts=2))
    assert server.statuses("lying-range/a.mp4") == [200, 206, 200]


def test_a_later_fetcher_resumes_what_an_earlier_left(
    server: TroubleServer, tmp_path: Path
) -> None:
    assert words(fetch(server, "cut-once/a.mp4", tmp_path, attempts=1)) == ("truncated", "")
    assert left_in(tmp_path) == [".json", ".part"]
    assert_whole(fetch(server, "cut-once/a.mp4", tmp_path, attempts=1))
    assert server.statuses("cut-once/a.mp4") == [200, 206]


@pytest.mark.parametrize("damage", ["flip", "cut", "note"])
def test_a_damaged_beginning_is_not_built_on(
    server: TroubleServer, tmp_path: Path, damage: str
) -> None:
    fetch(server, "cut-once/a.mp4", tmp_path, attempts=1)
    (part,) = tmp_path.glob("*.part")
    if damage == "flip":
        part.write_bytes(bytes(part.stat().st_size))
    elif damage == "cut":
        part.write_bytes(part.read_bytes()[:100])
    else:
        (note,) = tmp_path.glob("*.part.json")
        note.write_text("{")
    assert_whole(fetch(server, "cut-once/a.mp4", tmp_path, attempts=1))
    assert server.statuses("cut-once/a.mp4") == [200, 200]


def test_bytes_behind_the_noted_ones_are_dropped(server: TroubleServer, tmp_path: Path) -> None:
    """A killed process may have written more than it noted."""
    fetch(server, "cut-once/a.mp4", tmp_path, attempts=1)
    (part,) = tmp_path.glob("*.part")
    with part.open("ab") as file:
        file.write(b"more" * 10_000)
    assert_whole(fetch(server, "cut-once/a.mp4", tmp_path, attempts=1))
    assert server.statuses("cut-once/a.mp4") == [200, 206]


def test_a_kill_in_the_middle_costs_what_came_after_the_last_note(
    server: TroubleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sign_etl.media.body.CHECKPOINT_BYTES", 4096)
    source = Source("1", server.url("stall-once/a.mp4"))
    stop, alive, killed = threading.Event(), tmp_path / "alive", tmp_path / "killed"

    network = PatientNetwork(server.silences)

    def work() -> None:
        with pytest.raises(Stopped):
            make_fetcher(network=network).fetch(source, alive, stop=stop)

    worker = threading.Thread(target=work)
    worker.start()
    assert network.starved.wait(60)
    shutil.copytree(alive, killed)  # what a SIGKILL would leave at this moment
    stop.set()
    worker.join()
    assert_whole(make_fetcher().fetch(source, killed))
    first, second = server.requests("stall-once/a.mp4")
    assert (first.status, second.status) == (200, 206)
    assert int(second.headers["range"].strip("bytes=-")) >= 4096


def test_a_length_that_is_too_short_ends_the_body(server: TroubleServer, tmp_path: Path) -> None:
    """HTTP knows no more than the announced length: here it is the decoder that finds out."""
    assert_whole(fetch(server, "short/a.mp4", tmp_path), CLIP[: len(CLIP) // 2])


def test_a_weak_etag_resumes_nothing(server: TroubleServer, tmp_path: Path) -> None:
    fetch(server, "cut-weak/a.mp4", tmp_path, attempts=1)
    assert left_in(tmp_path) == []
    assert_whole(fetch(server, "cut-weak/a.mp4", tmp_path, attempts=1))
    assert "range" not in server.requests("cut-weak/a.mp4")[1].headers


def test_a_date_may_stand_in_for_an_etag(server: TroubleServer, tmp_path: Path) -> None:
    assert_whole(fetch(server, "cut-dated/a.mp4", tmp_path))
    assert server.statuses("cut-dated/a.mp4") == [200, 206]
    assert server.requests("cut-dated/a.mp4")[1].headers["if-range"].endswith("GMT")


def test_a_file_that_shrank_is_asked_for_anew(server: TroubleServer, tmp_path: Path) -> None:
    """416: what we have is longer than what is there now."""
    fetch(server, "cut-once/a.mp4", tmp_path, attempts=1)
    (note_path,) = tmp_path.glob("*.part.json")
    (part,) = tmp_path.glob("*.part")
    part.write_bytes(CLIP + b"x")
    note = json.loads(note_path.read_text())
    note |= {"size_bytes": len(CLIP) + 1, "sha256": hashlib.sha256(CLIP + b"x").hexdigest()}
    note_path.write_text(json.dumps(note))
    assert_whole(fetch(server, "cut-once/a.mp4", tmp_path, attempts=1))
    assert server.statuses("cut-once/a.mp4") == [200, 416, 200]
