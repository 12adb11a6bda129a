"""Lists of `{video, pose, text}` in JSON: the form in which Uni-Sign and its kin keep sentences."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.cells import Ids, need, need_columns
from sign_etl.recipes.tabular import read_table


@dataclass(frozen=True, slots=True)
class VideoText:
    """One clip of the list.

    Attributes:
        video: relative name of its file.
        stem: the same without its extension: the id of the clip.
        text: the sentence, None where it is blank.
        extra: further columns.
    """

    video: str
    stem: str
    text: str | None
    extra: Mapping[str, str]


def read_video_texts(path: Path, ids: Ids | None = None) -> list[VideoText]:
    """The clips of a list, in its order.

    Args:
        path: the list, in JSON or CSV.
        ids: of the lists before, where a data set has several.

    Raises:
        AnnotationError: a column is missing, a cell blank, a name leads elsewhere or comes twice.
    """
    table = read_table(path, key_column="video")
    need_columns(table, "video", "text")
    ids = Ids() if ids is None else ids
    entries = []
    for row in table.rows:
        video = need(table, row, "video")
        if video.startswith("/") or ".." in video.split("/"):
            raise wrong_row(table, row, f"`video` is `{video}`, outside of the folder")
        others = {name: cell for name, cell in row.cells.items() if name not in ("video", "text")}
        entries.append(
            VideoText(
                video=video,
                stem=ids.add(posixpath.splitext(video)[0], table, row),
                text=row.cells["text"],
                extra={name: cell for name, cell in others.items() if cell is not None},
            )
        )
    return entries
