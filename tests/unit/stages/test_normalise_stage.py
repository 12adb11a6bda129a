"""`normalise` as a stage: what the store keeps of it, and what it must not keep."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from media import VideoSpec, truncate, write_video
from tiny_run import make_clip, make_pipeline, make_setup
from zoo_makers import write_heavy

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import DiskError
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject
from sign_etl.stages.item import Item, SourceRef
from sign_etl.stages.normalise import NormaliseStage

SPEC = VideoSpec(count=50, width=160, height=96)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("normalise") / "a.mp4", SPEC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def stage(folder: Path) -> Iterator[NormaliseStage]:
    made = NormaliseStage(make_setup(folder))
    yield made
    made.close()


def item(path: Path, **facts: Any) -> Item:
    container = {".mkv": "matroska"}.get(path.suffix, "mp4")
    source = SourceRef(sha256_file(path), path.stat().st_size, container, str(path), owned=False)
    return Item(make_clip(path.stem, **facts), source)


def settled(folder: Path, **settings: Any) -> NormaliseStage:
    """Another stage on the same store, with other settings."""
    return NormaliseStage(
        make_setup(folder, make_pipeline(normalise={"short_side": 64} | settings))
    )


def store_entries(folder: Path) -> set[str]:
    return {path.name for path in (folder / "store" / "actions").rglob("*.json")}


def test_a_source_that_was_taken_away_is_no_reject(
    stage: NormaliseStage, video: Path, tmp_path: Path
) -> None:
    gone = item(Path(shutil.copy(video, tmp_path / "gone.mp4")), end_s=0.5)
    (tmp_path / "gone.mp4").unlink()
    with pytest.raises(DiskError, match="deleted meanwhile"):
        stage.run(gone)
    assert stage.look(gone) is None


def test_a_clip_is_made_once(stage: NormaliseStage, video: Path, folder: Path) -> None:
    wanted = item(video, end_s=1.0)
    assert stage.look(wanted) is None
    made = stage.run(wanted)
    assert made.reject is None
    assert made.video is not None
    assert made.video.facts["video"]["frames"] == 25
    blob = made.video.blobs["video"]
    [path] = (folder / "store" / "objects" / blob.sha256[:2]).iterdir()
    assert sha256_file(path) == blob.sha256
    assert stage.look(wanted) == made
    # Another clip of the same span of the same bytes: nothing to do.
    twin = replace(wanted, clip=replace(wanted.clip, key="tiny-twin-0", label="other"))
    found = stage.look(twin)
    assert found is not None
    assert found.video == made.video
    assert not list((folder / "store" / "scratch").iterdir())


@pytest.mark.parametrize(
    "facts",
    [{"end_s": 0.6}, {"start_s": 0.2, "end_s": 1.0}, {"end_s": 1.0, "declared_fps": 25.0}],
    ids=str,
)
def test_another_span_is_another_clip(
    stage: NormaliseStage, video: Path, facts: dict[str, Any]
) -> None:
    stage.run(item(video, end_s=1.0))
    assert stage.look(item(video, **facts)) is None


@pytest.mark.parametrize("setting", [{"fps": 12.5}, {"short_side": 48}, {"crf": 30}], ids=str)
def test_other_settings_make_other_clips(
    stage: NormaliseStage, video: Path, folder: Path, setting: dict[str, Any]
) -> None:
    stage.run(item(video, end_s=1.0))
    assert settled(folder, **setting).look(item(video, end_s=1.0)) is None


def test_limits_of_the_process_make_no_other_clip(
    stage: NormaliseStage, video: Path, folder: Path
) -> None:
    made = stage.run(item(video, end_s=1.0))
    assert settled(folder, timeout_s=7, memory_mb=300).look(item(video, end_s=1.0)) == made


def test_a_box_counts_only_where_it_is_cut_to(
    stage: NormaliseStage, video: Path, folder: Path
) -> None:
    boxed = item(video, end_s=1.0, bbox=(0.0, 0.0, 80.0, 96.0))
    stage.run(item(video, end_s=1.0))
    assert stage.look(boxed) is not None
    assert settled(folder, crop="bbox").look(boxed) is None


def test_a_trimmed_source_is_not_cut_again(stage: NormaliseStage, video: Path) -> None:
    whole = Source("whole", names=("a.mp4",), trimmed=True)
    made = stage.run(item(video, media=whole, start_s=30.0, end_s=31.0))
    assert made.video is not None
    assert made.video.facts["video"]["frames"] == 50


def test_a_reject_that_follows_from_the_bytes_is_kept(
    stage: NormaliseStage, video: Path, folder: Path
) -> None:
    outside = item(video, start_s=60.0)
    ended = stage.run(outside)
    assert ended.reject is not None
    assert ended.reject.reason is Reason.SPAN_OUTSIDE
    assert stage.look(outside) == ended
    strict = settled(folder, min_duration_s=5)
    short = strict.run(item(video))
    assert short.reject is not None
    assert short.reject.reason is Reason.TOO_SHORT
    assert strict.look(item(video)) == short
    assert stage.look(item(video)) is None  # a rule of the other pipeline


def test_a_broken_file_is_kept_as_such(stage: NormaliseStage, tmp_path: Path, folder: Path) -> None:
    path = truncate(write_video(tmp_path / "cut.mp4", SPEC), 0.5)
    ended = stage.run(item(path))
    assert ended.reject is not None
    assert ended.reject.reason.from_bytes
    assert str(tmp_path) not in ended.reject.detail
    assert stage.look(item(path)) == ended


def test_a_child_that_was_too_slow_is_not_held_against_the_bytes(
    tmp_path: Path, folder: Path
) -> None:
    slow = settled(folder, timeout_s=0.001)
    wanted = item(write_heavy(tmp_path / "heavy.mkv", frames=240))
    before = store_entries(folder)
    ended = slow.run(wanted)
    slow.close()
    assert ended.reject == Reject(ended.reject.stage, Reason.HUNG, "over 0.001 s")
    assert store_entries(folder) == before
    assert slow.look(wanted) is None
    with_time = settled(folder)
    assert with_time.run(wanted).reject is None
    with_time.close()


def test_lost_bytes_are_made_again(stage: NormaliseStage, video: Path, folder: Path) -> None:
    wanted = item(video, end_s=1.4)
    made = stage.run(wanted)
    assert made.video is not None
    blob = made.video.blobs["video"]
    path = folder / "store" / "objects" / blob.sha256[:2] / blob.sha256[2:]
    path.unlink()
    assert stage.look(wanted) is None
    assert stage.run(wanted) == made
    assert sha256_file(path) == blob.sha256
