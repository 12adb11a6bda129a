"""AUTSL: 226 isolated signs of Turkish Sign Language, filmed with a Kinect (IEEE Access 2020).

    https://chalearnlap.cvc.uab.cat/dataset/40/description/

Tables without header (`signer0_sample1,41`): `train_labels.csv`, `validation_labels.csv`,
`test_labels.csv`; names of the classes in `SignList_ClassId_TR_EN.csv`. Videos of 512 x 512 at 30
fps lie in `train/`, `val/`, `test/` as `signer0_sample1_color.mp4`, beside them the depth, which is
not read. The number after `signer` is the signer; the splits share none. What one must know:

* The label is the Turkish name: two classes are called `you` in English (`extra["en"]`).
* The videos come as three zip files in parts (`.zip.001` and so on), each with a password that the
  organisers give; the host that once served them is gone. Where you have an address of the parts,
  `archive_url` names it and three environment variables hold your passwords; else unpack them
  yourself and use --media. Copies elsewhere often come without a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sign_etl.core.files import write_bytes
from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import Ids, need, need_columns, number
from sign_etl.recipes.index_files import missing, optional_file, split_files
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

CLASSES_NAME = "SignList_ClassId_TR_EN.csv"
SPLIT_NAMES = {
    "train": ("train_labels.csv",),
    "val": ("validation_labels.csv",),
    "test": ("test_labels.csv",),
}
PARTS = (
    ("train/train_set_vfbha39.zip", 18, "SIGN_ETL_AUTSL_TRAIN_PASSWORD"),
    ("validation/val_set_bjhfy68.zip", 3, "SIGN_ETL_AUTSL_VAL_PASSWORD"),
    ("test/test_set_xsaft57.zip", 3, "SIGN_ETL_AUTSL_TEST_PASSWORD"),
)
"""Archive below `archive_url`, number of its parts, environment variable with the password."""

_SAMPLE = re.compile(r"signer(\d+)_sample(\d+)")


class AutslOptions(RecipeOptions):
    """Options of `autsl`."""

    archive_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """Address below which the parts lie (`train/train_set_vfbha39.zip.001` ...), if you have one;
    the passwords are read from SIGN_ETL_AUTSL_TRAIN_PASSWORD, _VAL_ and _TEST_."""


class Autsl(BaseRecipe):
    """The recipe."""

    name = "autsl"
    version = "1"
    takes = AutslOptions
    card = DatasetCard(
        title="AUTSL: Ankara University Turkish Sign Language",
        homepage="https://chalearnlap.cvc.uab.cat/dataset/40/description/",
        language="tsm",
        task="isolated",
        licence="terms of the ChaLearn challenge, research only",
        access="form",
        citation=(
            "Sincan, Keles: AUTSL: A Large Scale Multi-Modal Turkish Sign Language Dataset and "
            "Baseline Methods. IEEE Access 8, 2020"
        ),
        clips=36_302,
        signers=43,
        layout_evidence="file",
        notes=(
            "226 signs; colour only, the depth videos are left out.",
            "The parts have passwords, which their organisers give you.",
            "The official splits share no signer (31, 6 and 6).",
        ),
        how_to=(
            "Register at https://chalearnlap.cvc.uab.cat/dataset/40/description/, join and unpack "
            "the parts with the passwords you are given, into one folder with the tables."
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The three archives in parts, where the user has an address of them."""
        base = own(options, AutslOptions).archive_url
        if base is None:
            return ()
        return tuple(
            Archive(
                urls=tuple(f"{base.rstrip('/')}/{path}.{part:03d}" for part in range(1, count + 1)),
                password_env=password_env,
            )
            for path, count, password_env in PARTS
        )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The Turkish names in the order of `ClassId`."""
        return [turkish for turkish, _ in _classes(root, options)]

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. A folder given with --annotations may lack splits, but not all of them.

        Raises:
            AnnotationError: a table is missing, a name or a class is none of AUTSL's.
        """
        classes, ids = _classes(root, options), Ids()
        for split, path in split_files(root, options, SPLIT_NAMES):
            table = read_table(
                path, key_column="sample", columns=("sample", "class"), delimiter=","
            )
            for row in table.rows:
                sample = ids.add(need(table, row, "sample"), table, row)
                named = _SAMPLE.fullmatch(sample)
                if named is None:
                    raise wrong_row(table, row, f"`{sample}` is no signerN_sampleN")
                class_id = _class_id(table, row, classes)
                label, english = classes[class_id]
                file = f"{split}/{sample}_color.mp4"
                yield Clip(
                    key=clip_key(dataset, sample, file, slug=f"{label}-{sample}"),
                    dataset=dataset,
                    annotation_id=sample,
                    source=Source(id=file, names=(file, f"{sample}_color.mp4")),
                    split=split,
                    label=label,
                    gloss=label,
                    language="tsm",
                    signer=named.group(1),
                    extra={"class_id": str(class_id), "en": english},
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """The unpacked archives with five clips of three classes and four signers."""
        from sign_etl.recipes.fixture_signing import write_clip

        write_bytes(root / CLASSES_NAME, _FIXTURE_CLASSES.encode())
        for split, rows in _FIXTURE.items():
            lines = "".join(f"{sample},{class_id}\r\n" for sample, class_id in rows)
            write_bytes(root / SPLIT_NAMES[split][0], lines.encode())
            for sample, class_id in rows:
                write_clip(root / split / f"{sample}_color.mp4", seed=class_id)
        return {"media": root}


_FIXTURE_CLASSES = "ClassId,TR,EN\r\n0,abla,sister\r\n1,sen,you\r\n2,siz,you\r\n"
_FIXTURE = {
    "train": (("signer0_sample1", 0), ("signer0_sample2", 2), ("signer42_sample672", 1)),
    "val": (("signer1_sample1", 2),),
    "test": (("signer34_sample1", 1),),
}

RECIPE: Recipe = Autsl()


def _classes(root: Path, options: RecipeOptions) -> list[tuple[str, str]]:
    """Turkish and English name of each class, by class id."""
    path = optional_file(root, options, CLASSES_NAME)
    if path is None:
        raise missing(options, [CLASSES_NAME])
    table = read_table(path, key_column="ClassId", delimiter=",")
    need_columns(table, "ClassId", "TR", "EN")
    for place, row in enumerate(table.rows):
        if number(table, row, "ClassId") != place:
            raise wrong_row(table, row, f"`ClassId` is not {place}")
    return [(need(table, row, "TR"), need(table, row, "EN")) for row in table.rows]


def _class_id(table: Table, row: Row, classes: list[tuple[str, str]]) -> int:
    class_id = number(table, row, "class")
    if class_id not in range(len(classes)):
        raise wrong_row(table, row, f"class {class_id:g} is none of {CLASSES_NAME}")
    return int(class_id)
