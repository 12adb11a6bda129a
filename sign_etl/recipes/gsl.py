"""GSL, the Greek Sign Language data set: glosses (`gsl-isolated`) and sentences (`gsl-continuous`).

    https://vcl.iti.gr/dataset/gsl

Seven signers play five dialogues in each of three public services, five times over. What one must
know to read it:

* Clips are folders of jpg pictures, taken at 30 frames a second.
* Lists are `path|gloss` without a header. Sentences have the dialogue before their path
  (`police1/police1_signer1_rep1_sentences/sentences0000`), glosses have not, and on disk it is
  there or not.
* In the signer-independent lists train is everybody but signer 3, val is signer 3 in repetitions 1
  and 2, test is signer 3 in repetitions 3 to 5: no clip is shared, but val and test share a person.
* `(1)`, `(2)` at the end of a gloss tell variants apart and belong to it: `ΕΓΩ(1)`.
* The class id of a gloss is its place among all glosses sorted by code point (`iso_classes.csv`).
* `annotations.csv`, where it is beside the lists, has `path|Greek sentence|glosses`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import Ids, need
from sign_etl.recipes.index_files import optional_file, split_files
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

ISOLATED_FILES = {
    "train": ("train_greek_iso.csv",),
    "val": ("val_greek_iso.csv", "dev_greek_iso.csv"),
    "test": ("test_greek_iso.csv",),
}
SENTENCE_FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "SI": {
        "train": ("gsl_split_SI_train.csv",),
        "val": ("gsl_split_SI_dev.csv",),
        "test": ("gsl_split_SI_test.csv",),
    },
    "SD": {
        "train": ("gsl_split_SD_train.csv", "GSL_SD_train.csv"),
        "val": ("gsl_split_SD_dev.csv", "GSL_SD_dev.csv"),
        "test": ("gsl_split_SD_test.csv", "GSL_SD_test.csv"),
    },
}
DIALOGUES = tuple(f"{service}{n}" for service in ("health", "kep", "police") for n in range(1, 6))
ZENODO = "https://zenodo.org/records/4756317/files"

_PATH = re.compile(
    r"(?:[a-z]+\d+/)?(?P<folder>(?P<dialogue>[a-z]+\d+)_(?P<signer>signer\d+)_rep(?P<repetition>\d+)"
    r"_(?:glosses/glosses|sentences/sentences)\d+)"
)
_TITLE = "GSL: The Greek Sign Language Dataset"
_HOMEPAGE = "https://vcl.iti.gr/dataset/gsl"
_CITATION = (
    "Adaloglou, Chatzis, Papastratis et al.: A Comprehensive Study on Deep Learning-based Methods "
    "for Sign Language Recognition. IEEE Transactions on Multimedia, 2021"
)
_SHARED_SIGNER = "Val and test are both signer 3 (repetitions 1-2 and 3-5): they share a person."


class GslOptions(RecipeOptions):
    """Options of `gsl-isolated`."""

    fps: float = Field(default=30.0, gt=0, le=240)
    """Pictures a second in the folders; the camera took 30."""


class GslContinuousOptions(GslOptions):
    """Options of `gsl-continuous`."""

    setup: Literal["SI", "SD"] = "SI"
    """`SI`: signer 3 is unseen. `SD`: signers are seen, sentences of val and test are not."""


class GslIsolated(BaseRecipe):
    """The recipe of the glosses."""

    name = "gsl-isolated"
    version = "1"
    takes = GslOptions
    card = DatasetCard(
        title=f"{_TITLE}, isolated glosses",
        homepage=_HOMEPAGE,
        language="gss",
        task="isolated",
        licence="not stated",
        access="form",
        citation=_CITATION,
        clips=40_826,
        signers=7,
        layout_evidence="file",
        notes=(
            "310 glosses cut out of the sentences; 2 of them have no val clip, 3 no test clip.",
            _SHARED_SIGNER,
            "Its page says 40,785 clips, its lists have 40,826.",
        ),
        how_to="ask its authors for the folders of glosses and for their lists (--annotations)",
    )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """All glosses by code point, as in `iso_classes.csv`."""
        mine = own(options, GslOptions)
        rows = _rows(root, mine, ISOLATED_FILES)
        return sorted({need(table, row, "gloss") for _, table, row in rows})

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        mine = own(options, GslOptions)
        for split, table, row in _rows(root, mine, ISOLATED_FILES):
            clip = _clip(table, row, dataset, split, mine.fps)
            yield replace(clip, label=clip.gloss)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Two glosses, signers 1 and 3, in all splits."""
        from sign_etl.recipes.gsl_fixture import write_isolated

        return write_isolated(root)


