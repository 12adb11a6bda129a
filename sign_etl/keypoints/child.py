"""The guarded side of `import`: reads foreign keypoints, cuts the span, reports facts."""

from __future__ import annotations

import errno
import math
import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.core.pickle_globals import DamagedError, RefusedError
from sign_etl.keypoints.base import FORMATS, Floats, Imported, Refused
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.outcome import Reason

GUESSED_FPS: Final = 25.0
FASTEST_FPS: Final = 1000.0
FPS_TOLERANCE: Final = 0.01
NAN_BITS: Final = np.uint32(0x7FC00000)
_LONGEST_DETAIL: Final = 120
_EARLY: Final = 1e-6
"""Of a frame: what rounding in seconds may cost."""
_DAMAGE: Final = (
    *(ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, EOFError),
    *(struct.error, zlib.error, zipfile.BadZipFile, NotImplementedError, RecursionError),
)
"""What readers raise where bytes are not what they should be."""


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Import one clip; runs in the child of a `sign_etl.core.guard.Guard`.

    Args:
        request: the arguments of `sign_etl.keypoints.importing.import_keypoints`.

    Returns:
        `{"facts": ...}`, `{"reject": {"reason", "detail"}}` or `{"no_space": true}`.
    """
    wanted = KeypointSet(**request["wanted"])
    reader = FORMATS.get(request["format"])
    try:
        found = reader.read(Path(request["source"]), request["part"], wanted)
        keypoints, facts = cut(found, request, wanted)
    except Refused as refused:
        return _reject(refused.reason, refused.detail)
    except DamagedError as damaged:
        return _reject(Reason.CORRUPT, f"the pickle holds {damaged}")
    except RefusedError as refused:
        return _reject(Reason.UNSUPPORTED_FORMAT, f"the pickle holds {refused}")
    except _DAMAGE:
        return _reject(Reason.CORRUPT, f"no readable {request['format']}")
    except OSError as error:
        if error.errno is not None:  # the disk; Arrow's own complaints have no number
            raise
        return _reject(Reason.CORRUPT, f"no readable {request['format']}")
    try:
        with open(request["out"], "wb") as file:
            np.save(file, keypoints, allow_pickle=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"no_space": True}
        if error.errno == errno.EFBIG:
            return _reject(Reason.TOO_LARGE, "the output")
        raise
    return {"facts": facts}


def cut(
    found: Imported, request: dict[str, Any], wanted: KeypointSet
) -> tuple[Floats, dict[str, Any]]:
    """The frames of the span, and the facts.

    Raises:
        Refused: another layout than the build's, an empty span, or a rule of the pipeline.
    """
    if found.layout != wanted.layout:
        detail = f"layout {found.layout}, the build has {wanted.layout}"
        raise Refused(Reason.UNSUPPORTED_FORMAT, detail)
    flags = set(found.flags)
    fps = _fps(found, request["declared_fps"], wanted)
    if fps is None:
        flags.add("fps-guessed")
        fps = GUESSED_FPS
    scale = _checked_rate(found.fps, request["declared_fps"], request["fps_mismatch"], flags)
    frames = len(found.keypoints)
    if not frames:
        raise Refused(Reason.CORRUPT, "no frame")
    first = math.ceil(request["start_s"] * scale * fps - _EARLY)
    last = frames
    if request["end_s"] is not None:
        last = math.ceil(request["end_s"] * scale * fps - _EARLY)
        if last > frames:
            flags.add("end-clamped")
            last = frames
    if first >= frames:
        detail = f"begins at {request['start_s']:.2f} s, source ends at {frames / fps:.2f} s"
        raise Refused(Reason.SPAN_OUTSIDE, detail)
    count = max(last - first, 1)
    if count / fps < request["min_duration_s"]:
        raise Refused(Reason.TOO_SHORT, f"{count} frames")
    if count / fps > request["max_duration_s"]:
        raise Refused(Reason.TOO_LONG, f"over {request['max_duration_s']:g} s")
    keypoints = np.array(found.keypoints[first : first + count], np.float32)
    if wanted.y_up:
        keypoints[..., 1] = 1.0 - keypoints[..., 1]
    keypoints.view(np.uint32)[np.isnan(keypoints)] = NAN_BITS
    if not (found.width and found.height):
        flags.add("size-unknown")
    known = None if found.fps is None else str(_fraction(found.fps))
    return keypoints, {
        "source": {
            "container": request["format"],
            "part": request["part"],
            "units": found.units,
            "frames_seen": frames,
            "average_fps": known,
            "duration_s": round(frames / fps, 6),
        },
        "video": {
            "fps": float(_fraction(fps)),
            "fps_fraction": str(_fraction(fps)),
            "frames": count,
            "width": found.width or 1,
            "height": found.height or 1,
            "first_frame": first,
        },
        "measures": {},
        "flags": sorted(flags),
    }


def _fps(found: Imported, declared_fps: float | None, wanted: KeypointSet) -> float | None:
    """What the file says goes before what the annotations say, and that before the option."""
    fps = found.fps or declared_fps or wanted.fps
    if fps is not None and not 0 < fps <= FASTEST_FPS:
        raise Refused(Reason.CORRUPT, f"{fps:g} frames per second")
    return fps


def _checked_rate(
    fps: float | None, declared_fps: float | None, policy: str, flags: set[str]
) -> float:
    """Compare with what the annotations assume; the factor that puts their seconds right."""
    if not fps or not declared_fps or abs(fps / declared_fps - 1) <= FPS_TOLERANCE:
        return 1.0
    if policy == "reject":
        raise Refused(Reason.FPS_MISMATCH, f"{fps:g} fps, the annotations say {declared_fps:g}")
    flags.add("fps-differs")
    if policy == "flag":
        return 1.0
    flags.add("span-rescaled")  # they counted frames: frame n stands at n / fps
    return declared_fps / fps


def _fraction(fps: float) -> Fraction:
    return Fraction(fps).limit_denominator(1001)


def _reject(reason: Reason, detail: str) -> dict[str, Any]:
    plain = "".join(char if char.isprintable() else "?" for char in detail)[:_LONGEST_DETAIL]
    return {"reject": {"reason": reason.value, "detail": plain}}
