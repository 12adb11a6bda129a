"""The pictures of a normalised clip: rotation, crops, pixel formats, brightness."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import (
    VideoSpec,
    lumas,
    quadrants,
    read_numbers,
    write_video,
)
from shown import Normalise, shown

from sign_etl.media.picture import luma


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_display_matrix(normalise: Normalise, tmp_path: Path, rotation: int, hflip: bool) -> None:
    plane = quadrants(160, 96)
    spec = VideoSpec(pictures=[plane], count=1, rotation=rotation, hflip=hflip)
    facts = normalise(write_video(tmp_path / "source.mp4", spec))
    upright = np.rot90(plane, rotation // 90)
    if hflip:  # "mirror after it", says PyAV
        upright = np.fliplr(upright)
    (made,) = lumas(tmp_path / "out.mp4")
    assert made.shape == upright.shape == (facts["video"]["height"], facts["video"]["width"])
    assert np.abs(made.astype(int) - upright).mean() < 3
    assert facts["video"]["mirrored"] is hflip
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


def test_other_rotations_are_flagged(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=5, rotation=45))
    assert (numbers, facts["flags"]) == ([0, 1, 2, 3, 4], ["rotation-ignored"])


def test_crop_scale_and_rotation_together(normalise: Normalise, tmp_path: Path) -> None:
    plane = quadrants(320, 240)
    spec = VideoSpec(pictures=[plane], count=1, width=320, height=240, rotation=90)
    source = write_video(tmp_path / "source.mp4", spec)
    # Upright it is 240 x 320; the box holds its lower half, whose quarters are 40 and 160.
    facts = normalise(source, bbox=(0, 160, 240, 320), crop="bbox", crop_margin=0, short_side=80)
    assert facts["video"]["crop"] == [0, 160, 240, 320]
    assert (facts["video"]["width"], facts["video"]["height"]) == (120, 80)
    (made,) = lumas(tmp_path / "out.mp4")
    assert made[40, 20] == pytest.approx(40, abs=3)
    assert made[40, 100] == pytest.approx(160, abs=3)


def test_box_is_ignored_without_the_policy(normalise: Normalise, tmp_path: Path) -> None:
    facts = normalise(write_video(tmp_path / "source.mp4"), bbox=(0, 0, 80, 80))
    assert facts["video"]["crop"] == [0, 0, 160, 96]


def test_pixels_that_are_not_square(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=5, pixel_aspect=Fraction(2)))
    assert (facts["video"]["width"], facts["video"]["height"]) == (160, 48)
    assert facts["source"]["pixel_aspect"] == "2/1"
    assert numbers == list(range(5))


@pytest.mark.parametrize(
    ("codec", "pixel_format", "bits"),
    [
        ("libx264", "yuv420p10le", 10), ("libx264", "yuv444p", 8), ("libx265", "yuv420p10le", 10),
        ("mjpeg", "yuvj420p", 8), ("ffv1", "gray", 8), ("ffv1", "bgra", 8), ("ffv1", "yuv420p", 8),
    ],
)  # fmt: skip
def test_pixel_formats(
    normalise: Normalise, tmp_path: Path, codec: str, pixel_format: str, bits: int
) -> None:
    odd = codec == "ffv1"  # the others want even sides
    spec = VideoSpec(
        count=10, container="matroska", codec=codec, pixel_format=pixel_format,
        width=160 + odd, height=96 + odd,
    )  # fmt: skip
    facts, numbers = shown(normalise, tmp_path, spec)
    assert numbers == list(range(10))
    assert facts["source"]["bit_depth"] == bits
    assert facts["source"]["pixel_format"] == pixel_format
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == "yuv420p"
    assert (frame.width, frame.height) == (160, 96)
    assert frame.color_range in (0, 1), "limited, or not told, which means limited"
    # 50 and 200 stay 50 and 200 in limited range, whatever the range of the source.
    plane = luma(frame)
    assert int(plane.min()) == pytest.approx(50, abs=6)


def test_picture_size_changes_in_the_middle(normalise: Normalise, tmp_path: Path) -> None:
    options = {"crf": "12", "bf": "0"}
    times_s = [1 + index / 25 for index in range(25)]
    small = VideoSpec(count=25, container="mpegts", options=options)
    large = VideoSpec(times_s=times_s, container="mpegts", width=320, height=192, options=options)
    first, second = write_video(tmp_path / "a.ts", small), write_video(tmp_path / "b.ts", large)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    # The counters of the two streams do not fit, which the demuxer takes for a lost packet.
    facts = normalise(both, partial="flag")
    assert "picture-changes" in facts["flags"]
    numbers = read_numbers(tmp_path / "out.mp4")
    assert numbers[:22] == list(range(22))
    assert numbers[26:] == list(range(1, 25))
    assert (facts["video"]["width"], facts["video"]["height"]) == (160, 96)


def test_brightness_and_standstill(normalise: Normalise, tmp_path: Path) -> None:
    black, white = (np.full((96, 160), level, np.uint8) for level in (16, 235))
    still = write_video(tmp_path / "a.mp4", VideoSpec(pictures=[black] * 10, count=10))
    measures = normalise(still)["measures"]
    assert measures["luma"] == pytest.approx(0, abs=0.5)
    assert measures["frozen_share"] == 1
    flicker = write_video(tmp_path / "b.mp4", VideoSpec(pictures=[black, white] * 5, count=10))
    measures = normalise(flicker)["measures"]
    assert measures["luma"] == pytest.approx(127.5, abs=2)
    assert measures["frozen_share"] == 0


def test_a_moving_finger_is_no_standstill(normalise: Normalise, tmp_path: Path) -> None:
    planes = []
    for index in range(10):
        plane = np.full((480, 640), 120, np.uint8)
        plane[200:216, 300 + 4 * index : 308 + 4 * index] = 60
        planes.append(plane)
    spec = VideoSpec(pictures=planes, count=10, width=640, height=480)
    facts = normalise(write_video(tmp_path / "source.mp4", spec))
    assert facts["measures"]["frozen_share"] == 0
