"""Decoding the normalised video of a sample from memory."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from sign_etl.core.errors import VerifyError


def decode_frames(video: bytes) -> Iterator[NDArray[np.uint8]]:
    """Frames of an mp4 that `normalise` wrote, in order.

    Args:
        video: the whole file. The container is not guessed, so other formats are refused.

    Yields:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        VerifyError: it is not such a video, or it is damaged.
    """
    try:
        with av.open(io.BytesIO(video), "r", format="mp4") as container:
            for frame in container.decode(video=0):
                # PyAV's rows are padded at some widths; many consumers need contiguous arrays.
                yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
    except (FFmpegError, IndexError):
        raise VerifyError(
            "a video of the build cannot be decoded", hint="`sign-etl verify` names it"
        ) from None
