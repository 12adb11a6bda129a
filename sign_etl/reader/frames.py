"""Frames of a normalised video in a file, one at a time: memory does not grow with the clip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

# swscale's default colour conversion differs between CPU types. With these flags it does not, and
# the pictures are within two levels of what other readers show; finer chroma costs another 2 ms.
_FLAGS = Interpolation.POINT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def read_frames(
    video: Path | IO[bytes], numbers: Iterable[int] | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Frames of an mp4 that `normalise` wrote, in order.

    Decodes on one thread, since its callers run one process per core.

    Args:
        video: the file, or its bytes as an open file. The container is not guessed, so other
            formats are refused.
        numbers: only these frames, counted from 0, in ascending order; default all.

    Yields:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        ValueError: the file is not such a video, or it is damaged.
    """
    name = video.name if isinstance(video, Path) else "the video"
    source = str(video) if isinstance(video, Path) else video
    wanted = None if numbers is None else frozenset(numbers)
    last = None if wanted is None else max(wanted, default=-1)
    try:
        with av.open(source, "r", format="mp4") as container:
            if not container.streams.video:
                raise ValueError(f"{name} has no video stream")
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if last is not None and number > last:
                    return
                if wanted is not None and number not in wanted:
                    continue
                picture = frame.reformat(format="rgb24", interpolation=_FLAGS).to_ndarray()
                # Rows are padded at widths that are no multiple of the alignment; MediaPipe then
                # silently finds nobody.
                yield np.ascontiguousarray(picture)
    except av.error.FFmpegError:
        raise ValueError(f"{name} cannot be decoded") from None
