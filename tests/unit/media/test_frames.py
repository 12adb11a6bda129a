"""Folders of pictures as sources: found, hashed, read in order, cut like videos."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media import bars, lumas, quadrants
from picture_folders import Run, picture, write_frames
from PIL import Image, ImageOps

from sign_etl.core.guard import Guard
from sign_etl.media.local import MediaFolder
from sign_etl.media.pictures import inspect_folder, name_flags, picture_names, state_of
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reject


@pytest.mark.parametrize(
    ("name", "codec"),
    [("images{:04}.jpg", "mjpeg"), ("{}.png", "png"), ("{:06}.JPEG", "mjpeg"),
     ("01April_2010_fn{:06}-0.png", "png")],
)  # fmt: skip
def test_every_picture_is_a_frame(frames: Run, tmp_path: Path, name: str, codec: str) -> None:
    facts, numbers = frames.shown(write_frames(tmp_path / "f", 30, name))
    assert numbers == list(range(30))
    assert facts["flags"] == []
    assert facts["source"]["container"] == "frames"
    assert facts["source"]["codec"] == codec
    assert facts["source"]["average_fps"] == "25/1"
    assert facts["source"]["duration_s"] == 1.2
    assert (facts["video"]["width"], facts["video"]["height"]) == (160, 96)
    assert facts["video"]["source_us"] == [index * 40_000 for index in range(30)]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_kinds_of_png(frames: Run, tmp_path: Path, mode: str) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for number in range(10):
        if mode == "I;16":
            plane = bars(number).astype(np.uint16) * 257
            Image.fromarray(plane).save(folder / f"{number}.png")
        elif mode == "1":  # black and white: thresholded by hand, not dithered
            Image.fromarray(bars(number) > 128).save(folder / f"{number}.png")
        else:
            picture(number, mode=mode).save(folder / f"{number}.png")
    _, numbers = frames.shown(folder)
    assert numbers == list(range(10))


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": 0}])
def test_kinds_of_jpeg(frames: Run, tmp_path: Path, options: dict[str, Any]) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    note = Image.Exif()
    note[0x010E] = "made by a test"
    for number in range(10):
        picture(number).save(folder / f"{number}.jpg", quality=95, exif=note, **options)
    _, numbers = frames.shown(folder)
    assert numbers == list(range(10))


def test_brightness_is_that_of_the_picture(frames: Run, tmp_path: Path) -> None:
    """JPEG and PNG have full range, the clip has limited range; the measure is in full range."""
    for suffix in ("jpg", "png"):
        folder = tmp_path / suffix
        folder.mkdir()
        for number in range(5):
            Image.new("RGB", (64, 64), (128, 128, 128)).save(folder / f"{number}.{suffix}")
        facts = frames(folder)
        assert isinstance(facts, dict)
        assert facts["measures"]["luma"] == pytest.approx(128, abs=1)


def test_natural_order(tmp_path: Path) -> None:
    names = ["10.jpg", "2.jpg", "1.jpg", "01.jpg", "a2b10.jpg", "a2b9.jpg", "²x.jpg"]
    folder_order = ["01.jpg", "1.jpg", "2.jpg", "10.jpg"]
    for name in names:
        (tmp_path / name).touch()
    ranked = picture_names(tmp_path)
    assert [name for name in ranked if name in folder_order] == folder_order
    assert ranked.index("a2b9.jpg") < ranked.index("a2b10.jpg")


def test_spans_rates_and_boxes_as_with_videos(frames: Run, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 60, "{}.png", first=0)
    assert frames.shown(folder, 0.4, 1.0)[1] == list(range(10, 25))
    assert frames.shown(folder, 2.0)[1] == list(range(50, 60))
    facts, numbers = frames.shown(folder, fps=30)
    assert numbers == [number for number in range(60) if number % 6 != 2]
    facts, numbers = frames.shown(folder, fps=12.5)
    assert numbers == [number // 2 for number in range(120)]
    facts, _ = frames.shown(folder, bbox=(40, 20, 120, 80), crop="bbox", crop_margin=0.0)
    assert facts["video"]["crop"] == [40, 20, 120, 80]
    facts, _ = frames.shown(folder, short_side=48)
    assert (facts["video"]["width"], facts["video"]["height"]) == (80, 48)
    facts, _ = frames.shown(folder, declared_fps=30.0)
    assert facts["flags"] == ["fps-differs"]


def test_the_same_numbers_as_from_a_video_of_the_rate(frames: Run, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 48)
    fps = 30000 / 1001
    facts, numbers = frames.shown(folder, fps=fps)
    assert facts["source"]["average_fps"] == "30000/1001"
    middles = [(index + Fraction(1, 2)) / 25 for index in range(len(numbers))]
    expected = [int((middle + Fraction(1, 1000)) * Fraction(30000, 1001)) for middle in middles]
    assert numbers == expected


@pytest.mark.parametrize(
    ("span", "reason", "detail"),
    [
        ((2.0, 3.0), "span-outside", "begins at 2.00 s, source ends at 0.80 s"),
        ((0.8,), "span-outside", "begins at 0.80 s, source ends at 0.80 s"),
    ],
)
def test_spans_behind_the_end(
    frames: Run, tmp_path: Path, span: tuple[float, ...], reason: str, detail: str
) -> None:
    found = frames(write_frames(tmp_path / "f", 20), *span)
    assert isinstance(found, Reject)
    assert (found.reason.value, found.detail) == (reason, detail)


def test_an_end_behind_the_end_is_flagged(frames: Run, tmp_path: Path) -> None:
    facts, numbers = frames.shown(write_frames(tmp_path / "f", 20), 0.4, 2.0)
    assert facts["flags"] == ["end-clamped"]
    assert numbers == list(range(10, 20))


def test_names_of_two_kinds_and_gaps_are_flagged(frames: Run, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 10, "frame_{:04}.jpg")
    write_frames(folder, 3, "glosses{:04}.jpg")
    assert frames.shown(folder)[0]["flags"] == ["pictures-mixed"]
    folder = write_frames(tmp_path / "g", 10)
    (folder / "images0004.jpg").unlink()
    facts, numbers = frames.shown(folder)
    assert facts["flags"] == ["pictures-missing"]
    assert numbers == [0, 1, 2, *range(4, 10)]
    assert name_flags(["a1.jpg", "a2.jpg", "a2.png"]) == {"pictures-mixed"}
    assert name_flags(["s1_f1.jpg", "s1_f2.jpg"]) == set()
    assert name_flags(["s1_f1.jpg", "s2_f2.jpg"]) == {"pictures-mixed"}
    assert name_flags(["cover.png"]) == set()


def test_other_files_do_not_count(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 3)
    before = inspect_folder(folder)
    (folder / "createDnnTrainingLabels-profile.py.lprof").write_bytes(b"x")
    (folder / "._images0001.jpg").write_bytes(b"x")
    (folder / "sub.jpg").mkdir()
    (folder / "link.jpg").symlink_to("images0001.jpg")
    assert picture_names(folder) == [f"images000{number}.jpg" for number in (1, 2, 3)]
    assert inspect_folder(folder) == before


def test_the_digest_is_of_names_and_bytes(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 3)
    copy = tmp_path / "elsewhere" / "g"
    shutil.copytree(folder, copy)
    first, second = inspect_folder(folder), inspect_folder(copy)
    assert not isinstance(first, Reject)
    assert not isinstance(second, Reject)
    assert first.sha256 == second.sha256
    assert first.size_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert first.container == "frames"
    (copy / "images0003.jpg").rename(copy / "images0004.jpg")
    renamed = inspect_folder(copy)
    assert not isinstance(renamed, Reject)
    assert renamed.sha256 != first.sha256
    state = state_of(folder)
    os.utime(folder / "images0002.jpg", ns=(1, 1))
    assert state_of(folder) != state


def test_media_folder_finds_folders(tmp_path: Path) -> None:
    write_frames(tmp_path / "features/fullFrame/train/01April_x" / "1", 2)
    write_frames(tmp_path / "features/fullFrame/test/02April_y" / "1", 2)
    (tmp_path / "empty").mkdir()
    media = MediaFolder(tmp_path)

    def find(*names: str) -> str | None:
        found = media.find(Source("s", names=names, frames_fps=25))
        return None if found is None else found.relative_to(tmp_path).as_posix()

    assert find("features/fullFrame/train/01April_x/1") == "features/fullFrame/train/01April_x/1"
    assert find("nowhere", "01April_x/1") == "features/fullFrame/train/01April_x/1"
    assert find("1") is None, "that is two folders"
    assert find("empty") is None
    assert find("01April_x") is None, "it holds no file itself"
    fetched = media.fetch(Source("s", names=("01April_x/1",), frames_fps=25))
    assert not isinstance(fetched, Reject)
    assert fetched.container == "frames"
    missing = media.fetch(Source("s", names=("03May",), frames_fps=25))
    assert isinstance(missing, Reject)
    assert missing.reason.value == "media-missing"


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "readme.txt").write_text("nothing")
    found = MediaFolder(tmp_path).fetch(Source("s", names=("f",), frames_fps=25))
    assert isinstance(found, Reject)
    assert (found.reason.value, found.detail) == ("not-media", "no pictures")


def test_equal_pictures_give_equal_bytes(guard: Guard, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 12)
    clips = []
    for name in ("one", "two"):
        out = tmp_path / f"{name}.mp4"
        Run(guard, out).shown(folder, 0.1)
        clips.append(out.read_bytes())
    assert clips[0] == clips[1]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_pictures_are_turned_as_their_note_says(
    frames: Run, tmp_path: Path, orientation: int
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    note = Image.Exif()
    note[0x0112] = orientation
    for number in range(5):
        Image.fromarray(quadrants(96, 64)).save(folder / f"{number}.jpg", exif=note, quality=95)
    upright = ImageOps.exif_transpose(Image.open(folder / "0.jpg"))
    facts = frames(folder)
    assert isinstance(facts, dict)
    assert (facts["video"]["width"], facts["video"]["height"]) == upright.size
    shown = next(lumas(frames.out)).astype(float)
    wanted = 16 + np.asarray(upright.convert("L"), float) * 219 / 255
    assert np.abs(shown - wanted).mean() < 3
