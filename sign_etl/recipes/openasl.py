"""OpenASL: American Sign Language from YouTube, with English sentences (EMNLP 2022).

    https://github.com/chevalierNoir/OpenASL

A table separated by tabs (`vid`, `yid`, `start`, `end`, `raw-text`, `tokenized-text`, `gloss`,
`split`; no quotes) and a mapping from `vid` to the signer's box. What one must know to read them:

* Times are `HH:MM:SS.mmm`; `vid` is `<yid>-<start>-<end>`, with colons.
* Boxes are in shares of width and height, which are written nowhere. So a clip has no box in
  pixels; the shares are kept in `extra["bbox_normalised"]`.
* The authors' script names its clips `<vid>.mp4` with `%` for every colon, and crops them to the
  box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.recipes.annotation_files import load_json, wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions
from sign_etl.recipes.captions import clock_s
from sign_etl.recipes.cells import Ids, need, need_columns, span
from sign_etl.recipes.cut_files import use_cut_files
from sign_etl.recipes.index_files import index_file, optional_file
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

INDEX_NAME, BOXES_NAME = "openasl-v1.0.tsv", "bbox-v1.0.json"
_FILES_URL = "https://raw.githubusercontent.com/chevalierNoir/OpenASL/main/data"
_SHA256 = {
    INDEX_NAME: "e7e1559bcef5ac77d2c14c2ccfc9db54516768e296235f266b3f4f96de459a40",
    BOXES_NAME: "a79b5327956670db0988bacd96aebb9229ecd5ea948b8de887cb530669152a44",
}
_SPLITS = {"train": "train", "valid": "val", "val": "val", "dev": "val", "test": "test"}
_KNOWN = ("vid", "yid", "start", "end", "raw-text", "split")


class OpenAsl(BaseRecipe):
    """The recipe."""

    name = "openasl"
    version = "1.0+1"
    card = DatasetCard(
        title="OpenASL v1.0",
        homepage="https://github.com/chevalierNoir/OpenASL",
        language="ase",
        task="translation",
        licence="CC-BY-NC-ND-4.0",
        access="links",
        citation=(
            "Shi, Brentari, Shakhnarovich, Livescu: Open-Domain Sign Language Translation Learned "
            "from Online Video. EMNLP 2022"
        ),
        layout_evidence="docs",
        notes=(
            "All clips are on YouTube (`pip install 'sign-etl[youtube]'`); many are gone.",
            "Boxes of the signer are in shares of an unknown size: see extra `bbox_normalised`.",
            "Clips of the authors' script (--media-kind trimmed) are cropped to the box already.",
        ),
    )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download table and boxes unless they are given or there already."""
        if options.annotations is None:
            for name, sha256 in _SHA256.items():
                if not (root / name).is_file():
                    get(f"{_FILES_URL}/{name}", root / name, sha256=sha256)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. The boxes may be missing.

        Raises:
            AnnotationError: a column or a cell is missing, or a span is none.
            UsageError: `media` holds only cut clips, and `media_kind` is not given.
        """
        path = index_file(root, options, INDEX_NAME, f"data/{INDEX_NAME}")
        table = read_table(path, key_column="vid", delimiter="\t", quoted=False)
        need_columns(table, *_KNOWN)
        boxes = _boxes(optional_file(root, options, BOXES_NAME, f"data/{BOXES_NAME}"))
        pairs = (
            (_whole(need(table, row, "yid")), _cut(need(table, row, "vid"))) for row in table.rows
        )
        trimmed = use_cut_files(options, pairs, but="the authors' script crops them to a box")
        ids = Ids()
        for row in table.rows:
            vid = ids.add(need(table, row, "vid"), table, row)
            yield _clip(table, row, vid, dataset, boxes.get(vid), trimmed=trimmed)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four sentences in three videos, one text with a quote, one clip without a box."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = (
            ("-aBcDeFgH_0", "00:00:00.100", "00:00:00.900", 'So "hello', "train"),
            ("-aBcDeFgH_0", "00:00:00.900", "00:00:01.500", "Welcome back.", "train"),
            ("aBcDeFgH_01", "00:00:00.000", "00:00:00.800", "Next.", "valid"),
            ("aBcDeFgH_02", "00:00:00.000", "00:00:00.800", "Bye.", "test"),
        )
        lines = ["\t".join(("vid", *_KNOWN[1:5], "tokenized-text", "gloss", "split"))]
        boxes = {}
        for yid, start, end, text, split in rows:
            vid = f"{yid}-{start}-{end}"
            lines.append("\t".join((vid, yid, start, end, text, text.lower(), "", split)))
            if split != "test":
                boxes[vid] = [0.1, 0.05, 0.9, 1.0]
        write_bytes(root / "data" / INDEX_NAME, "".join(f"{x}\n" for x in lines).encode("utf-8"))
        write_json(root / "data" / BOXES_NAME, boxes)
        for seed, yid in enumerate(dict.fromkeys(row[0] for row in rows)):
            write_clip(root / "raw-video" / f"{yid}.mp4", seed=seed, frames=40)
        return {"annotations": root / "data", "media": root / "raw-video"}


RECIPE: Recipe = OpenAsl()


def _whole(yid: str) -> Source:
    address = f"https://www.youtube.com/watch?v={yid}"
    return Source(id=address, url=address, names=(f"raw-video/{yid}", yid))


def _cut(vid: str) -> Source:
    # A name with a time in it ends in `.266`, so its extension must be said.
    spellings = [f"{vid.replace(':', instead)}.mp4" for instead in ("%", "-", "_", ":")]
    return Source(id=vid, names=tuple(dict.fromkeys(spellings)), trimmed=True)


def _clip(
    table: Table, row: Row, vid: str, dataset: str, box: str | None, *, trimmed: bool
) -> Clip:
    split = need(table, row, "split")
    if split not in _SPLITS:
        raise wrong_row(table, row, f"`split` is `{split}`")
    start_s, end_s = span(table, row, _time(table, row, "start"), _time(table, row, "end"))
    whole = _whole(need(table, row, "yid"))
    extra = {name: cell for name, cell in row.cells.items() if name not in (*_KNOWN, "gloss")}
    return Clip(
        key=clip_key(dataset, vid, whole.id, start_s, end_s),
        dataset=dataset,
        annotation_id=vid,
        source=_cut(vid) if trimmed else whole,
        split=_SPLITS[split],
        gloss=row.cells.get("gloss"),
        text=row.cells["raw-text"],
        language="ase",
        start_s=start_s,
        end_s=end_s,
        extra={
            name: cell
            for name, cell in (extra | {"bbox_normalised": box}).items()
            if cell is not None
        },
    )


def _time(table: Table, row: Row, column: str) -> float:
    text = need(table, row, column)
    seconds = clock_s(text)
    if seconds is None:
        raise wrong_row(table, row, f"`{column}` is `{text}`, not HH:MM:SS.mmm")
    return seconds


def _boxes(path: Path | None) -> dict[str, str]:
    """The boxes as text, by `vid`."""
    if path is None:
        return {}
    boxes = load_json(path)
    if not isinstance(boxes, dict) or not all(_is_box(box) for box in boxes.values()):
        raise AnnotationError(
            f"{path.name}: is no mapping to lists of four numbers",
            hint=f"take {BOXES_NAME} as it was published",
        )
    return {vid: canonical_json(box) for vid, box in boxes.items()}


def _is_box(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and all(isinstance(number, int | float) and math.isfinite(number) for number in value)
    )
