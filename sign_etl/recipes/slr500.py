"""SLR500 (also CSL-500): 500 isolated signs of Chinese Sign Language, 50 signers, five times each.

    http://home.ustc.edu.cn/~pjh/openresources/cslr-dataset-2015/index.html

There is no list of clips: the name of a video says it, `P01_25_19_2._color.mp4` for signer 01, sign
(25 - 1) * 20 + 19 = 499 and repetition 2. Groups of signs count from 1, signs of a group from 0. So
our clips are the videos below `--media`. What one must know:

* The usual split is by signer: up to 35 train, from 36 on test.
* `dictionary.txt` has the words, `000000<TAB>WORD`; without it signs are called by their number.
* The label is the number of the sign in six digits, as its folder is called; the word is the
  `gloss`.
* Depth videos (`..._depth.mp4`) are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AccessError, UsageError
from sign_etl.core.files import write_bytes
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions
from sign_etl.recipes.cells import need, number
from sign_etl.recipes.index_files import index_file, optional_file
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

WORDS_NAME = "dictionary.txt"
SIGNS = 500
SIGNS_PER_GROUP = 20
LAST_TRAIN_SIGNER = 35

_NAME = re.compile(
    r"P(?P<signer>\d+)_(?P<group>\d+)_(?P<member>\d+)_(?P<repetition>\d+)\.?_color\.\w+"
)


class Slr500(BaseRecipe):
    """The recipe."""

    name = "slr500"
    version = "1"
    card = DatasetCard(
        title="SLR500: Isolated Chinese Sign Language (USTC)",
        homepage="http://home.ustc.edu.cn/~pjh/openresources/cslr-dataset-2015/index.html",
        language="csl",
        task="isolated",
        licence="agreement with its authors",
        access="form",
        citation=(
            "Huang, Zhou, Li, Li: Attention-Based 3D-CNNs for Large-Vocabulary Sign Language "
            "Recognition. IEEE Transactions on Circuits and Systems for Video Technology, 2019"
        ),
        signers=50,
        layout_evidence="docs",
        notes=(
            "Clips are the colour videos below --media: one that you lack is not counted.",
            "Signers up to 35 are train, from 36 on test; there is no val.",
        ),
        how_to=("ask its authors for it as its page says, give dictionary.txt with --annotations"),
    )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The numbers of all 500 signs."""
        return [f"{sign:06d}" for sign in range(SIGNS)]

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            AccessError: there is no `media`.
            UsageError: no video in it has such a name.
        """
        if options.media is None:
            raise AccessError("`slr500` needs the videos: --media DIR", hint=self.card.how_to)
        words = _words(root, options)
        found = False
        for file in FolderIndex(options.media).media():
            match = _NAME.fullmatch(file.rpartition("/")[2])
            if match is not None:
                found = True
                yield _clip(dataset, file, match, words)
        if not found:
            raise UsageError(
                f"no video of SLR500 below `{options.media}`",
                hint="their names are such as P01_25_19_2._color.mp4",
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Two signs of a train and a test signer, and their words."""
        from sign_etl.recipes.fixture_signing import write_clip

        for seed, (signer, group, member) in enumerate(((1, 1, 0), (1, 25, 19), (36, 25, 19))):
            folder = root / "color" / f"{(group - 1) * SIGNS_PER_GROUP + member:06d}"
            name = f"P{signer:02d}_{group:02d}_{member:02d}_2._color.mp4"
            write_clip(folder / name, seed=seed)
        words = "".join(f"{sign:06d}\t{word}\n" for sign, word in ((0, "一"), (499, "中国")))
        write_bytes(root / WORDS_NAME, words.encode("utf-8"))
        return {"annotations": root / WORDS_NAME, "media": root / "color"}


RECIPE: Recipe = Slr500()


def _words(root: Path, options: RecipeOptions) -> dict[int, str]:
    """Words by the number of their sign; none where no dictionary is given."""
    if options.annotations is not None:
        path: Path | None = index_file(root, options, WORDS_NAME)
    else:
        path = optional_file(root, options, WORDS_NAME)
    if path is None:
        return {}
    table = read_table(
        path, key_column="sign", columns=("sign", "word"), delimiter="\t", quoted=False
    )
    return {int(number(table, row, "sign")): need(table, row, "word") for row in table.rows}


def _clip(dataset: str, file: str, match: re.Match[str], words: Mapping[int, str]) -> Clip:
    sign = (int(match["group"]) - 1) * SIGNS_PER_GROUP + int(match["member"])
    signer = int(match["signer"])
    # The name alone is the id: it is unique, and folders differ between copies.
    stem = file.rpartition("/")[2].rpartition("_color.")[0].rstrip(".")
    return Clip(
        key=clip_key(dataset, stem, stem),
        dataset=dataset,
        annotation_id=stem,
        source=Source(id=stem, names=(file,)),
        split="train" if signer <= LAST_TRAIN_SIGNER else "test",
        label=f"{sign:06d}",
        gloss=words.get(sign),
        language="csl",
        signer=f"P{signer:02d}",
        extra={"repetition": match["repetition"]},
    )
