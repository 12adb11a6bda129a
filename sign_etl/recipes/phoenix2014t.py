"""RWTH-PHOENIX-Weather 2014 T: weather forecasts with glosses and German sentences (CVPR 2018).

    https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX-2014-T/

What one must know to read it:

* The tables are separated by `|` and know no quotes: a quote is a character of the sentence.
* `video` ends in `/1/*.png`, but the pictures lie in the folder itself, without `/1`.
* `start` and `end` are -1: the pictures are the clip, 25 a second.
* One folder of dev holds a file that is no picture (`createDnnTrainingLabels-profile.py.lprof`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_bytes
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions
from sign_etl.recipes.cells import Ids, need, need_columns
from sign_etl.recipes.index_files import split_files, trailing
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

ARCHIVE_URL = (
    "https://www-i6.informatik.rwth-aachen.de/ftp/pub/rwth-phoenix/2016/phoenix-2014-T.v3.tar.gz"
)
FPS = 25.0

_FOLDER = "PHOENIX-2014-T-release-v3/PHOENIX-2014-T"
_SPLITS = {"train": "train", "dev": "val", "test": "test"}


class Phoenix2014T(BaseRecipe):
    """The recipe."""

    name = "phoenix2014t"
    version = "3+1"
    card = DatasetCard(
        title="RWTH-PHOENIX-Weather 2014 T",
        homepage="https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX-2014-T/",
        language="gsg",
        task="translation",
        licence="CC-BY-NC-SA-3.0",
        access="direct",
        citation=(
            "Camgoz, Hadfield, Koller, Ney, Bowden: Neural Sign Language Translation. CVPR 2018"
        ),
        clips=8_257,
        signers=9,
        layout_evidence="docs",
        notes=(
            "The server's certificate has been invalid at times; then download the archive "
            "yourself, unpack it and use --media.",
            "The sentences are German, in lower case and in tokens.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """One archive with pictures and annotations."""
        return (Archive(urls=(ARCHIVE_URL,)),)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. A folder given with --annotations may lack splits, but not all of them."""
        names = {
            word: trailing(f"{_FOLDER}/annotations/manual/PHOENIX-2014-T.{word}.corpus.csv", 4)
            for word in _SPLITS
        }
        ids = Ids()
        for word, path in split_files(root, options, names):
            table = read_table(path, key_column="video", delimiter="|", quoted=False)
            need_columns(table, "name", "video", "speaker", "orth", "translation")
            for row in table.rows:
                annotation_id = ids.add(need(table, row, "name"), table, row)
                pictures = need(table, row, "video").removesuffix("/*.png").removesuffix("/1")
                yield Clip(
                    key=clip_key(dataset, annotation_id, pictures),
                    dataset=dataset,
                    annotation_id=annotation_id,
                    source=Source(
                        id=pictures,
                        names=(*_pictures(word, pictures), f"{pictures}/1", pictures),
                        frames_fps=FPS,
                    ),
                    split=_SPLITS[word],
                    gloss=" ".join((row.cells["orth"] or "").split()) or None,
                    text=row.cells["translation"],
                    language="gsg",
                    signer=need(table, row, "speaker"),
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four clips of two signers, laid out as the archive has them, stray file included."""
        from sign_etl.recipes.fixture_signing import write_pictures

        rows = {
            "train": (
                ("11August_2010_Wednesday_tagesschau-2", "Signer08", "DRUCK TIEF", "tiefer luft"),
                ("11August_2010_Wednesday_tagesschau-3", "Signer01", "ENORM", 'das "hoch" bleibt'),
            ),
            "dev": (("31May_2011_Tuesday_tagesschau-4295", "Signer08", "MONTAG", "am montag ."),),
            "test": (("25October_2010_Monday_tagesschau-17", "Signer01", "REGEN", "es regnet ."),),
        }
        for word, clips in rows.items():
            lines = ["name|video|start|end|speaker|orth|translation"]
            for number, (name, signer, gloss, text) in enumerate(clips):
                lines.append(f"{name}|{name}/1/*.png|-1|-1|{signer}|{gloss}|{text}")
                write_pictures(
                    root / _pictures(word, name)[0],
                    "images{:04d}.png",
                    seed=len(word) + number,
                    width=210,
                    height=260,
                )
            path = root / _FOLDER / f"annotations/manual/PHOENIX-2014-T.{word}.corpus.csv"
            write_bytes(path, "".join(f"{line}\n" for line in lines).encode("utf-8"))
        stray = root / _pictures("dev", rows["dev"][0][0])[0]
        write_bytes(stray / "createDnnTrainingLabels-profile.py.lprof", b"no picture")
        return {"media": root}


RECIPE: Recipe = Phoenix2014T()


def _pictures(word: str, name: str) -> tuple[str, ...]:
    return trailing(f"{_FOLDER}/features/fullFrame-210x260px/{word}/{name}", 4)
