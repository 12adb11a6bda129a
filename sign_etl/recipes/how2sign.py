"""How2Sign: instructions in American Sign Language, with English sentences (CVPR 2021).

    https://how2sign.github.io/

The realigned tables (`how2sign_realigned_{train,val,test}.csv`, separated by tabs) give for every
sentence the video and its span in seconds. What one must know to read them:

* `VIDEO_NAME` is `<YouTube id of the original>-<signer>-rgb_front`; one sentence may be signed by
  several people, so `SENTENCE_ID` comes more than once and `SENTENCE_NAME` only once.
* 45 names in test begin with `-`.
* The clips that the authors offer (`SENTENCE_NAME.mp4`) were cut by the older, misaligned times: a
  part of the sentence is often missing. So whole videos are cut here by the realigned times, and
  cut files are taken only with `--media-kind trimmed`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_bytes
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions
from sign_etl.recipes.cells import Ids, need, need_columns, number, span
from sign_etl.recipes.cut_files import use_cut_files
from sign_etl.recipes.index_files import split_files
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

SPLITS = ("train", "val", "test")
FILES_URL = "https://dataverse.csuc.cat/api/access/datafile"

_TABLES = {
    "train": (45357, "035b20770e2802712e1d20bf48d263cd"),
    "val": (45363, "0bf589a33d96c44c5f327027c2fd3e53"),
    "test": (45362, "e231fe6bc92e6369bc8552e737dfcce3"),
}
"""Number of the table in the authors' repository, and its MD5."""
_TRAIN_PARTS = (45397, 45398, 45399, 45474, 45479, 45481, 45482, 45483, 45572, 45396)
"""`train_raw_videos.z01` to `.z09` and `.zip`."""
_VAL, _TEST = (
    (13764, "280bea8c70940aa64eb8839b39fa4dcd"),
    (
        13763,
        "7215961df1ad75fb8894575b6b553263",
    ),
)
_COLUMNS = ("VIDEO_NAME", "SENTENCE_NAME", "START_REALIGNED", "END_REALIGNED", "SENTENCE")
_SIGNER = re.compile(r".{11}-(\d+)-rgb_front")


