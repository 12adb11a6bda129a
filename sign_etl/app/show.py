"""`sign-etl show`: clips of a build as a picture, a film, a timeline, or in the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.reader import Build, Sample, open_build

if TYPE_CHECKING:
    from PIL.Image import Image

SHEET_FRAMES = 6
CLIP_FRAMES = 12
TERMINAL_COLUMNS = 22
"""Characters of a frame in the terminal."""
FILMS = (".mp4", ".gif")


def show(
    build: Path,
    *,
    out: Path,
    key: str | None = None,
    clips: int = 6,
    frames: int | None = None,
    backends: tuple[str, ...] = (),
    timeline: bool = False,
) -> Path:
    """Write a picture or a film that shows clips of a build with their keypoints.

    Args:
        build: the build folder, or one shard in it: then only its clips are shown.
        out: the PNG, or a film of one clip where it ends with `.mp4` or `.gif`; in a folder, a
            PNG is named after what it shows: `BUILD.png`, `KEY.png`, `BUILD-timeline.png`.
        key: show this clip alone and large.
        clips: how many clips otherwise, spread over splits and labels.
        frames: frames of each clip; default 6, and 12 for one clip.
        backends: whose keypoints, one row each (in a film side by side); default all of the build.
        timeline: draw the scores of one clip over its frames instead.

    Returns:
        Path of the written file.

    Raises:
        UsageError: no build, no such clip or backend, nothing to show.
        VerifyError: the build is unfinished or damaged.

    Example:
        >>> show(Path("demo-build"), out=Path("sheet.png"), clips=1, frames=2).name
        'sheet.png'
    """
    frames = (CLIP_FRAMES if key else SHEET_FRAMES) if frames is None else frames
    if clips < 1 or frames < 1:
        raise UsageError("nothing to show", hint="--clips and --frames begin at 1")
    folder, shard = _build_and_shard(build)
    target = out / _file_name(folder, key, timeline) if out.is_dir() else out
    if target.suffix.lower() not in (*FILMS, ".png", ""):
        raise UsageError(
            f"nothing is drawn as {target.suffix}", hint="name it .png, or .mp4 or .gif for a film"
        )
    with open_build(folder) as opened:
        rows = _rows(opened, backends)
        if target.suffix.lower() in FILMS:
            written = _film(opened, _one(opened, key, shard), rows, target.suffix.lower())
        elif timeline:
            written = _timeline(opened, _one(opened, key, shard), rows)
        elif key:
            written = _png(_clip_page(opened, opened.sample(key), rows, frames))
        else:
            written = _png(_sheet(opened, rows, _chosen(opened, shard, clips), frames))
    write_bytes(target, written)
    return target


def show_lines(
    build: Path,
    *,
    columns: int,
    key: str | None = None,
    clips: int = 3,
    backends: tuple[str, ...] = (),
    colour: bool = True,
) -> Iterator[tuple[str, bool]]:
    """Clips as lines of characters for a terminal: frames with skeletons, timeline, features.

    Args:
        build: as for `show`.
        columns: characters of a line.
        key: this clip alone.
        clips: how many otherwise.
        backends: whose keypoints; default all of the build.
        colour: whether the terminal has colours.

    Yields:
        Lines, and whether they are a picture of ours; the others hold texts of strangers.

    Raises:
        UsageError: no build, no such clip or backend.
        VerifyError: the build is unfinished or damaged.

    Example:
        >>> lines = list(show_lines(Path("demo-build"), columns=60, clips=1, colour=False))
        >>> len(lines) > 1
        True
    """
    from sign_etl.viz.feature_timeline import feature_curves, feature_lines
    from sign_etl.viz.pose_timeline import lanes, timeline_lines
    from sign_etl.viz.strip import label_of

    folder, shard = _build_and_shard(build)
    with open_build(folder) as opened:
        rows = _rows(opened, backends)
        for number, each in enumerate([key] if key else _chosen(opened, shard, clips)):
            sample = opened.sample(each)
            if number:
                yield "", False
            yield f"{label_of(sample)} · {sample.split} · {sample.key}", False
            for row in rows:
                if len(rows) > 1:
                    yield f"{row}:", False
                for line in _terminal_strip(opened, sample, row, columns, colour):
                    yield line, True
            named = [row for row in rows if row is not None]
            for line in timeline_lines(lanes(opened, sample, named), columns):
                yield line, False
            for line in feature_lines(feature_curves(opened, sample), columns):
                yield line, False


def _build_and_shard(path: Path) -> tuple[Path, str | None]:
    """The build folder and, where a tar of it is named, the shard as the index calls it."""
    if path.suffix != ".tar":
        return path, None
    where = path.absolute()
    return where.parent.parent, f"{where.parent.name}/{where.name}"


def _file_name(build: Path, key: str | None, timeline: bool) -> str:
    """So that a picture of one kind is not written over one of another."""
    return f"{key or build.name or 'build'}{'-timeline' if timeline else ''}.png"


def _rows(build: Build, backends: tuple[str, ...]) -> tuple[str | None, ...]:
    for backend in backends:
        build.require_backend(backend)
    if not len(build):
        raise UsageError(
            "the build has no samples",
            hint=f"`sign-etl status {build.path}` says what became of its clips",
        )
    return backends or build.backends or (None,)


def _chosen(build: Build, shard: str | None, clips: int) -> list[str]:
    from sign_etl.viz.choose import choose_clips

    index = build.index
    if shard is not None:
        import pyarrow.compute as pc

        index = index.filter(pc.equal(index["shard"], shard))
        if not len(index):
            raise UsageError(
                f"the build has no shard `{shard}`", hint=f"look into {build.path} for its tars"
            )
    return choose_clips(index, clips)


def _one(build: Build, key: str | None, shard: str | None) -> Sample:
    return build.sample(key if key is not None else _chosen(build, shard, 1)[0])


def _png(picture: Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _film(build: Build, sample: Sample, rows: tuple[str | None, ...], suffix: str) -> bytes:
    from sign_etl.viz.overlay_video import GIF_HEIGHT, as_gif, as_mp4, overlay_frames

    if suffix == ".mp4":
        return as_mp4(overlay_frames(build, sample, rows), sample.fps)
    return as_gif(overlay_frames(build, sample, rows, height=GIF_HEIGHT), sample.fps)


def _timeline(build: Build, sample: Sample, rows: tuple[str | None, ...]) -> bytes:
    from sign_etl.viz.pose_timeline import draw_timeline

    named = [row for row in rows if row is not None]
    if not named:
        build.require_backend()
    return _png(draw_timeline(build, sample, named))


def _terminal_strip(
    build: Build, sample: Sample, row: str | None, columns: int, colour: bool
) -> list[str]:
    from PIL import Image

    from sign_etl.viz.choose import choose_frames
    from sign_etl.viz.crop import WHOLE, signer_span, window
    from sign_etl.viz.half_blocks import half_blocks
    from sign_etl.viz.strip import make_strip

    count = max(columns // TERMINAL_COLUMNS, 1)
    # Two pixels of a frame for each cell: drawn larger, bones would vanish between cells.
    tile = (2 * TERMINAL_COLUMNS, 5 * TERMINAL_COLUMNS // 2)
    aspect = sample.width / sample.height
    span = signer_span(build.keypoints(sample, row)) if row is not None else WHOLE
    shown = window(span, aspect, tile[0] / tile[1])
    strip = make_strip(build, sample, row, choose_frames(sample.frames, count), tile, shown=shown)
    whole = Image.new("RGB", (tile[0] * len(strip.pictures), tile[1]))
    for place, picture in enumerate(strip.pictures):
        whole.paste(picture, (place * tile[0], (tile[1] - picture.height) // 2))
    width = min(columns, TERMINAL_COLUMNS * len(strip.pictures))
    return half_blocks(whole, width, colour=colour)


def _clip_page(build: Build, sample: Sample, rows: tuple[str | None, ...], frames: int) -> Image:
    from sign_etl.viz.choose import choose_frames
    from sign_etl.viz.contact_sheet import draw_clip_page, tile_size
    from sign_etl.viz.feature_timeline import feature_curves, with_features
    from sign_etl.viz.strip import label_of, make_strip

    tile = tile_size(sample.width / sample.height, large=True)
    numbers = choose_frames(sample.frames, frames)
    strips = [make_strip(build, sample, row, numbers, tile) for row in rows]
    subtitle = f"{sample.key} · {build.manifest.name}"
    page = draw_clip_page(label_of(sample), subtitle, strips, tile, legend=rows != (None,))
    return with_features(page, feature_curves(build, sample))


def _sheet(build: Build, rows: tuple[str | None, ...], keys: list[str], frames: int) -> Image:
    from sign_etl.viz.choose import choose_frames
    from sign_etl.viz.contact_sheet import draw_sheet, tile_size
    from sign_etl.viz.crop import WHOLE, common_aspect, signer_span, window
    from sign_etl.viz.strip import make_strip

    samples = [build.sample(key) for key in keys]
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
    clips = f"{len(build):,} clip{'' if len(build) == 1 else 's'} ({splits})"
    layouts = [f"{name} ({pose.layout})" for name, pose in build.manifest.poses.items()]
    manifest = build.manifest
    language = [] if manifest.language == "und" else [manifest.language]
    licence = [f"licence: {manifest.licence}"] if manifest.licence else []
    return " · ".join([clips, *language, *layouts, *licence])
