"""`sign-etl show BUILD`: a contact sheet of a build, or one clip large."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.reader import Build, Sample, open_build

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET_FRAMES = 6
CLIP_FRAMES = 12


def show(
    build: Path,
    *,
    out: Path,
    key: str | None = None,
    clips: int = 6,
    frames: int | None = None,
    backends: tuple[str, ...] = (),
) -> Path:
    """Write a PNG that shows clips of a build with their keypoints.

    Args:
        build: the build folder.
        out: the picture; in a folder, it is named after the build.
        key: show this clip alone and large.
        clips: how many clips otherwise, spread over splits and labels.
        frames: frames of each clip; default 6, and 12 for one clip.
        backends: whose keypoints, one row each; default all of the build.

    Returns:
        Path of the written picture.

    Raises:
        UsageError: no build, no such clip or backend, nothing to show.
        VerifyError: the build is unfinished or damaged.
    """
    frames = (CLIP_FRAMES if key else SHEET_FRAMES) if frames is None else frames
    if clips < 1 or frames < 1:
        raise UsageError("nothing to show: --clips and --frames begin at 1")
    target = out / f"{build.name or 'build'}.png" if out.is_dir() else out
    with open_build(build) as opened:
        picture = _draw(opened, key, clips, frames, backends)
    write_bytes(target, picture)
    return target


def _draw(
    build: Build, key: str | None, clips: int, frames: int, backends: tuple[str, ...]
) -> bytes:
    for backend in backends:
        build.require_backend(backend)
    if not len(build):
        raise UsageError(
            "the build has no samples",
            hint=f"`sign-etl status {build.path}` says what became of its clips",
        )
    rows: tuple[str | None, ...] = backends or build.backends or (None,)
    if key:
        sheet = _clip_page(build, build.sample(key), rows, frames)
    else:
        sheet = _sheet(build, rows, clips, frames)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _clip_page(build: Build, sample: Sample, rows: tuple[str | None, ...], frames: int) -> Image:
    from sign_etl.viz.choose import choose_frames
    from sign_etl.viz.contact_sheet import draw_clip_page, tile_size
    from sign_etl.viz.strip import label_of, make_strip

    tile = tile_size(sample.width / sample.height, large=True)
    numbers = choose_frames(sample.frames, frames)
    strips = [make_strip(build, sample, row, numbers, tile) for row in rows]
    subtitle = f"{sample.key} · {build.manifest.name}"
    return draw_clip_page(label_of(sample), subtitle, strips, tile, legend=rows != (None,))


def _sheet(build: Build, rows: tuple[str | None, ...], clips: int, frames: int) -> Image:
    from sign_etl.viz.choose import choose_clips, choose_frames
    from sign_etl.viz.contact_sheet import draw_sheet, tile_size
    from sign_etl.viz.crop import WHOLE, common_aspect, signer_span, window
    from sign_etl.viz.strip import make_strip

    samples = [build.sample(key) for key in choose_clips(build.index, clips)]
    spans = [signer_span(build.keypoints(each, rows[0])) if rows[0] else WHOLE for each in samples]
    aspects = [sample.width / sample.height for sample in samples]
    tile = tile_size(common_aspect(zip(spans, aspects, strict=True)))
    strips = [
        make_strip(
            build,
            sample,
            row,
            choose_frames(sample.frames, frames),
            tile,
            shown=window(span, aspect, tile[0] / tile[1]),
        )
        for sample, span, aspect in zip(samples, spans, aspects, strict=True)
        for row in rows
    ]
    return draw_sheet(build.manifest.name, _subtitle(build), strips, tile, legend=rows != (None,))


def _subtitle(build: Build) -> str:
    splits = ", ".join(f"{name} {count:,}" for name, count in build.splits.items())
    clips = f"{len(build):,} clips ({splits})"
    layouts = [f"{name} ({pose.layout})" for name, pose in build.manifest.poses.items()]
    manifest = build.manifest
    language = [] if manifest.language == "und" else [manifest.language]
    licence = [f"licence: {manifest.licence}"] if manifest.licence else []
    return " · ".join([clips, *language, *layouts, *licence])