class How2Sign(BaseRecipe):
    """The recipe."""

    name = "how2sign"
    version = "1"
    card = DatasetCard(
        title="How2Sign, realigned",
        homepage="https://how2sign.github.io/",
        language="ase",
        task="translation",
        licence="CC-BY-NC-4.0",
        access="direct",
        citation=(
            "Duarte, Palaskar, Ventura, Ghadiyaram, DeHaan, Metze, Torres, Giro-i-Nieto: How2Sign: "
            "A Large-scale Multimodal Dataset for Continuous American Sign Language. CVPR 2021"
        ),
        signers=11,
        layout_evidence="file",
        notes=(
            "Whole videos (front view) are cut by the realigned times.",
            "The authors' RGB clips (--media-kind trimmed) were cut by misaligned times: words are "
            "missing at the begin or the end of many.",
            "The test set has 2,357 sentences by 6 signers.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The whole videos of the front view; train is a zip file in ten parts."""
        train = tuple(f"{FILES_URL}/{number}" for number in _TRAIN_PARTS)
        return (
            Archive(urls=train, into="video_level/train/rgb_front"),
            Archive((f"{FILES_URL}/{_VAL[0]}",), "video_level/val/rgb_front", md5=_VAL[1]),
            Archive((f"{FILES_URL}/{_TEST[0]}",), "video_level/test/rgb_front", md5=_TEST[1]),
        )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download the three tables unless they are given or there already.

        Raises:
            AnnotationError: a table is not the one that the authors published.
        """
        if options.annotations is not None:
            return
        for split, (file, md5) in _TABLES.items():
            path = root / _table(split)
            if path.is_file():
                continue
            get(f"{FILES_URL}/{file}", path)
            if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != md5:
                path.unlink()
                raise AnnotationError(
                    f"{path.name}: the server sent another file than the authors published",
                    hint="download it from how2sign.github.io and name it with --annotations",
                )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. A folder given with --annotations may lack splits, but not all of them.

        Raises:
            AnnotationError: a column or a cell is missing, or a span is none.
            UsageError: `media` holds only the authors' cut clips, and `media_kind` is not given.
        """
        tables = [
            (split, read_table(path, key_column="VIDEO_NAME"))
            for split, path in split_files(root, options, {s: (_table(s),) for s in SPLITS})
        ]
        pairs = (
            (_whole(need(table, row, "VIDEO_NAME"), split), _cut(table, row, split))
            for split, table in tables
            for row in table.rows
        )
        for _, table in tables:
            need_columns(table, *_COLUMNS)
        trimmed = use_cut_files(options, pairs, but="the times of How2Sign's own are misaligned")
        ids = Ids()
        for split, table in tables:
            for row in table.rows:
                yield _clip(table, row, split, dataset, ids, trimmed=trimmed)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Five sentences in three videos, one name beginning with `-`."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = {
            "train": (("--7E2sU6zP4", "5", 10, 0.0, 0.8, '"And I call them ""decorative""."'),),
            "val": (
                ("-fZc293MpJk", "1", 0, 0.26, 0.9, "Hi!"),
                ("-fZc293MpJk", "1", 2, 0.96, 1.56, "The aileron is on the wing."),
            ),
            "test": (("G1lNlhjWC1I", "8", 16, 0.1, 0.9, "This is a technique."),),
        }
        header = "VIDEO_ID\tVIDEO_NAME\tSENTENCE_ID\tSENTENCE_NAME\tSTART_REALIGNED\tEND_REALIGNED"
        for seed, (split, sentences) in enumerate(rows.items()):
            lines = [f"{header}\tSENTENCE"]
            for video, signer, place, start_s, end_s, text in sentences:
                name, own_id = f"{video}-{signer}-rgb_front", f"{video}_{place}"
                cells = (video, name, own_id, f"{own_id}-{signer}-rgb_front", start_s, end_s, text)
                lines.append("\t".join(map(str, cells)))
                write_clip(root / f"{_folder(split)}/{name}.mp4", seed=seed, frames=40)
            text = "".join(f"{line}\n" for line in lines)
            write_bytes(root / "annotations" / _table(split), text.encode("utf-8"))
        return {"annotations": root / "annotations", "media": root}


RECIPE: Recipe = How2Sign()


def _table(split: str) -> str:
    return f"how2sign_realigned_{split}.csv"


def _folder(split: str, level: str = "video_level") -> str:
    return f"{level}/{split}/rgb_front/raw_videos"


def _whole(video: str, split: str) -> Source:
    return Source(id=video, names=(f"{_folder(split)}/{video}", video))


def _cut(table: Table, row: Row, split: str) -> Source:
    sentence = need(table, row, "SENTENCE_NAME")
    names = (f"{_folder(split, 'sentence_level')}/{sentence}", sentence)
    return Source(id=sentence, names=names, trimmed=True)


def _clip(table: Table, row: Row, split: str, dataset: str, ids: Ids, *, trimmed: bool) -> Clip:
    sentence = ids.add(need(table, row, "SENTENCE_NAME"), table, row)
    video = need(table, row, "VIDEO_NAME")
    start_s, end_s = span(
        table, row, number(table, row, "START_REALIGNED"), number(table, row, "END_REALIGNED")
    )
    signer = _SIGNER.fullmatch(video)
    extra = {name: row.cells.get(name) for name in ("VIDEO_ID", "SENTENCE_ID")}
    return Clip(
        # Of the whole video, also where a cut file stands in for it: keys are compared.
        key=clip_key(dataset, sentence, video, start_s, end_s),
        dataset=dataset,
        annotation_id=sentence,
        source=_cut(table, row, split) if trimmed else _whole(video, split),
        split=split,
        text=row.cells["SENTENCE"],
        language="ase",
        signer=signer[1] if signer else None,
        start_s=start_s,
        end_s=end_s,
        extra={name.lower(): cell for name, cell in extra.items() if cell is not None},
    )
