"""Normalising bad files: each kind of damage has its outcome, and nothing of it is silent."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from media import (
    VideoSpec,
    boxes,
    flip_bytes,
    patch_size,
    read_numbers,
    truncate,
    without_box,
    write_sound,
    write_video,
)

from sign_etl.core.errors import DiskError
from sign_etl.core.guard import Guard, Limits
from sign_etl.media import normalise as stage
from sign_etl.media.outline import cut_short
from sign_etl.media.sniff import DEMUXERS
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import NormaliseConfig
from sign_etl.schema.verdict import verdict

Normalise = Callable[..., Any]

FASTSTART = {"movflags": "+faststart"}
FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov"}


def reason(answer: Any) -> str:
    assert isinstance(answer, Reject), answer
    assert answer.stage is StageName.NORMALISE
    return answer.reason.value


def test_reject_leaves_no_file(normalise: Normalise, tmp_path: Path) -> None:
    source = truncate(
        write_video(tmp_path / "s.mp4", VideoSpec(count=100, container_options=FASTSTART)), 0.6
    )
    assert reason(normalise(source)) == "partial"
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp4", "libx264", FASTSTART), ("mp4", "libx264", FRAGMENTED), ("mp4", "mpeg4", FASTSTART),
        ("matroska", "libx264", {}), ("webm", "libvpx-vp9", {}), ("avi", "mpeg4", {}),
        ("flv", "flv", {}), ("swf", "flv", {}), ("asf", "wmv2", {}), ("mpegts", "libx264", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("share", [0.47, 0.7, 0.93])
def test_broken_off(
    normalise: Normalise,
    tmp_path: Path,
    container: str,
    codec: str,
    options: dict[str, str],
    share: float,
) -> None:
    spec = VideoSpec(count=120, container=container, codec=codec, container_options=options)
    source = truncate(write_video(tmp_path / "source", spec), share)
    reject = normalise(source)
    if isinstance(reject, dict):
        assert (container, share) == ("avi", 0.93), "only its index is missing"
        assert read_numbers(tmp_path / "out.mp4") == list(range(120))
        return
    if options is FRAGMENTED and reason(reject) == "corrupt":
        return  # broken off inside the index of a fragment, which spoils the file for libav
    assert reason(reject) == "partial"
    assert reject.reason.from_bytes
    assert not reject.reason.retryable
    facts = normalise(source, partial="flag")
    assert {"partial", "damaged"} & set(facts["flags"])
    numbers = read_numbers(tmp_path / "out.mp4")
    assert 10 < len(numbers) < 120
    assert numbers[:5] == list(range(5))


def test_broken_off_gif(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=40, container="gif", codec="gif", pixel_format="rgb8", ticks=100)
    source = truncate(write_video(tmp_path / "source.gif", spec), 0.6)
    assert reason(normalise(source)) == "partial"


def test_broken_off_with_sound(normalise: Normalise, tmp_path: Path) -> None:
    for container in ("mp4", "matroska"):
        options = FASTSTART if container == "mp4" else {}
        spec = VideoSpec(count=100, container=container, audio=True, container_options=options)
        source = truncate(write_video(tmp_path / "source", spec), 0.6)
        assert reason(normalise(source)) == "partial", container


@pytest.mark.parametrize("container", ["mp4", "matroska", "flv"])
def test_sound_that_goes_on_longer_is_no_damage(
    normalise: Normalise, tmp_path: Path, container: str
) -> None:
    codec = "flv" if container == "flv" else "libx264"
    spec = VideoSpec(count=50, container=container, codec=codec, audio=True, audio_s=4)
    facts = normalise(write_video(tmp_path / "source", spec))
    assert (facts["video"]["frames"], facts["flags"]) == (50, [])


def test_span_in_the_missing_part(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=120, container_options=FASTSTART)
    source = truncate(write_video(tmp_path / "source.mp4", spec), 0.5)
    for policy in ("reject", "flag"):
        assert reason(normalise(source, 4.0, 4.5, partial=policy)) == "partial"


def test_damage_inside_the_span_only_matters(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=120, container_options=FASTSTART)
    source = flip_bytes(write_video(tmp_path / "source.mp4", spec), 0.6, 0.7)
    reject = normalise(source)
    assert (reason(reject), reject.detail) == ("partial", "damaged inside the span")
    assert isinstance(normalise(source, 0.0, 0.6), dict)
    assert read_numbers(tmp_path / "out.mp4") == list(range(15))
    assert isinstance(normalise(source, 4.0, 4.6), dict)
    assert read_numbers(tmp_path / "out.mp4") == list(range(100, 115))


def test_damage_may_be_kept_with_a_flag(normalise: Normalise, tmp_path: Path) -> None:
    spec = VideoSpec(count=120, container_options=FASTSTART)
    source = flip_bytes(write_video(tmp_path / "source.mp4", spec), 0.6, 0.7)
    facts = normalise(source, partial="flag")
    assert "damaged" in facts["flags"]
    numbers = read_numbers(tmp_path / "out.mp4")
    assert (facts["video"]["frames"], len(numbers)) == (120, 120)
    assert numbers[:40] == list(range(40))
    assert numbers[-10:] == list(range(110, 120)), "after the damage time goes on in step"


def test_zeroed_payload(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(container_options=FASTSTART))
    data = bytearray(source.read_bytes())
    for name, begin, end in boxes(bytes(data)):
        if name == b"mdat":
            data[begin + 8 : end] = bytes(end - begin - 8)
    source.write_bytes(data)
    reject = normalise(source)
    assert (reason(reject), reject.detail) == ("corrupt", "no frame can be decoded")


def test_index_missing(normalise: Normalise, tmp_path: Path) -> None:
    source = without_box(write_video(tmp_path / "source.mp4"), b"moov")
    reject = normalise(source)
    assert (reason(reject), reject.detail) == ("corrupt", "unreadable header")


def test_header_only(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(container_options=FASTSTART))
    data = source.read_bytes()
    (begin,) = (begin for name, begin, _ in boxes(data) if name == b"mdat")
    for length in (begin, begin + 8):
        source.write_bytes(data[:length])
        assert reason(normalise(source)) == "corrupt"
        assert reason(normalise(source, 1.0, 1.5)) == "corrupt"


def test_sound_only(normalise: Normalise, tmp_path: Path) -> None:
    assert reason(normalise(write_sound(tmp_path / "source.mp4"))) == "no-video"


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile neighbour.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nneighbour.mp4\n#EXT-X-ENDLIST\n",
        "<!doctype html><html><body>not found</body></html>",
        "",
    ],
    ids=["ffconcat", "playlist", "html", "empty"],
)
@pytest.mark.parametrize("container", [*DEMUXERS, "webp"])
def test_text_named_mp4_opens_no_neighbour(
    normalise: Normalise, tmp_path: Path, container: str, text: str
) -> None:
    write_video(tmp_path / "neighbour.mp4", VideoSpec(count=5))
    source = tmp_path / "source.mp4"
    source.write_text(text)
    # Whatever sniffing thought of it.
    assert reason(normalise(source, container=container)) in ("corrupt", "no-video")


def test_concat_and_playlists_are_no_containers_of_ours(
    normalise: Normalise, tmp_path: Path
) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(count=5))
    for container in ("concat", "hls", "dash", "lavfi", "nonsense"):
        reject = normalise(source, container=container)
        assert (reason(reject), reject.detail) == ("unsupported-format", f"container {container}")


def test_wrong_container(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(count=5))
    for container in ("matroska", "avi", "gif", "swf", "webp"):
        assert reason(normalise(source, container=container)) in ("corrupt", "no-video")


def test_too_many_pixels(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4")
    reject = normalise(source, max_pixels=160 * 96 - 1)
    assert (reason(reject), reject.detail) == ("too-many-pixels", "160x96")
    assert isinstance(normalise(source, max_pixels=160 * 96), dict)


def test_header_that_claims_fewer_pixels(normalise: Normalise, tmp_path: Path) -> None:
    source = patch_size(write_video(tmp_path / "source.mp4"), 32, 32)
    assert reason(normalise(source, max_pixels=160 * 96 - 1)) in ("too-many-pixels", "corrupt")


@pytest.mark.parametrize("side", [9_000, 20_000, 65_535])
def test_huge_picture_is_refused_before_memory_is_taken(
    normalise: Normalise, guard: Guard, tmp_path: Path, side: int
) -> None:
    spec = VideoSpec(count=5, container="gif", codec="gif", pixel_format="rgb8", ticks=100)
    source = write_video(tmp_path / "source.gif", spec)
    data = bytearray(source.read_bytes())
    data[6:10] = side.to_bytes(2, "little") * 2  # the logical screen
    source.write_bytes(data)
    assert reason(normalise(source)) in ("too-many-pixels", "corrupt")


def test_span_outside(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4", VideoSpec(count=50))
    for start_s in (2.0, 3.0, 500.0):
        reject = normalise(source, start_s, start_s + 1)
        assert reason(reject) == "span-outside"
        assert reject.detail == f"begins at {start_s:.2f} s, source ends at 2.00 s"


def test_missing_source_is_no_fault_of_its_bytes(normalise: Normalise, tmp_path: Path) -> None:
    reject = normalise(tmp_path / "nowhere.mp4", container="mp4")
    assert (reason(reject), reject.detail) == ("crashed", "FileNotFoundError")
    assert not reject.reason.from_bytes


def test_hang_and_memory_become_rejects(tmp_path: Path) -> None:
    spec = VideoSpec(count=100, width=1280, height=720)
    source = write_video(tmp_path / "source.mp4", spec)
    config = NormaliseConfig(preset="slow", short_side=720)
    for limits, word in (
        (Limits(wall_s=0.01, memory_bytes=1 << 30), "hung"),
        (Limits(wall_s=60, memory_bytes=96 << 20), "out-of-memory"),
    ):
        with Guard(stage.TARGET, limits) as guard:
            reject = stage.normalise(
                guard, source, "mp4", start_s=0, end_s=None, declared_fps=None, bbox=None,
                config=config, out=tmp_path / "out.mp4",
            )  # fmt: skip
        assert reason(reject) == word
        assert not (tmp_path / "out.mp4").exists()


def test_limits_follow_the_settings() -> None:
    limits = stage.limits(NormaliseConfig(timeout_s=7, memory_mb=300))
    assert (limits.wall_s, limits.memory_bytes) == (7, 300 << 20)
    assert limits.file_bytes > 120 * 25 * 852 * 480 * 3 // 2


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs /dev/full")
def test_full_disk_is_an_error_and_no_reject(normalise: Normalise, tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mp4")
    out = tmp_path / "out.mp4"
    out.symlink_to("/dev/full")
    with pytest.raises(DiskError, match="no space left"):
        normalise(source, out=out)


@pytest.mark.parametrize(
    "reply",
    [None, [], {}, {"facts": 1}, {"facts": {}}, {"reject": {"reason": "bored", "detail": ""}}],
)
def test_child_that_talks_nonsense(reply: Any, tmp_path: Path) -> None:
    outcome = verdict(reply, StageName.NORMALISE, tmp_path / "out.mp4")
    assert outcome == Reject(StageName.NORMALISE, Reason.CRASHED, "an answer that makes no sense")


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "libx264"), ("matroska", "libx264"), ("swf", "flv"), ("mpegts", "libx264")],
)
def test_outline_of_whole_and_broken_files(tmp_path: Path, container: str, codec: str) -> None:
    source = write_video(tmp_path / "source", VideoSpec(container=container, codec=codec))
    with source.open("rb") as file:
        assert not cut_short(file, container)
    truncate(source, 0.7)
    with source.open("rb") as file:
        assert cut_short(file, container)


def test_outline_of_rubbish(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for data in (b"", b"\0" * 5000, b"\x1aE\xdf\xa3", b"\x1aE\xdf\xa3\xff" + b"\xff" * 50):
        source.write_bytes(data)
        with source.open("rb") as file:
            for container in DEMUXERS:
                assert cut_short(file, container) in (True, False)
    whole = write_video(tmp_path / "whole.mp4")
    whole.write_bytes(whole.read_bytes() + b"\0\0\0\0 trailing rubbish")
    with whole.open("rb") as file:
        assert not cut_short(file, "mp4")


def test_every_flag_is_explained() -> None:
    folder = Path(stage.__file__).parent
    names = ("cut.py", "output.py", "picture.py", "pictures.py")
    code = "".join((folder / name).read_text() for name in names)
    used = re.findall(r'(?:flags\.(?:add|append)\(|return \{)"([a-z-]+)"[)}]', code)
    assert set(used) == set(stage.FLAGS)
