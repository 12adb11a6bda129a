"""RWTH-PHOENIX-Weather 2014: German Sign Language of weather forecasts, with glosses (CVIU 2015).

    https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX/

One archive holds two parts: all nine signers in every split (`multisigner`), and the same without
signer 5 in training, who alone is in dev and test (`SI5`). What one must know:

* Sources are folders of PNG pictures of 210 x 260 pixels, 25 a second; the column `folder` ends in
  `/1/*.png`.
* The annotation is a sequence of glosses with tokens of the annotators: `__ON__`, `__EMOTION__`,
  `loc-SUED`, `cl-KOMMEN`. They are kept; which ones count is the affair of an evaluation. Double
  blanks become one.
* The clips are the annotators' cuts of the broadcasts: nothing is cut again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.core.files import write_bytes
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import Ids, need, need_columns
from sign_etl.recipes.index_files import split_files, trailing
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

ARCHIVE_URL = (
    "https://www-i6.informatik.rwth-aachen.de/ftp/pub/rwth-phoenix/2016/phoenix-2014.v3.tar.gz"
)
FPS = 25.0

_PARTS = {
    "multisigner": ("phoenix2014-release/phoenix-2014-multisigner", ""),
    "si5": ("phoenix2014-release/phoenix-2014-signerindependent-SI5", "SI5."),
}
_SPLITS = {"train": "train", "dev": "val", "test": "test"}


class Phoenix2014Options(RecipeOptions):
    """Options of `phoenix2014`."""

    part: Literal["multisigner", "si5"] = "multisigner"
    """`multisigner`: all signers in every split. `si5`: dev and test are signer 5's alone."""


class Phoenix2014(BaseRecipe):
    """The recipe."""

    name = "phoenix2014"
    version = "3+1"
    takes = Phoenix2014Options
    card = DatasetCard(
        title="RWTH-PHOENIX-Weather 2014",
        homepage="https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX/",
        language="gsg",
        task="continuous",
        licence="CC-BY-NC-SA-3.0",
        access="direct",
        citation=(
            "Koller, Forster, Ney: Continuous sign language recognition: Towards large vocabulary "
            "statistical recognition systems handling multiple signers. CVIU 141, 2015"
        ),
        clips=6_841,
        signers=9,
        layout_evidence="docs",
        notes=(
            "The server's certificate has been invalid at times; then download the archive "
            "yourself, unpack it and use --media.",
            "`part: si5` is the signer-independent part, without signer 5 in training.",
            "Glosses keep the annotators' tokens, such as __ON__ and loc-.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """One archive with pictures and annotations of both parts."""
        return (Archive(urls=(ARCHIVE_URL,)),)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. A folder given with --annotations may lack splits, but not all of them."""
        folder, infix = _PARTS[own(options, Phoenix2014Options).part]
        names = {
            word: trailing(f"{folder}/annotations/manual/{word}.{infix}corpus.csv", 4)
            for word in _SPLITS
        }
        ids = Ids()
        for word, path in split_files(root, options, names):
            table = read_table(path, key_column="folder", delimiter="|", quoted=False)
            need_columns(table, "id", "folder", "signer", "annotation")
            for row in table.rows:
                annotation_id = ids.add(need(table, row, "id"), table, row)
                pictures = need(table, row, "folder").removesuffix("/*.png")
                gloss = " ".join((row.cells["annotation"] or "").split())
                yield Clip(
                    key=clip_key(dataset, annotation_id, pictures),
                    dataset=dataset,
                    annotation_id=annotation_id,
                    source=_source(folder, word, pictures),
                    split=_SPLITS[word],
                    gloss=gloss or None,
                    language="gsg",
                    signer=need(table, row, "signer"),
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four clips of two signers, laid out as the archive has them."""
        from sign_etl.recipes.fixture_signing import write_pictures

        folder, _ = _PARTS["multisigner"]
        rows = {
            "train": (
                ("01April_2010_Thursday_heute_default-0", "Signer04", "__ON__ LIEB ZUSCHAUER"),
                ("01April_2010_Thursday_heute_default-1", "Signer01", "loc-SUED  REGEN __OFF__"),
            ),
            "dev": (("04May_2010_Tuesday_heute_default-8", "Signer01", "MORGEN cl-KOMMEN WIND"),),
            "test": (("06July_2010_Tuesday_tagesschau_default-0", "Signer04", "WETTER MORGEN"),),
        }
        for word, clips in rows.items():
            lines = ["id|folder|signer|annotation"]
            for number, (name, signer, gloss) in enumerate(clips):
                lines.append(f"{name}|{name}/1/*.png|{signer}|{gloss}")
                write_pictures(
                    root / folder / f"features/fullFrame-210x260px/{word}/{name}/1",
                    f"{name}.avi_pid0_fn{{:06d}}-0.png",
                    seed=len(word) + number,
                    width=210,
                    height=260,
                )
            text = "".join(f"{line}\n" for line in lines)
            path = root / folder / f"annotations/manual/{word}.corpus.csv"
            write_bytes(path, text.encode("utf-8"))
        return {"media": root / folder.partition("/")[0]}


RECIPE: Recipe = Phoenix2014()


def _source(folder: str, word: str, pictures: str) -> Source:
    # Both parts hold pictures of the same names, so the longest paths come first.
    names = trailing(f"{folder}/features/fullFrame-210x260px/{word}/{pictures}", 4)
    return Source(id=pictures, names=(*names, pictures), frames_fps=FPS)
