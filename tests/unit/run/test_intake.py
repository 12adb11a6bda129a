"""How clips come into a run: a bounded number of sources ahead, each handed on once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from tiny_run import make_clip, make_setup, write_videos

from sign_etl.run.intake import Intake
from sign_etl.run.runner import Broken, Event, Finished, Group, Passed
from sign_etl.schema.outcome import Reason
from sign_etl.stages.item import Item

COUNT, AHEAD, DOWNLOADS = 30, 3, 2


def test_no_more_sources_are_open_than_allowed(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", [f"v{n:02}.mp4" for n in range(COUNT) if n % 7])
    taken: list[str] = []
    events: list[Event] = []
    open_now: list[int] = []
    handed: list[Item] = []
    arrived = threading.Semaphore(0)

    def groups() -> Iterator[Group]:
        for number in range(COUNT):
            clip = make_clip(f"v{number:02}")
            taken.append(clip.key)
            ended = sum(isinstance(event, Finished) for event in events)
            open_now.append(len(taken) - ended)
            yield Group(clip.source, (clip,))

    def put(item: Item) -> None:
        handed.append(item)
        arrived.release()

    intake = Intake(
        make_setup(tmp_path, media=media),
        downloads=DOWNLOADS,
        ahead=AHEAD,
        put=put,
        stop=threading.Event(),
        emit=events.append,
    )
    running = threading.Thread(target=intake.run, args=(groups(),))
    running.start()
    built = 0
    while running.is_alive() or built < len(handed):
        if arrived.acquire(timeout=0.05):
            intake.end(handed[built])
            built += 1
    running.join()
    # One more is looked at while it waits for room.
    assert max(open_now) <= AHEAD + DOWNLOADS + 1
    ended = [event.item for event in events if isinstance(event, Finished)]
    assert sorted(item.clip.key for item in ended) == sorted(taken)
    missing = {item.clip.annotation_id for item in ended if item.reject is not None}
    assert missing == {f"v{n:02}" for n in range(0, COUNT, 7)}
    assert len([event for event in events if isinstance(event, Passed)]) == COUNT - len(missing)


def test_what_breaks_while_groups_are_made_breaks_the_run(tmp_path: Path) -> None:
    events: list[Event] = []
    stop = threading.Event()

    def groups() -> Iterator[Group]:
        raise OSError("the store is gone")
        yield

    intake = Intake(
        make_setup(tmp_path, media=tmp_path),
        downloads=None,
        ahead=1,
        put=lambda item: None,
        stop=stop,
        emit=events.append,
    )
    intake.run(groups())
    [event] = events
    assert isinstance(event, Broken)
    assert stop.is_set()


def test_a_source_that_is_not_there_ends_all_of_its_clips(tmp_path: Path) -> None:
    events: list[Event] = []
    clips = tuple(make_clip(name, source="gone.mp4", start_s=n) for n, name in enumerate("abc"))
    (tmp_path / "media").mkdir()
    intake = Intake(
        make_setup(tmp_path, media=tmp_path / "media"),
        downloads=1,
        ahead=1,
        put=lambda item: None,
        stop=threading.Event(),
        emit=events.append,
    )
    intake.run([Group(clips[0].source, clips)])
    ended = [event.item for event in events if isinstance(event, Finished)]
    assert {item.clip.key for item in ended} == {clip.key for clip in clips}
    assert {item.reject and item.reject.reason for item in ended} == {Reason.MEDIA_MISSING}
