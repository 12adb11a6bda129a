"""What runs in the guarded child of the feature stage: one frozen network, a few clips a call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.core.canonical import canonical_json
from sign_etl.features.base import (
    BACKENDS,
    Extractor,
    FeatureOptions,
    frame_numbers,
    picture_frame,
)
from sign_etl.stream.base import SampleError
from sign_etl.stream.video import Video

AT_ONCE: Final = 32
"""Frames of one clip that the network sees together. A part of the version: sums may depend on it.
Frames of two clips never meet, so neighbours cannot be seen in what comes out."""


def compute(request: dict[str, Any]) -> dict[str, Any]:
    """Compute the features of some clips and write them as .npy, one file a clip.

    Args:
        request: `backend`, `options` and `clips`, each with `video` (a file that `normalise`
            wrote), `frames`, `fps` and `out`, the file to write: (T, D) in the options' dtype.

    Returns:
        `clips`, in the same order, each with `shape` and `provider`.

    Raises:
        ValueError: a video is not what was announced, or the features are no finite numbers.
    """
    extractor, options = _opened(request["backend"], canonical_json(request["options"]))
    return {"clips": [_computed(extractor, options, fields) for fields in request["clips"]]}


def _computed(
    extractor: Extractor, options: FeatureOptions, fields: Mapping[str, Any]
) -> dict[str, Any]:
    numbers = frame_numbers(fields["frames"], fields["fps"], options)
    frame = picture_frame(extractor.side, options)
    data = Path(fields["video"]).read_bytes()
    shape = (len(numbers), extractor.size)
    # Written as it comes: all tokens of a long clip are more than a child should hold.
    found = np.lib.format.open_memmap(Path(fields["out"]), "w+", np.dtype(options.dtype), shape)
    for first in range(0, len(numbers), AT_ONCE):
        some = numbers[first : first + AT_ONCE]
        try:
            with Video(data) as video:
                if video.frames != fields["frames"]:
                    raise ValueError(f"the video has {video.frames} frames")
                [box] = frame.boxes(video.width, video.height)
                taken = video.take(some)
        except SampleError:
            raise ValueError("the video cannot be decoded") from None
        pictures = frame.pictures([taken[number] for number in some], box)
        made = extractor(pictures)
        if made.shape != (len(some), extractor.size):
            raise ValueError(f"the network gave {made.shape}, not {len(some), extractor.size}")
        with np.errstate(over="ignore"):
            cast = made.astype(options.dtype)
        if not np.isfinite(cast).all():
            raise ValueError(f"the features are no finite numbers of type {options.dtype}")
        found[first : first + len(some)] = cast
    found.flush()
    return {"shape": list(shape), "provider": extractor.provider}


@lru_cache(maxsize=1)
def _opened(name: str, options: str) -> tuple[Extractor, FeatureOptions]:
    backend = BACKENDS.get(name)
    chosen = backend.options(json.loads(options))
    return backend.open(chosen), chosen
