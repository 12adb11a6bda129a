"""What `sign-etl export` prints with `--json`."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply


class Export(Reply):
    """`export`."""

    command = "export"
    format: str
    out: str
    """The folder that was written."""
    clips: int
    skipped: int
    """Clips that the format cannot say, such as sentences where it numbers classes."""
    splits: tuple[str, ...]
    files: int
    size_bytes: int
    backend: str | None
    """Whose keypoints; null where the format holds none."""
    layout: str | None
    """Of the keypoints that came out."""
    video: bool
    """Whether videos are in it."""
    licence: str
    """Of the data set, and so of the export."""
    notes: tuple[str, ...]
    """What people must know: what was converted, left out, or may not be passed on."""


class ExportFormatPart(Part):
    """An export format in the list."""

    name: str
    title: str
    poses: bool
    """Whether it holds keypoints."""
    layout: str | None
    """The layout that its readers want; null for that of the build."""
    video: str
    """`needed`, `kept`, `optional` or `none`: the first two are written where the licence lets
    videos be passed on, the third with `--with-video`."""
    lost: str
    """What it has no place for; empty where nothing is lost."""


class ExportFormats(Reply):
    """`export --list`."""

    command = "export-list"
    formats: tuple[ExportFormatPart, ...]
