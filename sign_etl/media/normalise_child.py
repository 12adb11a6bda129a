"""The guarded side of `normalise`: decodes foreign bytes, writes the clip, reports facts."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Final

import av

from sign_etl.core.seams import seam
from sign_etl.media.cut import Cut
from sign_etl.media.decode import Source
from sign_etl.media.frames import FrameFolder
from sign_etl.media.outline import cut_short
from sign_etl.media.output import Job
from sign_etl.media.pictures import CONTAINER
from sign_etl.media.probe import Refused
from sign_etl.media.timeline import seconds
from sign_etl.media.webp import CONTAINER as WEBP
from sign_etl.media.webp import WebpSource
from sign_etl.schema.outcome import Reason
from sign_etl.schema.pipeline import NormaliseConfig

PREROLLS_S: Final = (1, 11)
"""Seeking aims so far before the span, then further, then the source is read from its begin."""


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Normalise one clip; runs in the child of a `sign_etl.core.guard.Guard`.

    Args:
        request: `source`, `container`, `frames_fps`, `out`, `start_s`, `end_s`, `declared_fps`,
            `bbox`, `config`.

    Returns:
        `{"facts": ...}`, `{"reject": {"reason", "detail"}}` or `{"no_space": true}`.
    """
    av.logging.set_level(None)
    av.logging.set_libav_level(av.logging.PANIC)
    job = Job(
        container=request["container"],
        start_s=seconds(request["start_s"]),
        end_s=None if request["end_s"] is None else seconds(request["end_s"]),
        declared_fps=request["declared_fps"],
        bbox=request["bbox"],
        config=NormaliseConfig.model_validate(request["config"]),
        out=Path(request["out"]),
    )
    seam("decode.opening", request["source"])
    try:
        if job.container == CONTAINER:
            return {"facts": _from_pictures(job, Path(request["source"]), request["frames_fps"])}
        with Path(request["source"]).open("rb") as file:
            made = _from_webp(job, file) if job.container == WEBP else _normalise(job, file)
            return {"facts": made}
    except Refused as refused:
        return {"reject": {"reason": refused.reason.value, "detail": refused.detail}}
    except OSError as error:  # those of libav are of this kind too
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"no_space": True}
        if error.errno == errno.EFBIG:
            return {"reject": {"reason": Reason.TOO_LARGE.value, "detail": "the output"}}
        raise


def _normalise(job: Job, file: IO[bytes]) -> dict[str, Any]:
    is_cut = cut_short(file, job.container)
    prerolls = [Fraction(job.start_s - ahead) for ahead in PREROLLS_S if job.start_s > ahead]
    for target_s in [*prerolls, None]:
        file.seek(0)
        source = Source(file, job.container, job.config.max_pixels)
        try:
            if target_s is not None and not source.seek(target_s):
                continue
            cut = Cut(job, source, is_cut, from_begin=target_s is None)
            if cut.make():
                return cut.facts()
        finally:
            source.close()
    raise AssertionError("reading from the begin ends in facts or a refusal")


def _from_webp(job: Job, file: IO[bytes]) -> dict[str, Any]:
    source = WebpSource(file, job.config.max_pixels)
    cut = Cut(job, source, source.is_cut, from_begin=True)
    cut.make()
    return cut.facts()


def _from_pictures(job: Job, folder: Path, fps: float) -> dict[str, Any]:
    source = FrameFolder(folder, fps, job.config.max_pixels, job.start_s)
    cut = Cut(job, source, False, from_begin=True)
    cut.make()
    facts = cut.facts()
    return facts | {"flags": sorted({*facts["flags"], *source.flags})}