class GslContinuous(BaseRecipe):
    """The recipe of the sentences."""

    name = "gsl-continuous"
    version = "1"
    takes = GslContinuousOptions
    card = DatasetCard(
        title=f"{_TITLE}, sentences",
        homepage=_HOMEPAGE,
        language="gss",
        task="continuous",
        licence="not stated",
        access="direct",
        citation=_CITATION,
        clips=10_290,
        signers=7,
        layout_evidence="file",
        notes=(
            _SHARED_SIGNER,
            "Setup SD: every signer is in every split, sentences of val and test are unseen.",
            "Setup SI: all but 5 sentences of val and 2 of test are in train, gloss by gloss.",
        ),
        how_to="the lists are in GSL_split.zip beside the videos; give their folder: --annotations",
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """One for each dialogue, colour only; none before the lists are there to read them."""
        if options.annotations is None:
            return ()
        return tuple(Archive((f"{ZENODO}/{name}.zip?download=1",)) for name in DIALOGUES)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        mine = own(options, GslContinuousOptions)
        texts = _texts(root, mine)
        for split, table, row in _rows(root, mine, SENTENCE_FILES[mine.setup]):
            clip = _clip(table, row, dataset, split, mine.fps)
            yield replace(clip, text=texts.get(_without_dialogue(clip.annotation_id)))

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three sentences of signers 1 and 3, one in each split, two with Greek text."""
        from sign_etl.recipes.gsl_fixture import write_continuous

        return write_continuous(root)


ISOLATED: Recipe = GslIsolated()
CONTINUOUS: Recipe = GslContinuous()


def _rows(
    root: Path, options: GslOptions, files: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, Table, Row]]:
    """Split, table and row, over all lists."""
    ids = Ids()
    for split, path in split_files(root, options, files):
        table = read_table(
            path, key_column="path", columns=("path", "gloss"), delimiter="|", quoted=False
        )
        for row in table.rows:
            ids.add(need(table, row, "path"), table, row)
            yield split, table, row


def _texts(root: Path, options: GslOptions) -> dict[str, str]:
    """Greek sentences by path without the dialogue; none where `annotations.csv` is not there."""
    path = optional_file(root, options, "annotations.csv", "merged_continuous.csv")
    if path is None:
        return {}
    columns = ("path", "text", "gloss")
    table = read_table(path, key_column="path", columns=columns, delimiter="|", quoted=False)
    cells = [(row.cells["path"], row.cells["text"]) for row in table.rows]
    return {_without_dialogue(path): text for path, text in cells if path and text}


def _clip(table: Table, row: Row, dataset: str, split: str, fps: float) -> Clip:
    path = need(table, row, "path")
    match = _PATH.fullmatch(path)
    if match is None:
        raise AnnotationError(
            f"{table.name}: row {row.number}: `{path}` is no path of GSL",
            hint="such as police1_signer1_rep1_glosses/glosses0000",
        )
    bare, dialogue = match["folder"], match["dialogue"]
    return Clip(
        key=clip_key(dataset, path, path, slug=bare),
        dataset=dataset,
        annotation_id=path,
        # Never the last folder alone: `glosses0000` is in every recording.
        source=Source(id=path, names=(f"{dialogue}/{bare}", bare), frames_fps=fps),
        split=split,
        gloss=" ".join(need(table, row, "gloss").split()),
        language="gss",
        signer=match["signer"],
        extra={"dialogue": dialogue, "repetition": match["repetition"]},
    )


def _without_dialogue(path: str) -> str:
    return "/".join(path.split("/")[-2:])
