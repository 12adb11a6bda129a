"""KArSL: 502 isolated signs of Arabic Sign Language, three signers, fifty times each (2021).

    https://hamzah-luqman.github.io/KArSL/

There is no list of clips. Each is a folder of pictures or a video that its place describes, and so
our clips are what is below `--media`:

    01/train/0071/03_01_0071_(10_12_16_09_45_43)_c/*.jpg       signer/split/sign/clip

* The name of a clip is chapter, signer, sign, time, and `c` for colour; other streams of the camera
  (depth) are left out. The folders decide, the name only where there is no folder of the signer.
* Some copies repeat the signer's folder (`01/01/train`): it changes no key.
* KArSL-100 is signs 71 to 170, KArSL-190 is 1 to 190. Class ids follow the number of the sign.
* The split in train and test is one of repetitions: all signers are in both. For signer-independent
  work the authors test on all clips of one signer; that is `held_out`, and then train is the train
  part of the others, and their test part, which has seen signers, is `val`.
* `KARSL-502_Labels.xlsx` has `SignID`, `Sign-Arabic` and `Sign-English`. Numbers (signs 1 to 31)
  are cells with numbers in both languages. The label is the number of the sign, since words need
  not be unique; the Arabic word is the `gloss`.
* The camera (Kinect V2) took 30 pictures a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.errors import AccessError, AnnotationError, UsageError
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import need, need_columns, number
from sign_etl.recipes.index_files import index_file, optional_file
from sign_etl.recipes.karsl_tree import Found, walk
from sign_etl.recipes.spreadsheet import read_workbook
from sign_etl.schema.clip import Clip, Source, clip_key

WORDS_NAMES = ("KARSL-502_Labels.xlsx", "KARSL-190_Labels.xlsx")
SUBSETS = {100: (71, 170), 190: (1, 190), 502: (1, 502)}

_NAME = re.compile(
    r"(?P<chapter>\d{2})_(?P<signer>\d{2})_(?P<sign>\d{4})_\((?P<taken>[\d_]+)\)(?:_(?P<stream>\w+))?"
)


class KarslOptions(RecipeOptions):
    """Options of `karsl`."""

    subset: Literal[100, 190, 502] = 502
    """KArSL-100 (signs 71-170), KArSL-190 (signs 1-190) or all 502."""
    held_out: Literal[1, 2, 3] | None = None
    """Test on all clips of this signer; default the split of the folders, which share signers."""
    fps: float = Field(default=30.0, gt=0, le=240)
    """Pictures a second, where clips are folders of pictures."""


class Karsl(BaseRecipe):
    """The recipe."""

    name = "karsl"
    version = "1"
    takes = KarslOptions
    card = DatasetCard(
        title="KArSL: KFUPM Arabic Sign Language Database",
        homepage="https://hamzah-luqman.github.io/KArSL/",
        language="sdl",
        task="isolated",
        licence="not stated",
        access="form",
        citation=(
            "Sidig, Luqman, Mahmoud, Mohandes: KArSL: Arabic Sign Language Database. ACM "
            "Transactions on Asian and Low-Resource Language Information Processing 20(1), 2021"
        ),
        clips=75_300,
        signers=3,
        layout_evidence="docs",
        notes=(
            "Clips are what is below --media: one that you lack is not counted.",
            "The official split shares its signers; for a signer-independent one set `held_out`.",
            "No ISO 639-3 code is of this language alone: `sdl` is Saudi Arabian Sign Language.",
            "The list of words is an Excel file: pip install 'sign-etl[xlsx]'.",
        ),
        how_to=(
            "follow the links of its page (raw videos by mail to its authors), put the signers "
            "01, 02 and 03 into one folder"
        ),
    )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The numbers of the subset's signs."""
        first, last = SUBSETS[own(options, KarslOptions).subset]
        return [f"{sign:04d}" for sign in range(first, last + 1)]

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            AccessError: there is no `media`.
            UsageError: nothing in it is a clip of KArSL.
            AnnotationError: a clip's place leaves signer or split open.
        """
        mine = own(options, KarslOptions)
        if mine.media is None:
            raise AccessError("`karsl` needs its files: --media DIR", hint=self.card.how_to)
        words = _words(root, mine)
        first, last = SUBSETS[mine.subset]
        found = False
        for place in walk(mine.media):
            name = _NAME.fullmatch(place.name)
            if name is not None and (name["stream"] or "c") != "c":
                continue
            found = True
            if first <= place.sign <= last:
                yield _clip(dataset, place, name, words, mine)
        if not found:
            raise UsageError(
                f"no clip of KArSL below `{mine.media}`",
                hint="it holds 01/train/0001/CLIP and so on, as its archives do",
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Two signs of all three signers, as pictures, and their words."""
        from sign_etl.recipes.karsl_fixture import write_fixture

        return write_fixture(root)


RECIPE: Recipe = Karsl()


def _words(root: Path, options: KarslOptions) -> dict[int, tuple[str, str | None]]:
    """Arabic and English word by the number of the sign; none where no workbook is given."""
    if options.annotations is not None:
        path: Path | None = index_file(root, options, *WORDS_NAMES)
    else:
        path = optional_file(root, options, *WORDS_NAMES)
    if path is None:
        return {}
    table = read_workbook(path)
    need_columns(table, "SignID", "Sign-Arabic")
    return {
        int(number(table, row, "SignID")): (
            need(table, row, "Sign-Arabic"),
            row.cells.get("Sign-English"),
        )
        for row in table.rows
    }


def _clip(
    dataset: str,
    place: Found,
    name: re.Match[str] | None,
    words: Mapping[int, tuple[str, str | None]],
    options: KarslOptions,
) -> Clip:
    signer = place.signer or (name["signer"] if name is not None else None)
    if signer is None or place.part is None:
        missing = "signer" if signer is None else "split"
        raise AnnotationError(
            f"nothing says the {missing} of `{place.path}`",
            hint="the folders above it are SIGNER/train|test/SIGN, such as 01/train/0071",
        )
    arabic, english = words.get(place.sign, (None, None))
    # Not the path: copies differ in the folders above.
    clip_id = f"{signer}/{place.part}/{place.sign:04d}/{place.name}"
    return Clip(
        key=clip_key(dataset, clip_id, clip_id),
        dataset=dataset,
        annotation_id=clip_id,
        source=Source(
            id=clip_id,
            names=(place.path,),
            frames_fps=options.fps if place.pictures else None,
        ),
        split=_split(signer, place.part, options.held_out),
        label=f"{place.sign:04d}",
        gloss=arabic,
        language="sdl",
        signer=signer,
        extra={} if english is None else {"english": english},
    )


def _split(signer: str, part: str, held_out: int | None) -> str:
    if held_out is None:
        return part
    if int(signer) == held_out:
        return "test"
    return "train" if part == "train" else "val"
