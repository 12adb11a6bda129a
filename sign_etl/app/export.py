"""`sign-etl export`: a build in the formats of other systems, for their own readers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sign_etl.core.errors import ConfigError
from sign_etl.export.base import EXPORTERS
from sign_etl.export.rights import Rights, rights_of
from sign_etl.export.writing import export_build
from sign_etl.reader import open_build
from sign_etl.schema.export_replies import Export, ExportFormatPart, ExportFormats
from sign_etl.schema.records import ManifestRecord


def export(
    build: Path,
    format: str,
    out: Path,
    *,
    backend: str | None = None,
    splits: Sequence[str] = (),
    with_video: bool = False,
) -> Export:
    """Write a build in a format of another system.

    Args:
        build: the build folder.
        format: its name, see `export_formats`.
        out: the folder to create; it must not be there yet, or be empty.
        backend: whose keypoints; default the backend that needs least conversion.
        splits: only these; default all.
        with_video: write videos too, whatever the licence says; it is told, and stands in the
            README of the export.

    Returns:
        What was written, with what people must know about it.

    Raises:
        ConfigError: there is no such format, or no keypoints of the build can become what it wants.
        UsageError: no build, `out` is in the way, or the build lacks what the format is made of.
        MissingExtraError: a package for the format is not installed.
        VerifyError: the build is unfinished or damaged.

    Example:
        >>> export(Path("demo-build"), "hf", Path("demo-hf")).splits
        ('train', 'val')
    """
    exporter = EXPORTERS.get(format)
    with open_build(build) as opened:
        done = export_build(
            opened,
            exporter,
            out,
            rights(opened.manifest),
            backend=backend,
            splits=splits,
            with_video=with_video,
        )
    return Export(
        format=exporter.name,
        out=str(out),
        clips=done.written.clips,
        skipped=done.written.skipped,
        splits=done.selection.splits,
        files=done.files,
        size_bytes=done.size_bytes,
        backend=done.selection.backend,
        layout=done.selection.layout,
        video=done.selection.video,
        licence=done.selection.rights.licence,
        notes=done.notes,
    )


def export_formats() -> ExportFormats:
    """All formats that builds can be written in, by name.

    Example:
        >>> "spoter" in [part.name for part in export_formats().formats]
        True
    """
    found = [EXPORTERS.get(name) for name in EXPORTERS.names()]
    return ExportFormats(
        formats=tuple(
            ExportFormatPart(
                name=one.name,
                title=one.title,
                poses=one.poses,
                layout=one.layout,
                video=one.video,
                lost=one.lost,
            )
            for one in found
        )
    )


def rights(manifest: ManifestRecord) -> Rights:
    """What the licence of a build says about passing its videos on.

    A data set whose recipe is known is also judged by how its media are had.
    """
    from sign_etl.recipes.base import RECIPES

    try:
        access: str | None = RECIPES.get(manifest.recipe).card.access
    except ConfigError:  # a recipe of another package, which is not installed here
        access = None
    return rights_of(manifest.licence, access)
