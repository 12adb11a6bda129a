"""The stall detector: a run in which nothing moves ends, names what it has in hand, and goes on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from process import tree
from tiny_run import make_clip, tiny_run, write_videos

from sign_etl.core.errors import Stopped
from sign_etl.media import normalise
from sign_etl.run import engine
from sign_etl.run.stall import STACKS_FILE, Watch


class Clock:
    """Seconds that pass when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_only_silence_counts(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(10, tmp_path / "state", lambda: ["a", "b", "c", "d"], clock)
    for clock.now_s in (9.0, 18.0, 27.0):
        assert watch.stalled() is None
        watch.beat()
    clock.now_s = 38.0
    stalled = watch.stalled()
    assert stalled is not None
    assert stalled.exit_code == 75
    assert stalled.message == "nothing has moved for 10 s; in hand: a, b, c ..."
    path = tmp_path / "state" / STACKS_FILE
    assert str(path) in (stalled.hint or "")
    text = path.read_text()
    assert text.startswith("in hand (4):\n  a\n  b\n  c\n  d\n")
    assert "test_only_silence_counts" in text


def test_without_a_limit_it_waits_for_ever(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(None, tmp_path, list, clock)
    clock.now_s = 1e9
    assert watch.stalled() is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_does_not_hide_the_stall(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "state").write_text("a file")
    watch = Watch(1, tmp_path / "state", list, clock)
    clock.now_s = 2.0
    stalled = watch.stalled()
    assert stalled is not None
    assert stalled.message == "nothing has moved for 1 s; in hand: no clip"
    assert STACKS_FILE not in (stalled.hint or "")


def test_a_run_whose_stage_sleeps_ends_and_the_next_one_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])
    clips = [make_clip("a"), make_clip("b")]
    quiet = tiny_run(tmp_path / "quiet", clips, media)
    quiet.run()
    quiet.publish()
    run = tiny_run(tmp_path / "stalled", clips, media, pools={"stall_s": 3600})
    asleep, events = tmp_path / "asleep", run.build / ".sign-etl" / "events.jsonl"

    def clock() -> float:
        """An hour goes by once the first clip sleeps and both have been fetched."""
        fetched = events.read_text().count('"stage": "fetch"') if events.exists() else 0
        return 3601.0 if asleep.exists() and fetched == len(clips) else 0.0

    with monkeypatch.context() as patch:
        patch.setattr(normalise, "TARGET", "guard_targets:sleep_for_ever")
        patch.setattr(engine, "Watch", partial(Watch, clock=clock))
        patch.setenv("SLEEPS_WHEN", str(asleep))
        with pytest.raises(Stopped) as caught:
            run.run()
    assert caught.value.exit_code == 75
    assert caught.value.message.startswith("nothing has moved for 3600 s; in hand: tiny-")
    stacks = (run.build / ".sign-etl" / STACKS_FILE).read_text()
    assert "guard.py" in stacks
    assert all(clip.key in stacks for clip in clips)
    assert dict(run.journal.latest()) == {}, "nobody is blamed"
    run.stop.clear()
    run.run()
    run.publish()
    assert tree(run.build) == tree(quiet.build)
