"""`normalise`, the parent's side: asks a guarded child for the clip and turns trouble into rejects.

Nothing of libav is loaded here: only the child, whose time, memory and output are limited, touches
foreign bytes. What comes back are JSON facts:

    source    container, codec, width, height (as stored), pixel_aspect, pixel_format, bit_depth,
              average_fps, real_fps (fractions as text), duration_s, frames_seen, variable_fps
    video     fps, fps_fraction, frames, width, height, crop (pixels of the upright source),
              rotation (clockwise degrees), mirrored, source_us (for each output frame the
              presentation time of its source frame, microseconds since the begin of the stream)
    measures  luma (mean brightness, 0 to 255), frozen_share (frames that equal the one before)
    flags     what was not as it should be, keys of `FLAGS`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sign_etl.core.guard import Guard, Limits
from sign_etl.schema.outcome import Reject, StageName
from sign_etl.schema.pipeline import NormaliseConfig
from sign_etl.schema.verdict import verdict

VERSION: Final = "1"
"""Part of every fingerprint: another output of the same settings means another version."""

TARGET: Final = "sign_etl.media.normalise_child:run"
"""What the guarded child runs."""

FLAGS: Final[dict[str, str]] = {
    "bbox-clamped": "the annotated box reaches beyond the picture",
    "bbox-ignored": "the annotated box is empty, tiny or outside of the picture",
    "damaged": "packets inside the span could not be decoded; the frame before them stays",
    "end-clamped": "the span ends after the source",
    "fps-differs": "the frame rate is not the one that the annotations assume",
    "fps-guessed": "the source tells no frame rate, 25 is taken",
    "high-dynamic-range": "PQ or HLG colours, not tone-mapped",
    "interlaced": "interlaced frames, not separated",
    "partial": "the source breaks off inside the span",
    "picture-changes": "the size of the picture changes inside the span",
    "pictures-missing": "the numbers of a folder's pictures have gaps; they are shown without",
    "pictures-mixed": "a folder's pictures follow more than one kind of name; all are shown",
    "pixel-aspect-ignored": "an impossible pixel aspect ratio",
    "rotation-ignored": "a rotation by an angle that is no multiple of 90 degrees",
    "span-rescaled": "frame numbers were counted at another rate; the span follows the frames",
    "starts-late": "the first frame comes well after the begin of the span",
    "time-gap": "no frame for more than a second",
    "timestamps-mended": "timestamps were missing or went backwards",
}
"""All flags, with what they mean."""

_OVERHEAD_BYTES = 64 << 20
_WIDEST_PICTURE = 3


def limits(config: NormaliseConfig) -> Limits:
    """What the child may use; its output may never be larger than its raw pictures."""
    raw_frame = config.short_side**2 * _WIDEST_PICTURE * 3 // 2
    frames = int(config.max_duration_s * (config.fps or 60)) + 1
    return Limits(
        wall_s=config.timeout_s,
        memory_bytes=config.memory_mb << 20,
        file_bytes=_OVERHEAD_BYTES + raw_frame * frames,
        calls=200,
    )


def normalise(
    guard: Guard,
    source: Path,
    container: str,
    *,
    frames_fps: float | None = None,
    start_s: float,
    end_s: float | None,
    declared_fps: float | None,
    bbox: tuple[float, float, float, float] | None,
    config: NormaliseConfig,
    out: Path,
) -> dict[str, Any] | Reject:
    """Make the clip `out` from one span of `source`.

    Args:
        guard: of `TARGET`, with `limits(config)`.
        source: untrusted file, or folder of pictures.
        container: its format as `sign_etl.media.sniff.sniff` found it; `frames` for a folder.
        frames_fps: how many of a folder's pictures are a second.
        start_s: begin of the span, seconds of presentation since the begin of the video stream.
        end_s: its end, None for the end of the source (also for a file that is already trimmed).
        declared_fps: frame rate that the annotations assume, None if they do not.
        bbox: where the signer is, (x0, y0, x1, y1) in pixels of the upright source.
        config: the choices of the pipeline.
        out: the file to write, in a folder that exists; absent after a reject.

    Returns:
        Facts (see the module), or a reject.

    Raises:
        DiskError: no space is left for `out`.
    """
    reply = guard.call(
        {
            "source": str(source.absolute()),
            "container": container,
            "frames_fps": frames_fps,
            "out": str(out.absolute()),
            "start_s": start_s,
            "end_s": end_s,
            "declared_fps": declared_fps,
            "bbox": bbox,
            "config": config.model_dump(mode="json"),
        }
    )
    return verdict(reply, StageName.NORMALISE, out)
