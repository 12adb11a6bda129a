"""One `.npz` that holds a whole data set: an array of clips, and arrays that describe them.

Only the describing arrays are read here; of the clips only the shape, from the header.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sign_etl.core.errors import AnnotationError, ConfigError, near_or_all
from sign_etl.recipes.reading import unreadable

COLUMN_HINT = (
    "it is one number or text a clip; `sign-etl datasets info keypoints` names the options"
)
MAX_COLUMN_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Columns:
    """What describes the clips of an array.

    Attributes:
        count: number of clips.
        by_name: text for each clip, by the name of the describing array.
    """

    count: int
    by_name: dict[str, list[str]]


def read_columns(path: Path, clips: str, names: list[str]) -> Columns:
    """The describing arrays of an `.npz`.

    Args:
        path: the file.
        clips: name of the array of clips.
        names: of the describing arrays, one value a clip.

    Raises:
        AnnotationError: an array is missing, of another length, or holds something other than
            numbers and texts.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy") for name in archive.namelist()}
            for name in (clips, *names):
                if name not in members:
                    raise AnnotationError(
                        f"{path.name}: no array `{name}`",
                        hint=near_or_all(name, sorted(members), "it has"),
                    )
            count = _length(archive, clips)
            return Columns(count, {name: _texts(archive, path, name, count) for name in names})
    except OSError as error:
        raise unreadable(path, error, "check the path given with --media") from error
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise AnnotationError(
            f"{path.name}: is no readable .npz file",
            hint="write it anew with `numpy.savez`, with arrays of numbers and texts alone",
        ) from error


def numbers(text: str) -> frozenset[int]:
    """Whole numbers written as `20-24` or `1,3,7-9`.

    Raises:
        ConfigError: it is written in another way.
    """
    found: set[int] = set()
    for piece in filter(None, text.replace(" ", "").split(",")):
        first, _, last = piece.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise ConfigError(f"`{text}` is no list of numbers", hint="write `20-24` or `1,3,7-9`")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _length(archive: zipfile.ZipFile, name: str) -> int:
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, _ = read(file)
    return int(shape[0]) if shape else 0


def _texts(archive: zipfile.ZipFile, path: Path, name: str, count: int) -> list[str]:
    if archive.getinfo(f"{name}.npy").file_size > MAX_COLUMN_BYTES:
        raise AnnotationError(
            f"{path.name}: the array `{name}` is too large to describe clips", hint=COLUMN_HINT
        )
    with archive.open(f"{name}.npy") as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    if values.shape != (count,):
        raise AnnotationError(
            f"{path.name}: the array `{name}` holds {values.shape}, {count} clips are there",
            hint=COLUMN_HINT,
        )
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.dtype.kind not in "iubU":
        raise AnnotationError(
            f"{path.name}: the array `{name}` holds {values.dtype}, no labels", hint=COLUMN_HINT
        )
    return [str(value) for value in values.tolist()]
