"""Manifests of SSVP-SLT: your own sentences with captions, laid out as its training reads them.

    https://github.com/facebookresearch/ssvp_slt

    DIR/manifests/{train,val,test}.tsv        video_name <tab> duration <tab> caption
    DIR/videos/[NAME[:5]/]NAME.mp4            cut already

Captions are not quoted, so a quotation mark is a character like any other. A header line is
optional. How2Sign in this layout must have been cut with the realigned times; see `how2sign`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sign_etl.core.files import write_bytes
from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import Ids, need
from sign_etl.recipes.index_files import split_files, trailing
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

_SPLITS = {"train": ("train",), "val": ("val", "dev"), "test": ("test",)}
_COLUMNS = ("video_name", "duration", "caption")


class SsvpTsvOptions(RecipeOptions):
    """Options of `ssvp-tsv`."""

    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language."""


class SsvpTsv(BaseRecipe):
    """The recipe."""

    name = "ssvp-tsv"
    version = "1"
    card = DatasetCard(
        title="Manifests of SSVP-SLT",
        homepage="https://github.com/facebookresearch/ssvp_slt",
        language="und",
        task="translation",
        licence="that of the data set in them",
        access="local",
        citation=(
            "Rust, Shi, Wang, Camgoz, Maillard: Towards Privacy-Aware Sign Language Translation at "
            "Scale. ACL 2024"
        ),
        layout_evidence="docs",
        notes=("--media names the folder that holds `manifests` and `videos`.",),
    )

    def options(self, raw: Mapping[str, Any]) -> SsvpTsvOptions:
        """See `Recipe`."""
        return SsvpTsvOptions.model_validate(dict(raw))

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        mine = own(options, SsvpTsvOptions)
        wanted = {
            split: [name for word in words for name in trailing(f"manifests/{word}.tsv", 1)]
            for split, words in _SPLITS.items()
        }
        ids = Ids()
        for split, path in split_files(root, mine, wanted):
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
                file = f"{stem}.mp4"
                duration = row.cells["duration"]
                yield Clip(
                    key=clip_key(dataset, stem, file),
                    dataset=dataset,
                    annotation_id=stem,
                    source=Source(
                        id=file,
                        names=(f"videos/{file[:5]}/{file}", f"{file[:5]}/{file}", file),
                        trimmed=True,
                    ),
                    split=split,
                    text=need(table, row, "caption"),
                    language=mine.language,
                    extra={"duration": duration} if duration else {},
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four clips; one manifest has a header, one caption a quotation mark."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = {
            "train": (
                ("-fZc2_0-1-rgb_front", "And I call them"),
                ("0b1c_2", 'the "decorative ones.'),
            ),
            "val": (("0aaaa.1", "It is Monday."),),
            "test": (("zzzzz_7", "Stay."),),
        }
        for split, clips in rows.items():
            lines = [f"{name}\t0.8\t{text}\n" for name, text in clips]
            header = ["video_name\tduration\tcaption\n"] if split == "val" else []
            path = root / "manifests" / f"{split}.tsv"
            write_bytes(path, "".join(header + lines).encode())
            for seed, (name, _) in enumerate(clips):
                write_clip(root / "videos" / name[:5] / f"{name}.mp4", seed=len(split) + seed)
        return {"media": root, "language": "zxx"}


RECIPE: Recipe = SsvpTsv()
