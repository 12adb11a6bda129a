"""Writing the small videos of demo and fixtures, with the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sign_etl.core.files import disk_errors, publish, scratch


def write_video(path: Path, pictures: Iterable[NDArray[np.uint8]], *, fps: int = 25) -> int:
    """Encode `pictures` as H.264 in an MP4 whose index stands first; atomic.

    x264 on one thread with `cpu-independent`, and our own integer colour conversion, since both
    x264's and libswscale's results otherwise differ between CPU types.

    Args:
        path: the file.
        pictures: (H, W, 3) RGB, all of one size, H and W even.
        fps: frames per second.

    Returns:
        The number of frames.
    """
    count = 0
    with disk_errors(path), scratch(path.parent) as folder:
        temporary = folder / path.name
        muxing = {"movflags": "faststart", "fflags": "+bitexact"}
        with av.open(str(temporary), "w", format="mp4", options=muxing) as container:
            stream = container.add_stream(
                "libx264",
                rate=fps,
                options={
                    "preset": "veryfast",
                    "crf": "18",
                    "x264-params": "cpu-independent=1:threads=1",
                },
            )
            stream.pix_fmt = "yuv420p"
            stream.thread_count = 1
            for picture in pictures:
                if count == 0:
                    stream.height, stream.width = picture.shape[:2]
                frame = av.VideoFrame.from_ndarray(_yuv420p(picture), format="yuv420p")
                frame.pts, frame.time_base = count, Fraction(1, fps)
                container.mux(stream.encode(frame))
                count += 1
            container.mux(stream.encode(None))
        publish(temporary, path)
    return count


def _yuv420p(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Planes Y, U, V of ITU-R BT.601, limited range, in 8-bit integers: (H * 3 / 2, W)."""
    height, width = picture.shape[:2]
    red, green, blue = (picture[..., channel].astype(np.int32) for channel in range(3))
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = ((66 * red + 129 * green + 25 * blue + 128) >> 8) + 16
    red, green, blue = (_halve(channel) for channel in (red, green, blue))
    chroma = planes[height:].reshape(-1)
    quarter = chroma.size // 2
    chroma[:quarter] = (((-38 * red - 74 * green + 112 * blue + 128) >> 8) + 128).reshape(-1)
    chroma[quarter:] = (((112 * red - 94 * green - 18 * blue + 128) >> 8) + 128).reshape(-1)
    return planes


def _halve(channel: NDArray[np.int32]) -> NDArray[np.int32]:
    rows = channel[0::2] + channel[1::2]
    return (rows[:, 0::2] + rows[:, 1::2] + 2) >> 2
