"""BOBSL: interpreted BBC programmes in British Sign Language, with English subtitles (2021).

    https://www.robots.ox.ac.uk/~vgg/data/bobsl/

Only for researchers whom the BBC has authorised; they get a user and a password for the files. The
release (v1.2) has `videos/<episode>.mp4`, `subset2episode.json` and three kinds of subtitles, each
a WebVTT file an episode, of which every cue is a clip here:

* `subtitles/manually-aligned`: aligned with the signing by people, 55 episodes;
* `subtitles/audio-aligned-heuristic-correction`: the broadcast's, shifted by a rule, all episodes;
* `subtitles/audio-aligned`: the broadcast's own: the signing comes some seconds later.

The subset `public_test` is the test. The challenge episodes have no annotations. An episode without
subtitles of the wanted kind has no clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.recipes.annotation_files import ANEW, load_json
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.captions import read_captions
from sign_etl.recipes.index_files import missing, optional_file, places
from sign_etl.schema.clip import Clip, Source, clip_key

SUBSETS_NAME = "subset2episode.json"

_SPLITS = {"train": "train", "val": "val", "test": "test", "public_test": "test"}
_FOLDERS = {
    "manual": "manually-aligned",
    "corrected": "audio-aligned-heuristic-correction",
    "audio": "audio-aligned",
}


class BobslOptions(RecipeOptions):
    """Options of `bobsl`."""

    subtitles: Literal["manual", "corrected", "audio"] = "manual"
    """Which subtitles are the clips: `manual` (few, exact), `corrected` or `audio` (all, late)."""


class Bobsl(BaseRecipe):
    """The recipe."""

    name = "bobsl"
    version = "1.2+1"
    takes = BobslOptions
    card = DatasetCard(
        title="BOBSL: BBC-Oxford British Sign Language Dataset",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/bobsl/",
        language="bfi",
        task="translation",
        licence="BBC terms: non-commercial, authorised researchers only",
        access="form",
        citation=(
            "Albanie, Varol, Momeni, Bull, Afouras, Chowdhury, Fox, Woll, Cooper, McParland, "
            "Zisserman: BOBSL: BBC-Oxford British Sign Language Dataset. arXiv 2111.03635, 2021"
        ),
        layout_evidence="docs",
        notes=(
            "Clips are subtitles; only 55 episodes are aligned by people, the default.",
            "`subtitles: corrected` takes all 1,940 episodes with times that are seconds off.",
        ),
        how_to=(
            "Ask for access as the homepage says, download videos, subtitles.tar.gz and "
            "subset2episode.json with the user and password that you get, and name their folder "
            "with --media."
        ),
    )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. Split by split in the order of the subsets, then by episode and time.

        Raises:
            AnnotationError: subsets or subtitles are missing or have another form.
        """
        mine = own(options, BobslOptions)
        path = optional_file(
            root, mine, SUBSETS_NAME, f"metadata/{SUBSETS_NAME}", f"splits/{SUBSETS_NAME}"
        )
        if path is None:
            raise missing(mine, [SUBSETS_NAME])
        folder = _subtitles(root, mine)
        for split, episode in _episodes(path):
            file = folder / f"{episode}.vtt"
            if not file.is_file():
                continue
            source = Source(id=episode, names=(f"videos/{episode}", episode))
            seen: dict[str, int] = {}
            for cue in read_captions(file):
                name = f"{episode}#{round(cue.start_s * 1000)}-{round(cue.end_s * 1000)}"
                seen[name] = seen.get(name, 0) + 1
                if seen[name] > 1:
                    name = f"{name}#{seen[name]}"
                yield Clip(
                    key=clip_key(dataset, name, episode, cue.start_s, cue.end_s),
                    dataset=dataset,
                    annotation_id=name,
                    source=source,
                    split=split,
                    text=cue.text,
                    language="bfi",
                    start_s=cue.start_s,
                    end_s=cue.end_s,
                    extra={"subtitles": mine.subtitles},
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three episodes of one or two subtitles, and one of the challenge without any."""
        from sign_etl.recipes.fixture_signing import write_clip

        episodes = {
            "train": "5085344787448740525",
            "val": "5087953980081062580",
            "public_test": "5130659699728866130",
        }
        cues = (
            "WEBVTT\n\n00:00:00.100 --> 00:00:00.800\nIt's a lovely day\nin the garden.\n\n"
            "00:00:00.900 --> 00:00:01.500\n<v Presenter>Look at that &amp; this!</v>\n"
        )
        for seed, episode in enumerate(episodes.values()):
            write_clip(root / "videos" / f"{episode}.mp4", seed=seed, frames=40)
            path = root / "subtitles" / _FOLDERS["manual"] / f"{episode}.vtt"
            write_bytes(path, cues.encode("utf-8"))
        subsets = {split: [episode] for split, episode in episodes.items()}
        write_json(root / SUBSETS_NAME, subsets | {"challenge_test": ["5227203606497428512"]})
        return {"media": root}


RECIPE: Recipe = Bobsl()


def _subtitles(root: Path, options: BobslOptions) -> Path:
    """The folder of the wanted subtitles."""
    name = _FOLDERS[options.subtitles]
    for place in places(root, options):
        for folder in (place / "subtitles" / name, place / name):
            if folder.is_dir():
                return folder
    raise AnnotationError(
        f"no folder `subtitles/{name}`",
        hint="unpack subtitles.tar.gz and name the folder that holds it with --annotations",
    )


def _episodes(path: Path) -> Iterator[tuple[str, str]]:
    """Split and name of every episode that has annotations."""
    subsets = load_json(path)
    if not isinstance(subsets, dict):
        raise AnnotationError(f"{path.name}: is no mapping of subsets", hint=ANEW)
    known: dict[str, str] = {}
    for subset, episodes in subsets.items():
        if subset.startswith("challenge"):
            continue
        if subset not in _SPLITS:
            raise AnnotationError(
                f"{path.name}: unknown subset `{subset}`", hint=f"known are {', '.join(_SPLITS)}"
            )
        if not isinstance(episodes, list) or not all(isinstance(name, str) for name in episodes):
            raise AnnotationError(f"{path.name}: `{subset}` is no list of episodes", hint=ANEW)
        for episode in episodes:
            name = episode.removesuffix(".mp4")
            if not name or "/" in name or name.startswith("."):
                raise AnnotationError(
                    f"{path.name}: `{episode}` is no episode", hint="an episode is a bare file name"
                )
            if name in known:
                raise AnnotationError(
                    f"{path.name}: `{name}` is in `{known[name]}` and in `{subset}`",
                    hint="remove one of the two and give the file with --annotations",
                )
            known[name] = subset
            yield _SPLITS[subset], name
