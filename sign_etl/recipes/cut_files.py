"""Whether a user's files are whole videos or already cut: some data sets circulate as both."""

from __future__ import annotations

from collections.abc import Iterable

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import RecipeOptions
from sign_etl.schema.clip import Source


def use_cut_files(
    options: RecipeOptions, pairs: Iterable[tuple[Source, Source]], *, but: str
) -> bool:
    """True if the cut files count: `media_kind` says so. Else the files are whole.

    Args:
        options: of the recipe.
        pairs: for each clip the whole source and the cut one.
        but: what is wrong with the cut ones, for the message.

    Raises:
        UsageError: nothing whole is in `media`, but cut files are, and `media_kind` is not given;
            or it is given without `media`.
    """
    if options.media is None:
        if options.media_kind is not None:
            raise UsageError(
                "--media-kind says something about files, but there is no --media",
                hint="add --media DIR or leave --media-kind out",
            )
        return False
    if options.media_kind is not None:
        return options.media_kind == "trimmed"
    folder = FolderIndex(options.media)
    cut_found = False
    for whole, cut in pairs:
        if folder.find(whole.names) is not None:
            return False
        cut_found = cut_found or folder.find(cut.names) is not None
    if cut_found:
        raise UsageError(
            f"`{options.media}` holds no whole videos but clips that are cut already: {but}",
            hint="take them nevertheless with --media-kind trimmed",
        )
    return False
