"""LSA64: 64 isolated signs of Argentinian Sign Language, ten people, five times each (2016).

    http://facundoq.github.io/datasets/lsa64/

There is no annotation file: the name of a video says it all, `SSS_PPP_RRR.mp4` for sign 001-064,
person 001-010 and repetition 001-005. So our clips are all 3,200 of that grid, and a video that is
not there is a reject that counts. What one must know:

* Person 010 is two people, one in signs 1-23, another in signs 24-64: `010a` and `010b` here.
* There is no official split. OpenHands took persons 1-8, 9 and 10; that is `split: openhands`.
* "Raw" and "cut" videos have the same names. Do not put both into one folder.
* All wear gloves in two colours; some were filmed outdoors, some indoors.
* Older copies of the list of signs call sign 08 `Red`, as sign 02; it is `Pink`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.schema.clip import Clip, Source, clip_key

SIGNS = (
    *("Opaque", "Red", "Green", "Yellow", "Bright", "Light-blue", "Colors", "Pink"),
    *("Women", "Enemy", "Son", "Man", "Away", "Drawer", "Born", "Learn"),
    *("Call", "Skimmer", "Bitter", "Sweet milk", "Milk", "Water", "Food", "Argentina"),
    *("Uruguay", "Country", "Last name", "Where", "Mock", "Birthday", "Breakfast", "Photo"),
    *("Hungry", "Map", "Coin", "Music", "Ship", "None", "Name", "Patience"),
    *("Perfume", "Deaf", "Trap", "Rice", "Barbecue", "Candy", "Chewing-gum", "Spaghetti"),
    *("Yogurt", "Accept", "Thanks", "Shut down", "Appear", "To land", "Catch", "Help"),
    *("Dance", "Bathe", "Buy", "Copy", "Run", "Realize", "Give", "Find"),
)
"""The signs in official order: sign 001 is the first."""

PEOPLE = 10
REPETITIONS = 5

Sign = Annotated[int, Field(ge=1, le=len(SIGNS))]
Person = Annotated[int, Field(ge=1, le=PEOPLE)]
Repetition = Annotated[int, Field(ge=1, le=REPETITIONS)]

_SECOND_TENTH_FROM = 24
"""From this sign on, another person has the number 010."""


class Lsa64Options(RecipeOptions):
    """Options of `lsa64`."""

    split: Literal["openhands"] | None = None
    """`openhands`: persons 1-8 train, 9 val, 10 test; needs `split.by: column`. Default none: the
    pipeline's `split` says it."""
    signs: tuple[Sign, ...] = ()
    """Only these signs (1-64), where you have a part of the videos; default all."""
    people: tuple[Person, ...] = ()
    """Only these persons (1-10); default all."""
    repetitions: tuple[Repetition, ...] = ()
    """Only these repetitions (1-5); default all."""


class Lsa64(BaseRecipe):
    """The recipe."""

    name = "lsa64"
    version = "1"
    takes = Lsa64Options
    card = DatasetCard(
        title="LSA64: A Dataset for Argentinian Sign Language",
        homepage="http://facundoq.github.io/datasets/lsa64/",
        language="aed",
        task="isolated",
        licence="CC-BY-NC-SA-4.0",
        access="direct",
        citation=(
            "Ronchetti, Quiroga, Estrebou, Lanzarini, Rosete: LSA64: A Dataset of Argentinian Sign "
            "Language. XXII Congreso Argentino de Ciencias de la Computación (CACIC), 2016"
        ),
        clips=3_200,
        signers=11,
        layout_evidence="docs",
        notes=(
            "Person 010 is two people: signs 1-23 (`010a`) and 24-64 (`010b`).",
            "No official split; papers differ, so say which one you took.",
            "Non-commercial use only, share alike.",
        ),
        how_to=(
            "download the cut or the raw videos by hand from its page (a file hoster without "
            "addresses for programs), unpack them and give the folder with --media"
        ),
    )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The signs in official order."""
        return list(SIGNS)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`: all 3,200 unless the options say less, whatever is on disk."""
        mine = own(options, Lsa64Options)
        for sign in _chosen(mine.signs, len(SIGNS)):
            for person in _chosen(mine.people, PEOPLE):
                split = _openhands(person) if mine.split == "openhands" else ""
                for repetition in _chosen(mine.repetitions, REPETITIONS):
                    yield _clip(dataset, sign, person, repetition, split)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Signs 23 and 24 of persons 1, 9 and 10: both that are called 010."""
        from sign_etl.recipes.fixture_signing import write_clip

        grid = {"signs": (23, 24), "people": (1, 9, 10), "repetitions": (1,)}
        raw = {"media": root / "all", "split": "openhands", **grid}
        for seed, clip in enumerate(self.clips(root, self.options(raw), self.name)):
            write_clip(root / "all" / clip.source.names[0], seed=seed)
        return raw


RECIPE: Recipe = Lsa64()


def _clip(dataset: str, sign: int, person: int, repetition: int, split: str) -> Clip:
    stem = f"{sign:03d}_{person:03d}_{repetition:03d}"
    label = SIGNS[sign - 1]
    return Clip(
        key=clip_key(dataset, stem, stem, slug=f"{label}-{stem}"),
        dataset=dataset,
        annotation_id=stem,
        source=Source(id=stem, names=(f"{stem}.mp4",)),
        split=split,
        label=label,
        gloss=label,
        language="aed",
        signer=_signer(sign, person),
        extra={"sign_id": f"{sign:03d}", "repetition": f"{repetition:03d}"},
    )


def _chosen(numbers: Sequence[int], last: int) -> list[int]:
    return sorted(set(numbers)) or list(range(1, last + 1))


def _signer(sign: int, person: int) -> str:
    if person < PEOPLE:
        return f"{person:03d}"
    return "010a" if sign < _SECOND_TENTH_FROM else "010b"


def _openhands(person: int) -> str:
    return {9: "val", 10: "test"}.get(person, "train")
