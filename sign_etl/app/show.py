"""`sign-etl show BUILD`: a contact sheet of a build, or one clip large."""

from __future__ import annotations

import io
from pathlib import Path

from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.reader import Build, Sample, open_build

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
    from sign_etl.viz.choose import choose_clips, choose_frames
    from sign_etl.viz.contact_sheet import draw_clip_page, draw_sheet, tile_size
    from sign_etl.viz.strip import label_of, make_strip

    for backend in backends:
        build.require_backend(backend)
    if not len(build):
        raise UsageError("the build has no samples", hint="`sign-etl status` says what became of")
    keys = [key] if key else choose_clips(build.index, clips)
    samples = [build.sample(each) for each in keys]
    tile = tile_size(*_common_size(samples), large=key is not None)
    rows: tuple[str | None, ...] = backends or build.backends or (None,)
    strips = [
        make_strip(build, sample, backend, choose_frames(sample.frames, frames), tile)
        for sample in samples
        for backend in rows
    ]
    legend = rows != (None,)
    if key:
        sheet = draw_clip_page(label_of(samples[0]), build.manifest.name, strips, tile, legend=legend)
    else:
        sheet = draw_sheet(build.manifest.name, _subtitle(build), strips, tile, legend=legend)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _common_size(samples: list[Sample]) -> tuple[int, int]:
    # The size that most clips have, so that few need borders; the first one where they tie.
    sizes = [(sample.width, sample.height) for sample in samples]
    return max(sizes, key=sizes.count)


def _subtitle(build: Build) -> str:
    splits = ", ".join(f"{name} {count:,}" for name, count in build.splits.items())
    clips = f"{len(build):,} clips ({splits})"
    layouts = [f"{name} ({pose.layout})" for name, pose in build.manifest.poses.items()]
    licence = build.manifest.licence
    return " · ".join([clips, build.manifest.language, *layouts, *([licence] if licence else [])])
