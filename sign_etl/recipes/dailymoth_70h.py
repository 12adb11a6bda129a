"""DailyMoth-70h: news in American Sign Language by one signer, with English captions (ACL 2024).

    https://github.com/facebookresearch/ssvp_slt

The largest of the data sets for translation that need neither form nor scraping. The manifests
(`manifests/{train,val,test}.tsv`) are tables of `name of the file`, `seconds` and `caption`
without header (one that has it, `video_name duration caption`, is read too) and without quotes.

Clips are cut already and lie in folders of the first five characters of their names; names hold
dots (`00000/0000004-2022.6.14.mp4`). They exist twice: as they are, and with a blurred face.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.index_files import trailing
from sign_etl.recipes.ssvp_manifest import manifest_clips, write_manifest
from sign_etl.schema.clip import Clip, Source

FILES_URL = "https://dl.fbaipublicfiles.com/dailymoth-70h"
SPLITS = ("train", "val", "test")

_FOLDER = "dailymoth-70h"
_MD5 = {
    "manifests": "69e500cc5cfad3133c4b589428865472",
    "unblurred_clips": "3e69046f6cf415cec89c3544d0523325",
    "blurred_clips": "a2819c7b06a8b38eb7686e4dc90a7433",
}


class DailyMoth70hOptions(RecipeOptions):
    """Options of `dailymoth-70h`."""

    clips: Literal["unblurred", "blurred"] = "unblurred"
    """With the face as it is, or blurred."""


class DailyMoth70h(BaseRecipe):
    """The recipe."""

    name = "dailymoth-70h"
    version = "1"
    takes = DailyMoth70hOptions
    card = DatasetCard(
        title="DailyMoth-70h",
        homepage="https://github.com/facebookresearch/ssvp_slt",
        language="ase",
        task="translation",
        licence="CC-BY-NC-4.0",
        access="direct",
        citation=(
            "Rust, Shi, Wang, Camgoz, Maillard: Towards Privacy-Aware Sign Language Translation at "
            "Scale. ACL 2024"
        ),
        clips=48_386,
        signers=1,
        layout_evidence="docs",
        notes=(
            "No form, no scraping: the easiest data set for translation.",
            "`clips: blurred` takes the copies with a blurred face.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The manifests and the wanted clips."""
        wanted = ("manifests", f"{own(options, DailyMoth70hOptions).clips}_clips")
        return tuple(
            Archive(urls=(f"{FILES_URL}/{name}.tar.gz",), md5=_MD5[name]) for name in wanted
        )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. A folder given with --annotations may lack splits, but not all of them."""
        kind = own(options, DailyMoth70hOptions).clips
        names = {split: trailing(f"{_FOLDER}/manifests/{split}.tsv", 2) for split in SPLITS}
        return manifest_clips(
            root,
            options,
            names,
            dataset=dataset,
            language="ase",
            source_of=lambda file: Source(id=file, names=_files(kind, file)),
            captioned=False,
        )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four clips as the archives have them, a caption with a quote among them."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = {
            "train": (
                ("0000004-2022.6.14.mp4", "Hello and welcome to the Daily Moth."),
                ("0000005-2022.6.14.mp4", 'She said: "Wait.'),
            ),
            "val": (("0000211-2021.1.4.mp4", "It is Monday."),),
            "test": (("0001202-2020.3.17.mp4", "Stay with the light."),),
        }
        for split, clips in rows.items():
            write_manifest(root / _FOLDER / "manifests" / f"{split}.tsv", clips)
            for seed, (name, _) in enumerate(clips):
                write_clip(root / _files("unblurred", name)[0], seed=len(split) + seed)
        return {"media": root}


RECIPE: Recipe = DailyMoth70h()


def _files(kind: str, file: str) -> tuple[str, ...]:
    return (*trailing(f"{_FOLDER}/{kind}_clips/videos/{file[:5]}/{file}", 3), file)
