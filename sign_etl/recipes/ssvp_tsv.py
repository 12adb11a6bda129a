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

from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.index_files import trailing
from sign_etl.recipes.ssvp_manifest import manifest_clips, write_manifest
from sign_etl.schema.clip import Clip, Source

_SPLITS = {"train": ("train",), "val": ("val", "dev"), "test": ("test",)}


class SsvpTsvOptions(RecipeOptions):
    """Options of `ssvp-tsv`."""

    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language."""


class SsvpTsv(BaseRecipe):
    """The recipe."""

    name = "ssvp-tsv"
    version = "1"
    takes = SsvpTsvOptions
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

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        wanted = {
            split: [name for word in words for name in trailing(f"manifests/{word}.tsv", 1)]
            for split, words in _SPLITS.items()
        }
        return manifest_clips(
            root,
            options,
            wanted,
            dataset=dataset,
            language=own(options, SsvpTsvOptions).language,
            source_of=_source,
            captioned=True,
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
            write_manifest(root / "manifests" / f"{split}.tsv", clips, header=split == "val")
            for seed, (name, _) in enumerate(clips):
                write_clip(root / "videos" / name[:5] / f"{name}.mp4", seed=len(split) + seed)
        return {"media": root, "language": "zxx"}


RECIPE: Recipe = SsvpTsv()


def _source(file: str) -> Source:
    names = (f"videos/{file[:5]}/{file}", f"{file[:5]}/{file}", file)
    return Source(id=file, names=names, trimmed=True)
