"""Annotation files of data sets that have them in several places, or one for each split.

The user gives a file or a folder with `--annotations`; else they were downloaded, or they came out
of the data set's own archive. See `annotation_files` for how a name is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.annotation_files import find_annotation
from sign_etl.recipes.base import RecipeOptions


def index_file(root: Path, options: RecipeOptions, *names: str) -> Path:
    """The annotation file: what `--annotations` names, or the first of `names` that is there.

    Args:
        root: the cache folder of the index.
        options: of the recipe.
        names: official relative names, most likely first.

    Raises:
        AnnotationError: there is none of them, or one stands in several places.
    """
    given = options.annotations
    if given is not None and not given.is_dir():
        return given
    found = optional_file(root, options, *names)
    if found is None:
        raise missing(options, names[:1])
    return found


def optional_file(root: Path, options: RecipeOptions, *names: str) -> Path | None:
    """Like `index_file`, for one that need not be there; beside the file that was given."""
    given = options.annotations
    if given is not None and not given.is_dir():
        beside = [given.parent / f"{name}{end}" for name in names for end in ("", ".gz")]
        return next((path for path in beside if path.is_file()), None)
    for place in places(root, options):
        found = find_annotation(place, *names)
        if found is not None:
            return found
    return None


def split_files(
    root: Path, options: RecipeOptions, names: Mapping[str, Sequence[str]]
) -> list[tuple[str, Path]]:
    """One annotation file for each split: those that are there, in the order of `names`.

    Args:
        root: the cache folder of the index.
        options: of the recipe.
        names: official relative names by split, most likely first.

    Raises:
        AnnotationError: there is none of them, or the file that was given has none of these names.
    """
    given = options.annotations
    if given is not None and not given.is_dir():
        own = given.name.removesuffix(".gz")
        for split, spellings in names.items():
            if own in map(_tail, spellings):
                return [(split, given)]
        known = ", ".join(_tail(spellings[0]) for spellings in names.values())
        raise AnnotationError(
            f"{given.name}: no split of the data set has a file of this name",
            hint=f"known are: {known}",
        )
    found = [
        (split, path)
        for split, spellings in names.items()
        if (path := optional_file(root, options, *spellings)) is not None
    ]
    if not found:
        raise missing(options, [spellings[0] for spellings in names.values()])
    return found


def missing(options: RecipeOptions, names: Iterable[str]) -> AnnotationError:
    """What to say where no annotation file is found."""
    place = options.annotations or options.media
    where = f" in `{place}`" if place else ""
    return AnnotationError(
        f"no annotation file{where}: looked for {', '.join(map(_tail, names))}",
        hint="name the file, or the folder with the files, with --annotations",
    )


def places(root: Path, options: RecipeOptions) -> list[Path]:
    """The folders that may hold annotation files: the user's, or the index and the media."""
    if options.annotations is not None:
        return [options.annotations]
    return [place for place in (root, options.media) if place is not None and place.is_dir()]


def trailing(path: str, count: int) -> tuple[str, ...]:
    """`path`, and what is left of it without its first 1 to `count` folders.

    People point --media at the folder that an archive makes, or at one inside.
    """
    parts = path.split("/")
    return tuple("/".join(parts[start:]) for start in range(min(count, len(parts) - 1) + 1))


def _tail(name: str) -> str:
    return PurePosixPath(name).name
