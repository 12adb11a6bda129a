"""`show` writes a picture of a build: the right clips, frames and rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from tiny_build import gradient, signer_keypoints, write_tiny_build

from sign_etl.app.show import show
from sign_etl.core.errors import UsageError
from sign_etl.reader import open_build
from sign_etl.viz.choose import choose_clips, choose_frames
from sign_etl.viz.contact_sheet import tile_size
from sign_etl.viz.crop import WHOLE, common_aspect, signer_span, window
from sign_etl.viz.strip import make_strip


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("show") / "build", clips=6)


@pytest.fixture(scope="module")
def two_backends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show") / "two"
    return write_tiny_build(folder, clips=3, backends=("blazepose", "truth"), keep_video=False)


def index(*rows: tuple[str, str | None]) -> pa.Table:
    return pa.table(
        {
            "key": [str(number) for number in range(len(rows))],
            "split": [split for split, _ in rows],
            "label": pa.array([label for _, label in rows], pa.string()),
        }
    )


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return picture.size


def test_the_same_picture_every_time(build: Path, tmp_path: Path) -> None:
    first = show(build, out=tmp_path / "one.png", clips=2, frames=3)
    second = show(build, out=tmp_path / "two.png", clips=2, frames=3)
    assert first.read_bytes() == second.read_bytes()


def test_rows_are_clips_and_columns_are_frames(build: Path, tmp_path: Path) -> None:
    small = size_of(show(build, out=tmp_path / "s.png", clips=1, frames=2))
    taller = size_of(show(build, out=tmp_path / "t.png", clips=4, frames=2))
    wider = size_of(show(build, out=tmp_path / "w.png", clips=1, frames=5))
    assert taller[0] == small[0]
    assert taller[1] > 2 * small[1]
    assert wider[1] == small[1]
    assert wider[0] > 1.5 * small[0]


def test_one_row_for_each_backend(two_backends: Path, tmp_path: Path) -> None:
    both = size_of(show(two_backends, out=tmp_path / "b.png", clips=2, frames=2))
    one = size_of(
        show(two_backends, out=tmp_path / "o.png", clips=2, frames=2, backends=("truth",))
    )
    four = size_of(show(two_backends, out=tmp_path / "f.png", clips=1, frames=2))
    assert both[1] > one[1]
    assert four == one


def test_one_clip_large(build: Path, tmp_path: Path) -> None:
    key = next(iter(open_build(build))).key
    page = size_of(show(build, out=tmp_path / "c.png", key=key))
    short = size_of(show(build, out=tmp_path / "d.png", key=key, frames=4))
    assert page[0] == short[0] > 1200
    assert page[1] > 2 * short[1]


def test_a_folder_gets_a_picture_named_after_the_build(build: Path, tmp_path: Path) -> None:
    assert show(build, out=tmp_path, clips=1, frames=1) == tmp_path / "build.png"
    assert (tmp_path / "build.png").is_file()


def test_pictures_of_several_kinds_do_not_meet(build: Path, tmp_path: Path) -> None:
    key = next(iter(open_build(build))).key
    show(build, out=tmp_path, clips=1, frames=1)
    show(build, out=tmp_path, timeline=True)
    show(build, out=tmp_path, key=key, frames=1)
    show(build, out=tmp_path, key=key, timeline=True)
    names = {"build.png", "build-timeline.png", f"{key}.png", f"{key}-timeline.png"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_clip_of_one_frame_says_so(tmp_path: Path) -> None:
    folder = write_tiny_build(tmp_path / "short", clips=1, pictures=list(gradient(1)))
    build = open_build(folder)
    strip = make_strip(build, next(iter(build)), None, [0], (80, 80))
    assert "1 frame · " in strip.lines[1]


def test_a_build_without_keypoints_shows_frames(tmp_path: Path) -> None:
    bare = write_tiny_build(tmp_path / "bare", clips=1, backends=())
    size = size_of(show(bare, out=tmp_path / "bare.png", frames=2))
    assert size[0] > size[1]


def test_wrong_words(build: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.png"
    with pytest.raises(UsageError, match="no keypoints of `rtmpose`"):
        show(build, out=out, backends=("rtmpose",))
    with pytest.raises(UsageError, match="no sample `nobody`"):
        show(build, out=out, key="nobody")
    with pytest.raises(UsageError, match="nothing to show"):
        show(build, out=out, clips=0)
    assert not out.exists()


def test_thumbnails_show_the_frame_that_they_name(tmp_path: Path) -> None:
    pictures = list(gradient(12, 320, 160))
    folder = write_tiny_build(tmp_path / "wide", clips=1, backends=(), pictures=pictures)
    build = open_build(folder)
    strip = make_strip(build, next(iter(build)), None, [3, 9], (80, 80), shown=(0.25, 0.75))
    assert strip.times == ("0.12 s", "0.36 s")
    for number, picture in zip((3, 9), strip.pictures, strict=True):
        wanted = pictures[number][:, 80:240].reshape(80, 2, 80, 2, 3).mean(axis=(1, 3))
        assert picture.size == (80, 80)
        # The gradient wraps round at 256, where scaling and chroma subsampling smear: the median.
        assert np.median(np.abs(np.asarray(picture) - wanted)) < 6


def test_clips_are_spread_over_splits_and_labels() -> None:
    rows = [("train", label) for label in "aabbccdd"] + [("test", label) for label in "ab"]
    keys = choose_clips(index(*rows), 4)
    assert [rows[int(key)] for key in keys] == [
        ("train", "b"),
        ("train", "d"),
        ("test", "a"),
        ("test", "b"),
    ]
    assert choose_clips(index(*rows), 4) == keys


def test_all_clips_come_once_where_there_are_few() -> None:
    table = index(("val", "a"), ("val", "a"), ("train", None), ("val", "b"))
    assert sorted(choose_clips(table, 10)) == ["0", "1", "2", "3"]
    assert choose_clips(table, 3)[0] == "2"


@pytest.mark.parametrize(
    ("frames", "count", "numbers"),
    [(10, 2, [2, 7]), (3, 6, [0, 1, 2]), (1, 1, [0]), (100, 4, [12, 37, 62, 87])],
)
def test_frames_are_spread(frames: int, count: int, numbers: list[int]) -> None:
    assert choose_frames(frames, count) == numbers


def test_cropping_keeps_the_signer_in_the_picture() -> None:
    keypoints = signer_keypoints(24)
    span = signer_span(keypoints)
    sure = keypoints[keypoints[..., -1] >= 0.5]
    aspect = 16 / 9
    shown = window(span, aspect, common_aspect([(span, aspect)]))
    assert shown[0] <= sure[:, 0].min()
    assert shown[1] >= sure[:, 0].max()
    assert shown[1] - shown[0] < 0.7


def test_cropping_stays_inside_and_leaves_narrow_frames_alone() -> None:
    assert window((0.8, 1.0), 2.0, 1.0) == (0.5, 1.0)
    assert window((0.0, 0.2), 2.0, 1.0) == (0.0, 0.5)
    assert window((0.3, 0.6), 0.75, common_aspect([((0.3, 0.6), 0.75)])) == WHOLE
    nobody = np.zeros((2, 75, 4), np.float32)
    assert signer_span(nobody) == WHOLE


def test_thumbnails_of_every_aspect_have_the_same_area() -> None:
    for aspect in (0.5, 1.0, 16 / 9):
        width, height = tile_size(aspect)
        assert width / height == pytest.approx(aspect, rel=0.02)
        assert width * height == pytest.approx(tile_size(1.0)[0] ** 2, rel=0.02)
