"""Manifests as SSVP-SLT reads them: `name of the file`, `seconds` and `caption`, one line a clip.

    https://github.com/facebookresearch/ssvp_slt

They are tables of tabs without quotes and mostly without a header; one that has it is read too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from sign_etl.core.files import write_bytes
from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.base import RecipeOptions
from sign_etl.recipes.cells import Ids, need
from sign_etl.recipes.index_files import split_files
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

_COLUMNS = ("video_name", "duration", "caption")


def manifest_clips(
    root: Path,
    options: RecipeOptions,
    names: Mapping[str, Sequence[str]],
    *,
    dataset: str,
    language: str,
    source_of: Callable[[str], Source],
    captioned: bool,
) -> Iterator[Clip]:
    """The clips of all manifests that are there.

    Args:
        root: the cache folder of the index.
        options: of the recipe.
        names: where the manifest of each split is looked for, see `split_files`.
        dataset: name for the clip keys.
        language: ISO 639-3 code.
        source_of: the source of a file `NAME.mp4`.
        captioned: refuse lines without a caption.

    Raises:
        AnnotationError: no manifest is there, or a line names no file, or one twice.
    """
    ids = Ids()
    for split, path in split_files(root, options, names):
        table = read_table(
            path, key_column="caption", columns=_COLUMNS, delimiter="\t", quoted=False
        )
        for row in table.rows:
            if row.number == 1 and row.cells["video_name"] == "video_name":
                continue
            name = need(table, row, "video_name")
            if "/" in name or name.startswith("."):
                raise wrong_row(table, row, f"`video_name` is `{name}`, no file name")
            stem = ids.add(name.removesuffix(".mp4"), table, row)
            duration = row.cells["duration"]
            yield Clip(
                key=clip_key(dataset, stem, f"{stem}.mp4"),
                dataset=dataset,
                annotation_id=stem,
                source=source_of(f"{stem}.mp4"),
                split=split,
                text=need(table, row, "caption") if captioned else row.cells["caption"],
                language=language,
                extra={"duration": duration} if duration else {},
            )


def write_manifest(path: Path, rows: Sequence[tuple[str, str]], *, header: bool = False) -> None:
    """A manifest of small clips, for fixtures.

    Args:
        path: the file.
        rows: name of the file and caption.
        header: write the names of the columns first.
    """
    lines = ["\t".join(_COLUMNS)] if header else []
    lines += [f"{name}\t0.8\t{text}" for name, text in rows]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode("utf-8"))
