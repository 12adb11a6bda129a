"""The annotation table that Slovo and Bukva share: one row a video, split by `train`, tabs.

Columns: `attachment_id` (name of the file without `.mp4`), `user_id`, `text` (the class in
Russian), `train` (True or False), `height`, `width`, `length` in frames; and `begin`, `end`: frames
of the whole video, at the rate that it plays at. Cut videos hold those frames only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.cells import Ids, need, need_columns, number, span
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

LANGUAGE = "rsl"
_SPLITS = {"true": "train", "false": "test"}
_SAID = {"attachment_id", "user_id", "text", "train"}


def read_attachments(
    path: Path,
    dataset: str,
    *,
    names: Callable[[str, str], tuple[str, ...]],
    fps: float | None,
) -> Iterator[Clip]:
    """The clips of a table, in its order.

    Args:
        path: the table.
        dataset: name for the keys.
        names: from split and `attachment_id` to the names of the file under `media`.
        fps: frames a second that `begin` and `end` count, where the files are whole videos; None
            where they are cut.

    Raises:
        AnnotationError: a column is missing, a row contradicts something, an id stands twice.
    """
    table = read_table(path, key_column="attachment_id", delimiter="\t")
    need_columns(table, *sorted(_SAID), *(("begin", "end") if fps is not None else ()))
    ids = Ids()
    for row in table.rows:
        attachment = ids.add(need(table, row, "attachment_id"), table, row)
        written = need(table, row, "train")
        split = _SPLITS.get(written.lower())
        if split is None:
            raise wrong_row(table, row, f"`train` is `{written}`, neither True nor False")
        label = need(table, row, "text")
        start_s, end_s = (0.0, None) if fps is None else _span(table, row, fps)
        yield Clip(
            # Without the span: the tables of the cut videos may not have it, and people compare
            # clips by key.
            key=clip_key(dataset, attachment, attachment),
            dataset=dataset,
            annotation_id=attachment,
            source=Source(id=attachment, names=names(split, attachment), trimmed=fps is None),
            split=split,
            label=label,
            gloss=label,
            language=LANGUAGE,
            signer=need(table, row, "user_id"),
            start_s=start_s,
            end_s=end_s,
            declared_fps=fps,
            extra={
                name: cell
                for name, cell in row.cells.items()
                if cell is not None and name not in _SAID
            },
        )


def _span(table: Table, row: Row, fps: float) -> tuple[float, float]:
    begin, end = number(table, row, "begin"), number(table, row, "end")
    return span(table, row, begin / fps, end / fps)
