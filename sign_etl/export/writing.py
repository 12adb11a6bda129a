"""From a build to an export: what is chosen, what the licence lets through, and one rename.

Everything is written into a temporary folder beside the target, which takes its name at the end:
there is a whole export or none.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import ConfigError, UsageError, near_or_all
from sign_etl.core.files import disk_errors, scratch
from sign_etl.export.base import Exporter, Selection, Written
from sign_etl.export.card import CARD, card
from sign_etl.export.rights import Rights
from sign_etl.reader import Build
from sign_etl.schema.conversions import conversion
from sign_etl.schema.layouts import LAYOUTS


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export.

    Attributes:
        selection: what was taken.
        written: what the format says.
        files: their number.
        size_bytes: of all of them.
        notes: what people must know, one sentence each, no full stop.
    """

    selection: Selection
    written: Written
    files: int
    size_bytes: int
    notes: tuple[str, ...]


def export_build(
    build: Build,
    exporter: Exporter,
    out: Path,
    rights: Rights,
    *,
    backend: str | None = None,
    splits: Sequence[str] = (),
    with_video: bool = False,
) -> Exported:
    """Write a build in a format.

    Args:
        build: an open one.
        exporter: the format.
        out: the folder to create; must not be there yet, or be empty.
        rights: what the build's licence says about its videos.
        backend: whose keypoints; default the backend that needs least conversion.
        splits: only these; default all.
        with_video: write videos too, whatever the licence says.

    Raises:
        UsageError: `out` is in the way, or the build lacks what the format is made of.
        ConfigError: no keypoints of the build can become what the format wants.
        MissingExtraError: a package for the format is not installed.
        VerifyError: the build is damaged.
    """
    out = out.absolute()
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out} is there already", hint="name another folder with --out")
    if out.is_relative_to(build.path):
        raise UsageError(f"{out} is inside of the build", hint="name a folder beside it with --out")
    if not len(build):
        raise UsageError(
            "the build has no samples",
            hint=f"`sign-etl status {build.path}` says what became of its clips",
        )
    video, video_notes = _video(build, exporter, rights, with_video)
    chosen, target, pose_notes = _poses(build, exporter, backend)
    selection = Selection(build, _splits(build, splits), chosen, target, video, rights)
    with scratch(out.parent) as parent, disk_errors(parent):
        folder = parent / "export"
        folder.mkdir()
        written = exporter.write(selection, folder)
        notes = (*video_notes, *pose_notes, *written.notes)
        text = written.head + card(selection, exporter, notes)
        (folder / CARD).write_text(text, encoding="utf-8", newline="\n")
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        os.rename(folder, out)
    return Exported(selection, written, len(sizes), sum(sizes), notes)


def _splits(build: Build, wanted: Sequence[str]) -> tuple[str, ...]:
    known = tuple(dict.fromkeys(one.split for one in build.manifest.shards if one.samples))
    for split in wanted:
        if split not in known:
            hint = near_or_all(split, known, "it has")
            raise UsageError(f"the build has no split `{split}`", hint=hint)
    return tuple(split for split in known if split in (wanted or known))


def _video(
    build: Build, exporter: Exporter, rights: Rights, wanted: bool
) -> tuple[bool, tuple[str, ...]]:
    """Whether videos are written, and what is said about it."""
    has = next(iter(build)).has_video
    if wanted and exporter.video == "none":
        raise UsageError(
            f"`{exporter.name}` has no place for videos", hint="leave --with-video out"
        )
    if (wanted or exporter.video == "needed") and not has:
        raise UsageError(
            f"the build keeps no videos, and `{exporter.name}` is asked for some",
            hint="build it again with `--set pack.keep_video=true --update`",
        )
    if not has or exporter.video == "none" or (exporter.video == "optional" and not wanted):
        return False, ()
    if wanted and not rights.video:
        return True, (f"videos are in it because you asked: {rights.why}, so do not pass them on",)
    if rights.video:
        return True, ()
    return False, (f"videos are left out: {rights.why}; --with-video takes them for your own use",)


def _poses(
    build: Build, exporter: Exporter, backend: str | None
) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Backend and layout of the keypoints, and what is said about the way between them."""
    if not exporter.poses:
        if backend is not None:
            raise UsageError(f"`{exporter.name}` holds no keypoints", hint="leave --backend out")
        return None, None, ()
    names = (build.require_backend(backend),) if backend else build.backends
    build.require_backend(names[0] if names else None)
    layouts = {name: build.manifest.poses[name].layout for name in names}
    target = exporter.layout
    if target is None:
        return names[0], layouts[names[0]], ()
    lacking: dict[str, int] = {}
    for name, source in layouts.items():
        try:
            lacking[name] = 0 if source == target else len(conversion(source, target).missing)
        except ConfigError:
            continue
    if not lacking:
        had = ", ".join(f"{name} ({source})" for name, source in layouts.items())
        raise ConfigError(
            f"`{exporter.name}` wants keypoints as {target}, and {had} cannot become them",
            hint=f"these can: {', '.join(_leading_to(target))}; `sign-etl pose list` says which "
            "backend makes them",
        )
    best = min(lacking, key=lambda name: (lacking[name], layouts[name] != target))
    if layouts[best] == target:
        return best, target, ()
    said = f"keypoints of {best} are converted from {layouts[best]} to {target}"
    if lacking[best]:
        size = len(conversion(layouts[best], target).origins)
        said += f"; {lacking[best]} of its {size} points cannot be had"
    return best, target, (said,)


def _leading_to(target: str) -> list[str]:
    """Layouts that are, or can become, this one."""
    found = [target]
    for source in LAYOUTS:
        try:
            conversion(source, target)
        except ConfigError:
            continue
        found += [source] if source != target else []
    return found
