"""A run that is held to a lock: the same bytes and the same ends, or a reject that says why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import av
import pytest
from process import tree
from tiny_run import TinyRun, make_clip, make_pipeline, make_setup, plan_of, tiny_run, write_videos
from trouble_server import TroubleServer

from sign_etl.core.canonical import sha256_file
from sign_etl.reader.lock import Lock, open_lock
from sign_etl.reader.lock_diff import diff_lines
from sign_etl.run.rulings import Rulings, Tombstones
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason

QUICK = {"rate_per_s": 1000, "burst": 1000, "backoff_s": 0.01, "attempts": 1}
NAMES = ("a", "b", "gone")


def online(folder: Path, server: TroubleServer, trouble: dict[str, str]) -> TinyRun:
    """A run over addresses of `server`; two clips of `a`."""
    clips = []
    for name in NAMES:
        source = Source(name, server.url(f"{trouble.get(name, 'ok')}/{name}.mp4"))
        clips.append(make_clip(name, media=source))
        if name == "a":
            clips.append(make_clip("a2", media=source, end_s=0.16))
    pipeline = make_pipeline(fetch=QUICK | {"allow_private_hosts": ("127.0.0.1",)})
    return TinyRun(plan_of(clips, pipeline), make_setup(folder, pipeline), folder / "build")


def finished(run: TinyRun, rulings: Rulings = Rulings()) -> Lock:  # noqa: B008
    run.run(rulings=rulings)
    run.publish()
    return open_lock(run.build)


def ends(run: TinyRun) -> dict[str, str]:
    """Reason of each clip, or its outcome, by annotation id."""
    found = {
        line["key"]: line.get("reason", line["outcome"]) for line in open_lock(run.build).lines()
    }
    rows = run.plan.table.select(["key", "annotation_id"]).to_pylist()
    return {row["annotation_id"]: found[row["key"]] for row in rows}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return write_videos(tmp_path / "media", [f"{name}.mp4" for name in NAMES])


def test_another_laboratory_builds_the_same_and_asks_for_no_dead_clip(
    tmp_path: Path, media: Path
) -> None:
    with TroubleServer(media) as server:
        mine = online(tmp_path / "mine", server, {"gone": "gone"})
        lock = finished(mine)
        assert ends(mine) == {"a": "written", "a2": "written", "b": "written", "gone": "link-dead"}
        notes = [line["notes"] for line in lock.lines()]
        assert sorted(name for note in notes for name in note) == ["retrieved_at"] * 3 + [
            "tried_at"
        ]
        # Here the dead link lives, and must not come in.
        theirs = online(tmp_path / "theirs", server, {})
        made = finished(theirs, Rulings(lock=lock))
        assert not server.requests("/ok/gone.mp4")
    left, right = tree(mine.build), tree(theirs.build)
    assert {name for name in left if left[name] != right[name]} <= {"build.lock", "manifest.json"}
    assert left["manifest.json"] == right["manifest.json"]
    assert {kind for each in diff_lines(lock, made) for kind in each.kinds} == {"address"}


def test_other_bytes_are_a_reject_and_leave_nothing(tmp_path: Path, media: Path) -> None:
    with TroubleServer(media) as server:
        lock = finished(online(tmp_path / "mine", server, {}))
        write_videos(media, ["a.mp4"], count=17)
        theirs = online(tmp_path / "theirs", server, {})
        finished(theirs, Rulings(lock=lock))
    assert ends(theirs) == {
        "a": "lock-drift",
        "a2": "lock-drift",
        "b": "written",
        "gone": "written",
    }
    [detail] = {line["detail"] for line in open_lock(theirs.build).lines() if "detail" in line}
    assert sha256_file(media / "a.mp4")[:12] in detail
    assert not [path for path in Path(theirs.setup.sources).rglob("*") if path.is_file()]
    assert Reason.LOCK_DRIFT.retryable


def test_the_right_bytes_may_come_back(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])
    clips = [make_clip("a"), make_clip("b")]
    mine = tiny_run(tmp_path / "mine", clips, media)
    lock = finished(mine)
    shutil.copy(media / "a.mp4", tmp_path / "kept.mp4")
    write_videos(media, ["a.mp4"], count=17)
    theirs = tiny_run(tmp_path / "theirs", clips, media)
    finished(theirs, Rulings(lock=lock))
    assert ends(theirs) == {"a": "lock-drift", "b": "written"}
    shutil.copy(tmp_path / "kept.mp4", media / "a.mp4")
    finished(theirs, Rulings(lock=lock))
    assert tree(theirs.build) == tree(mine.build)


def test_lock_and_store_need_no_source(tmp_path: Path, media: Path) -> None:
    clips = [make_clip(name) for name in NAMES]
    mine = tiny_run(tmp_path / "mine", clips, media)
    lock = finished(mine)
    for path in media.iterdir():
        path.unlink()
    theirs = TinyRun(mine.plan, mine.setup, tmp_path / "theirs")
    finished(theirs, Rulings(lock=lock))
    assert tree(theirs.build) == tree(mine.build)


def test_rejects_of_later_stages_are_taken_over_without_their_bytes(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])
    clips = [make_clip("a"), make_clip("b"), make_clip("late", source="b.mp4", start_s=9.0)]
    mine = tiny_run(tmp_path / "mine", clips, media)
    lock = finished(mine)
    assert ends(mine)["late"] == "span-outside"
    theirs = tiny_run(tmp_path / "theirs", clips, media)
    made = finished(theirs, Rulings(lock=lock))
    assert tree(theirs.build) == tree(mine.build)
    assert not list(diff_lines(lock, made))


def test_a_source_with_two_contents_in_a_lock_is_told(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4"])
    clips = [make_clip("one", source="a.mp4"), make_clip("two", source="a.mp4", end_s=0.1)]
    mine = tiny_run(tmp_path / "mine", clips, media)
    finished(mine)
    head, first, *rest = (mine.build / "build.lock").read_text().splitlines()
    forged = json.dumps(json.loads(first) | {"sha256": "ab" * 32})
    path = tmp_path / "forged.lock"
    path.write_text("\n".join([head, forged, *rest]) + "\n")
    theirs = tiny_run(tmp_path / "theirs", clips, media)
    finished(theirs, Rulings(lock=open_lock(path)))
    assert set(ends(theirs).values()) == {"lock-drift"}


def test_a_tombstone_of_the_lock_stays_one_without_it(tmp_path: Path, media: Path) -> None:
    clips = [make_clip(name) for name in NAMES]
    mine = tiny_run(tmp_path / "mine", clips, media)
    lock = finished(mine, Rulings(Tombstones(frozenset({"a.mp4"}))))
    assert ends(mine) == {"a": "revoked", "b": "written", "gone": "written"}
    theirs = tiny_run(tmp_path / "theirs", clips, media)
    finished(theirs, Rulings(lock=lock))
    finished(theirs)
    assert tree(theirs.build) == tree(mine.build)


def test_a_video_that_was_packed_anew_is_recognised(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4"], count=12)
    mine = tiny_run(tmp_path / "mine", [make_clip("a")], media)
    lock = finished(mine)
    remux(media / "a.mp4", tmp_path / "anew.mp4", movflags="faststart")
    shutil.move(tmp_path / "anew.mp4", media / "a.mp4")
    theirs = tiny_run(tmp_path / "theirs", [make_clip("a")], media)
    [difference] = diff_lines(lock, finished(theirs))
    assert difference.kinds == ("container",)


def remux(source: Path, target: Path, **options: str) -> None:
    """The same packets in another file."""
    with av.open(str(source)) as given, av.open(str(target), "w", options=options) as made:
        stream: Any = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)


def test_only_chosen_reasons_are_tried_again(tmp_path: Path, media: Path) -> None:
    clips = [*(make_clip(name) for name in NAMES), make_clip("late", source="a.mp4", start_s=9.0)]
    run = tiny_run(tmp_path / "run", clips, media)
    away = tmp_path / "away.mp4"
    shutil.move(media / "gone.mp4", away)
    finished(run)
    before = ends(run)
    assert before == {
        "a": "written",
        "b": "written",
        "gone": "media-missing",
        "late": "span-outside",
    }
    shutil.move(away, media / "gone.mp4")
    finished(run, Rulings(retried=frozenset({Reason.TIMEOUT})))
    assert ends(run) == before
    finished(run, Rulings(retried=frozenset({Reason.MEDIA_MISSING})))
    assert ends(run) == before | {"gone": "written"}
