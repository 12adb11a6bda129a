"""The folders of KArSL: every clip below a folder, without looking at its pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import has_media_extension

_SIGN = re.compile(r"0[0-4]\d\d|050[0-2]")
_SIGNER = re.compile(r"0[1-3]")
_PARTS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Found:
    """One clip on disk.

    Attributes:
        path: relative to the folder, with `/`.
        name: its last part, without the extension of a video.
        sign: number of the sign, from the folder above.
        part: `train` or `test`, from the folders above; None where none is called so.
        signer: `01` to `03`, likewise.
        pictures: True for a folder of pictures, False for a video.
    """

    path: str
    name: str
    sign: int
    part: str | None
    signer: str | None
    pictures: bool


def walk(root: Path) -> Iterator[Found]:
    """All clips below `root`: what is directly in a folder that is called like a sign.

    Folders of pictures are not listed: a whole copy has millions of them. Links are not followed.

    Raises:
        UsageError: a folder is missing or cannot be read.
    """
    yield from _walk(root, ())


def _walk(root: Path, above: tuple[str, ...]) -> Iterator[Found]:
    # 0000 is no sign.
    in_sign = bool(above) and above[-1] != "0000" and _SIGN.fullmatch(above[-1]) is not None
    for name, is_folder in _entries(root.joinpath(*above)):
        if not in_sign:
            if is_folder:
                yield from _walk(root, (*above, name))
        elif is_folder or has_media_extension(name):
            yield _found(above, name, pictures=is_folder)


def _found(above: tuple[str, ...], name: str, *, pictures: bool) -> Found:
    nearest = above[::-1]
    return Found(
        path="/".join((*above, name)),
        name=name if pictures else os.path.splitext(name)[0],
        sign=int(above[-1]),
        part=next((folder for folder in nearest if folder in _PARTS), None),
        signer=next((folder for folder in nearest if _SIGNER.fullmatch(folder)), None),
        pictures=pictures,
    )


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Names in a folder, sorted, and whether each is a folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(".")
            )
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise UsageError(
            f"cannot read the folder `{folder}`: {reason}",
            hint="check the path given with --media",
        ) from error
