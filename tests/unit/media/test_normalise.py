"""Normalising good files: which frames, what size, which facts, which bytes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import (
    VideoSpec,
    read_numbers,
    truncate,
    write_copy_cut,
    write_video,
)
from shown import Normalise, middles, shown

from sign_etl.media.picture import luma
from sign_etl.media.timeline import frame_count


def test_25_to_25_is_the_identity(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=50))
    assert numbers == list(range(50))
    assert facts["video"] == {
        "fps": 25.0, "fps_fraction": "25/1", "frames": 50, "width": 160, "height": 96,
        "crop": [0, 0, 160, 96], "rotation": 0, "mirrored": False,
        "source_us": [index * 40_000 for index in range(50)],
    }  # fmt: skip
    assert facts["source"] == {
        "container": "mp4", "codec": "h264", "width": 160, "height": 96, "pixel_aspect": "1/1",
        "pixel_format": "yuv420p", "bit_depth": 8, "average_fps": "25/1", "real_fps": "25/1",
        "duration_s": 2.0, "frames_seen": 50, "variable_fps": False,
    }  # fmt: skip
    assert facts["flags"] == []
    assert facts["measures"]["frozen_share"] == 0


def test_30_to_25_drops_every_sixth(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=60, fps=30))
    assert numbers == [index for index in range(60) if index % 6 != 2]
    expected_us = [round(number * 1e6 / 30) for number in numbers]
    assert np.abs(np.subtract(facts["video"]["source_us"], expected_us)).max() <= 1


@pytest.mark.parametrize("fps", [24, 60, 50, 12, Fraction(30000, 1001), Fraction(24000, 1001)])
def test_other_rates_to_25(normalise: Normalise, tmp_path: Path, fps: Fraction) -> None:
    spec = VideoSpec(count=48, fps=fps)
    facts, numbers = shown(normalise, tmp_path, spec)
    times_s = [Fraction(index) / fps for index in range(48)]
    assert len(numbers) == facts["video"]["frames"] == frame_count(48 / Fraction(fps), Fraction(25))
    assert numbers == middles(facts, 0.0, numbers, times_s)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_variable_rate(normalise: Normalise, tmp_path: Path, container: str) -> None:
    times_s = [0, 0.04, 0.08, 0.3, 0.34, 0.5, 0.9, 0.95, 1.0, 1.02, 1.5]
    spec = VideoSpec(times_s=times_s, container=container)
    facts, numbers = shown(normalise, tmp_path, spec)
    assert numbers == middles(facts, 0.0, numbers, times_s)
    assert set(range(8)) <= set(numbers), "every frame that lasts 40 ms is seen"
    assert facts["source"]["variable_fps"] is True


def test_rate_of_the_source_is_kept_on_request(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=48, fps=Fraction(30000, 1001))
    facts, numbers = shown(normalise, tmp_path, spec, fps=None)
    assert facts["video"]["fps_fraction"] == "30000/1001"
    assert numbers == list(range(48))


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "libx264"), ("mp4", "mpeg4"), ("mp4", "libx265"), ("matroska", "libx264"),
        ("webm", "libvpx-vp9"), ("avi", "mpeg4"), ("flv", "flv"), ("swf", "flv"),
        ("mpegts", "libx264"), ("mpeg", "mpeg2video"), ("asf", "wmv2"), ("ogg", "libtheora"),
    ],
)  # fmt: skip
def test_cut_in_the_middle(
    normalise: Normalise, tmp_path: Path, container: str, codec: str
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of PyAV has no {codec}")
    # Far enough in for a seek; the margins of half a frame keep rounded timestamps out of it.
    spec = VideoSpec(count=120, container=container, codec=codec)
    facts, numbers = shown(normalise, tmp_path, spec, 3.0, 3.8)
    assert numbers == list(range(75, 95))
    assert facts["video"]["source_us"][0] == pytest.approx(3_000_000, abs=1000)
    assert facts["source"]["frames_seen"] in (20, 21)
    assert facts["flags"] == []


def test_gif(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=20, container="gif", codec="gif", pixel_format="rgb8", ticks=100)
    facts, numbers = shown(normalise, tmp_path, spec)
    assert numbers == list(range(20))
    assert facts["source"]["codec"] == "gif"


def test_cut_off_the_grid_of_the_source(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=120), 2.525, 3.333)
    assert len(numbers) == 20
    times_s = [index / 25 for index in range(120)]
    assert numbers == middles(facts, 2.525, numbers, times_s)


def test_long_groups_of_pictures_and_b_frames(normalise: Normalise, tmp_path: Path) -> None:
    options = {"crf": "12", "g": "250", "bf": "3", "x264-params": "open-gop=1"}
    spec = VideoSpec(count=200, options=options)
    _, numbers = shown(normalise, tmp_path, spec, 6.0, 6.4)
    assert numbers == list(range(150, 160))


def test_span_to_the_end_of_the_source(normalise: Normalise, tmp_path: Path) -> None:
    assert shown(normalise, tmp_path, VideoSpec(count=50), 1.6)[1] == list(range(40, 50))


def test_end_a_little_beyond_the_source_is_no_matter(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=50), 1.6, 2.2)
    assert (numbers, facts["flags"]) == (list(range(40, 50)), [])


def test_end_far_beyond_the_source_is_flagged(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=50), 1.6, 9.0)
    assert (numbers, facts["flags"]) == (list(range(40, 50)), ["end-clamped"])


def test_times_count_from_the_first_frame(normalise: Normalise, tmp_path: Path) -> None:
    for container in ("mp4", "matroska", "mpegts"):
        spec = VideoSpec(times_s=[0.5 + index / 25 for index in range(50)], container=container)
        facts, numbers = shown(normalise, tmp_path, spec, 0.4, 0.8)
        assert numbers == list(range(10, 20)), container
        assert facts["video"]["source_us"][0] == pytest.approx(400_000, abs=1000)


def test_edit_list_hides_the_first_frames(normalise: Normalise, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", VideoSpec(count=50))
    cut = write_copy_cut(tmp_path / "cut.mp4", whole, 0.6)
    assert isinstance(normalise(cut), dict)
    assert read_numbers(tmp_path / "out.mp4") == list(range(15, 50))
    assert isinstance(normalise(cut, 0.4, 0.8), dict)
    assert read_numbers(tmp_path / "out.mp4") == list(range(25, 35))


def test_one_frame(normalise: Normalise, tmp_path: Path) -> None:
    facts, numbers = shown(normalise, tmp_path, VideoSpec(count=1))
    assert (numbers, facts["video"]["frames"]) == ([0], 1)
    assert facts["measures"]["frozen_share"] == 0


def test_rate_that_the_annotations_do_not_assume(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(count=30, fps=30))
    assert normalise(source, declared_fps=25)["flags"] == ["fps-differs"]
    assert normalise(source, declared_fps=29.97)["flags"] == []
    reject = normalise(source, declared_fps=25, fps_mismatch="reject")
    assert (reject.reason.value, reject.detail) == ("fps-mismatch", "30.00 instead of 25.00 fps")
    assert reject.reason.from_bytes


def test_spans_of_counted_frames_follow_the_frames(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(count=90, fps=30))
    # Frames 25 to 49 of this very file, called seconds by people who took it for 25 fps.
    settings = {"declared_fps": 25, "fps_mismatch": "rescale", "fps": None}
    facts = normalise(source, 1.0, 2.0, **settings)
    assert facts["flags"] == ["fps-differs", "span-rescaled"]
    assert read_numbers(tmp_path / "out.mp4") == list(range(25, 50))
    facts = normalise(source, 1.0, 2.0, **settings | {"fps_mismatch": "flag"})
    assert facts["flags"] == ["fps-differs"]
    assert read_numbers(tmp_path / "out.mp4") == list(range(30, 60))
    assert normalise(source, **settings)["flags"] == ["fps-differs"]


def test_durations_are_limited(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(count=50))
    assert normalise(source, min_duration_s=2.1).reason.value == "too-short"
    assert normalise(source, max_duration_s=1.9).reason.value == "too-long"
    assert isinstance(normalise(source, min_duration_s=2.0, max_duration_s=2.0), dict)
    assert isinstance(normalise(source, 0.0, 1.0, max_duration_s=1.0), dict)
    stream = write_video(tmp_path / "s.ts", VideoSpec(count=50, container="mpegts"))
    assert normalise(stream, max_duration_s=1.9).reason.value == "too-long"


def test_names_that_look_like_options_or_addresses(normalise: Normalise, tmp_path: Path) -> None:
    for name in ("-i.mp4", "http:x.mp4", "concat:a|b", "50%.mp4", "ταινία.mp4"):
        source = write_video(tmp_path / "source.mp4", VideoSpec(count=3)).rename(tmp_path / name)
        out = tmp_path / f"out-{name}"
        facts = normalise(source, out=out)
        assert facts["video"]["frames"] == 3
        assert out.is_file()


def test_early_span_of_a_broken_off_file(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=100, container_options={"movflags": "+faststart"})
    source = truncate(write_video(tmp_path / "source.mp4", spec), 0.6)
    facts = normalise(source, 0.0, 0.4)
    assert (read_numbers(tmp_path / "out.mp4"), facts["flags"]) == (list(range(10)), [])


@pytest.mark.shared_data
def test_real_clips(normalise: Normalise, tmp_path: Path, shared_data: Path) -> None:
    for source in sorted((shared_data / "svk-clips").glob("*.mp4"))[:2]:
        facts = normalise(source, declared_fps=25.0)
        assert facts["flags"] == []
        assert facts["measures"]["frozen_share"] < 0.05
        assert facts["measures"]["luma"] > 50
        with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
            pairs = list(zip(before.decode(video=0), after.decode(video=0), strict=True))
        assert facts["video"]["frames"] == len(pairs)
        errors = [np.abs(luma(a).astype(int) - luma(b)).mean() for a, b in pairs]
        assert max(errors) < 2.5, "the same pictures, nearly without loss"
