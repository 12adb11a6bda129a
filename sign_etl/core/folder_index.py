"""Finding a data set's files in a folder of the user's: once scanned, then asked by name.

A copy seldom has the layout of the original: another container, another sub-folder, decomposed
accents after a trip through macOS. So a name is looked for as it is, then with any media extension,
then anywhere below, but only where that is unambiguous. Links out of the folder are not followed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from sign_etl.core.canonical import nfc
from sign_etl.core.errors import UsageError

MEDIA_EXTENSIONS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".f4v", ".swf", ".mpg", ".mpeg"),
    *(".ts", ".mts", ".m2ts", ".wmv", ".asf", ".ogv", ".3gp", ".gif", ".webp"),
)
"""Extensions of videos, the likeliest first: that one is taken where a stem has several."""

_RANK = {extension: rank for rank, extension in enumerate(MEDIA_EXTENSIONS)}


def has_media_extension(name: str) -> bool:
    """True if `name` ends like a video, in upper or lower case."""
    return os.path.splitext(name)[1].lower() in _RANK


class FolderIndex:
    """The files below a folder.

    Hidden files and folders are left out: `._clip.mp4` is a trace of macOS and no clip.

    Args:
        root: the folder.

    Raises:
        UsageError: it is missing, is no folder, or it or a folder below cannot be read; or a file
            name in it is no UTF-8.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths = {nfc(path): path for path in sorted(_walk(root))}
        self._folders: dict[str, dict[str, str]] | None = None
        self._by_tail: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for known in self._paths:
            self._by_tail.setdefault(known.rpartition("/")[2], []).append(known)
            if has_media_extension(known):
                self._by_stem.setdefault(os.path.splitext(known)[0], []).append(known)
        self._stems_by_tail: dict[str, list[str]] = {}
        for stem in self._by_stem:
            self._stems_by_tail.setdefault(stem.rpartition("/")[2], []).append(stem)

    def files(self) -> list[str]:
        """All files: paths relative to the folder with `/`, as on disk, sorted by their NFC."""
        return [self._paths[known] for known in sorted(self._paths)]

    def media(self) -> list[str]:
        """Those of `files` that end like a video."""
        return [path for path in self.files() if has_media_extension(path)]

    def find(self, names: Iterable[str]) -> Path | None:
        """The file that one of `names` stands for, None if there is none.

        Each name is tried as a relative path, then as a path that lacks its media extension, then
        as the end of exactly one path anywhere below, again with and without extension.

        Args:
            names: relative paths with `/`, most likely first.
        """
        for name in names:
            wanted = nfc(name)
            if wanted in self._paths:
                return self.root / self._paths[wanted]
            if wanted in self._by_stem:
                return self._likeliest(wanted)
            tail = wanted.rpartition("/")[2]
            below = [path for path in self._by_tail.get(tail, ()) if path.endswith(f"/{wanted}")]
            if len(below) == 1:
                return self.root / self._paths[below[0]]
            stems = self._stems_by_tail.get(tail, ())
            stems_below = [stem for stem in stems if stem.endswith(f"/{wanted}")]
            if not below and len(stems_below) == 1:
                return self._likeliest(stems_below[0])
        return None

    def find_folder(self, names: Iterable[str]) -> Path | None:
        """The folder with files that one of `names` stands for, None if there is none.

        Each name is tried as a relative path, then as the end of exactly one path below.

        Args:
            names: relative paths of folders with `/`, most likely first.
        """
        if self._folders is None:
            self._folders = _folders(self._paths)
        for name in names:
            wanted = nfc(name).strip("/")
            found = self._folders.get(wanted.rpartition("/")[2], {})
            if wanted in found:
                return self.root / found[wanted]
            below = [path for path in found if path.endswith(f"/{wanted}")]
            if len(below) == 1:
                return self.root / found[below[0]]
        return None

    def _likeliest(self, stem: str) -> Path:
        def rank(path: str) -> tuple[int, str]:
            return _RANK[os.path.splitext(path)[1].lower()], path

        return self.root / self._paths[min(self._by_stem[stem], key=rank)]


def _folders(paths: dict[str, str]) -> dict[str, dict[str, str]]:
    """Folders that hold files themselves: by last part, then by path (NFC), their path on disk."""
    found: dict[str, dict[str, str]] = {}
    for known, real in paths.items():
        folder = known.rpartition("/")[0]
        if folder:
            tails = found.setdefault(folder.rpartition("/")[2], {})
            tails.setdefault(folder, real.rpartition("/")[0])
    return found


def _walk(root: Path) -> list[str]:
    """Relative paths of all plain files below `root`."""
    if os.path.lexists(root) and not os.path.isdir(root):
        raise UsageError(f"`{root}` is no folder", hint="--media takes the folder with the files")
    _refuse_other_encodings()
    real_root = os.path.realpath(root)
    found: list[str] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    relative = f"{folder}/{entry.name}" if folder else entry.name
                    _refuse_undecodable(relative)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(relative)
                    elif entry.is_file(follow_symlinks=False) or _link_inside(entry, real_root):
                        found.append(relative)
        except FileNotFoundError as error:
            raise UsageError(
                f"no folder `{root / folder}`", hint="check the path given with --media"
            ) from error
        except OSError as error:
            reason = (error.strerror or "unreadable").lower()
            raise UsageError(
                f"cannot read the folder `{root / folder}`: {reason}",
                hint="give yourself the right to list and enter it, or choose another folder",
            ) from error
    return found


def _link_inside(entry: os.DirEntry[str], real_root: str) -> bool:
    if not entry.is_symlink() or not os.path.isfile(entry.path):
        return False
    return os.path.realpath(entry.path).startswith(real_root.rstrip(os.sep) + os.sep)


def _refuse_other_encodings() -> None:
    # Read as Latin-1, say, every name outside of ASCII would become another one, and its key too.
    encoding = sys.getfilesystemencoding()
    if encoding.replace("-", "").lower() != "utf8":
        raise UsageError(
            f"file names are read as {encoding} here, not as UTF-8", hint="export PYTHONUTF8=1"
        )


def _refuse_undecodable(relative: str) -> None:
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = relative.encode("utf-8", "backslashreplace").decode("ascii", "backslashreplace")
        raise UsageError(
            f"the file name `{shown}` is no UTF-8", hint="rename the file, for example with convmv"
        ) from error
