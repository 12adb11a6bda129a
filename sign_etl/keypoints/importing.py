"""`import`, the parent's side: asks a guarded child for one clip's keypoints.

What comes back are JSON facts in the shape of those of `normalise`, so that all later steps treat
both alike:

    source    container (the format), part, units, frames_seen, average_fps (a fraction as text,
              where the file says it), duration_s
    video     fps, fps_fraction, frames, width, height, first_frame (in the source)
    measures  nothing: there are no pictures
    flags     what was not as it should be, keys of `FLAGS`

Frames are never resampled: keypoints that others extracted stay what they are.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from sign_etl.core.guard import Guard, Limits
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.outcome import Reject, StageName
from sign_etl.schema.pipeline import NormaliseConfig
from sign_etl.schema.verdict import verdict

VERSION: Final = "2"
"""Part of every fingerprint: another output means another version."""

TARGET: Final = "sign_etl.keypoints.child:run"
"""What the guarded child runs."""

FLAGS: Final[dict[str, str]] = {
    "end-clamped": "the span ends after the source",
    "fps-differs": "the file's frame rate is not the one that the annotations assume",
    "fps-guessed": "nothing tells the frame rate, 25 is taken",
    "hands-unordered": "first and second hand of the detector stand for left and right",
    "neck-synthesised": "the neck was put between the shoulders",
    "no-depth": "the layout has depth and the file has none: 0 is taken",
    "score-clipped": "scores above 1 became 1",
    "several-people": "frames with several persons: the first is taken",
    "size-swapped": "width and height stand in the wrong order and were turned",
    "size-unknown": "nothing tells the size of the pictures, 1 x 1 stands for it",
    "span-rescaled": "the span follows the frame numbers that the annotations count",
    "time-gap": "frames are missing in between",
}
"""All flags, with what they mean."""

LIMITS: Final = Limits(wall_s=120.0, memory_bytes=6 << 30, file_bytes=4 << 30, calls=5000)
_SLOWEST_BYTES_PER_S: Final = 8 << 20
"""A file that holds many clips is scanned once by each child."""


def import_keypoints(
    guard: Guard,
    source: Path,
    size_bytes: int,
    name: str,
    part: str | None,
    *,
    start_s: float,
    end_s: float | None,
    declared_fps: float | None,
    config: NormaliseConfig,
    wanted: KeypointSet,
    out: Path,
) -> dict[str, Any] | Reject:
    """Write the keypoints of one clip to `out`, an .npy file: (T, K, C) float32.

    Args:
        guard: of `TARGET`, with `LIMITS`.
        source: untrusted file.
        size_bytes: its size.
        name: its format, see `sign_etl.keypoints.base.FORMATS`.
        part: which part of it, None for the whole file.
        start_s: begin of the clip in seconds.
        end_s: its end, None for the end of the source.
        declared_fps: frame rate that the annotations assume, None if they do not.
        config: the choices of the pipeline; only lengths and frame rates matter here.
        wanted: what the build expects of the file.
        out: the file to write, in a folder that exists; absent after a reject.

    Returns:
        Facts (see the module), or a reject.

    Raises:
        DiskError: no space is left for `out`.
        MissingExtraError: the format needs a library that is not installed.
    """
    reply = guard.call(
        {
            "source": str(source.absolute()),
            "format": name,
            "part": part,
            "start_s": start_s,
            "end_s": end_s,
            "declared_fps": declared_fps,
            **choices(config),
            "wanted": asdict(wanted),
            "out": str(out.absolute()),
        },
        wall_s=LIMITS.wall_s + size_bytes / _SLOWEST_BYTES_PER_S,
    )
    return verdict(reply, StageName.IMPORT, out)


def choices(config: NormaliseConfig) -> dict[str, Any]:
    """What of `normalise` decides about imported keypoints."""
    return config.model_dump(include={"min_duration_s", "max_duration_s", "fps_mismatch"})
