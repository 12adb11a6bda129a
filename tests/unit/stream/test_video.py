"""Frames of a clip by their numbers: the right pixels, whatever the decoder does."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from short_clip import LONG, TALL, WIDE, every, facts, rng
from tiny_build import encode, gradient

from sign_etl.stream.base import SampleError
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.samplers import sampler
from sign_etl.stream.video import Video, with_decord

WANTED = ([0], [39], [3, 7, 11, 15, 19], [11, 12], [0, 13, 38], list(range(LONG)), [30, 5, 5])


def test_frames_are_those_of_a_whole_decode(clip: bytes) -> None:
    whole = every(clip)
    assert len(whole) == LONG
    for wanted in WANTED:
        with Video(clip) as video:
            assert (video.frames, video.width, video.height) == (LONG, WIDE, TALL)
            found = video.take(wanted)
        assert sorted(found) == sorted(set(wanted))
        assert all(np.array_equal(found[number], whole[number]) for number in found)


def test_decord_gives_the_same_pixels(clip: bytes) -> None:
    pytest.importorskip("decord")
    for wanted in WANTED:
        with Video(clip) as video:
            ours = video.take(wanted)
        theirs = with_decord(clip, wanted)
        assert all(np.array_equal(theirs[number], ours[number]) for number in ours)


def test_files_with_frames_out_of_order_are_decoded_too() -> None:
    data = encode(list(gradient(20)))  # x264's own choice: B-frames
    whole = every(data)
    with Video(data) as video:
        found = video.take([2, 9, 19])
    assert all(np.array_equal(found[number], whole[number]) for number in found)


def test_decoders_that_give_a_frame_late_are_waited_for() -> None:
    """MPEG-2: times of decoding before those of showing, and frames that come one packet late."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width = TALL, WIDE
        stream.pix_fmt = "yuv420p"
        for picture in gradient(15, WIDE, TALL):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    whole = every(buffer.getvalue())
    with Video(buffer.getvalue()) as video:
        found = video.take([3, 8, 14])
    assert all(np.array_equal(found[number], whole[number]) for number in (3, 8, 14))


@pytest.mark.parametrize("data", [b"", b"<html>", bytes(2000)])
def test_what_is_no_video_is_a_sample_error(data: bytes) -> None:
    view = ClipView(sampler({"name": "stride", "frames": 4}))
    with pytest.raises(SampleError) as caught:
        view.read(data, facts(), rng())
    assert caught.value.error == "decode"


def test_a_damaged_video_is_a_sample_error(clip: bytes) -> None:
    broken = bytearray(clip)
    begin = clip.index(b"mdat") + 4
    broken[begin : begin + 400] = bytes(400)
    view = ClipView(sampler({"name": "linspace", "frames": 4}), size=16)
    with pytest.raises(SampleError):
        view.read(bytes(broken), facts(LONG), rng())
    with pytest.raises(SampleError) as caught:
        view.read(clip, facts(LONG + 1), rng())
    assert caught.value.error == "schema"
