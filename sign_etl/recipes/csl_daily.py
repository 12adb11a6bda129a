"""CSL-Daily: sentences of daily life in Chinese Sign Language, with glosses and text (CVPR 2021).

    https://ustc-slr.github.io/datasets/2021_csl_daily/

Three kinds of index go about; the first that is there is read:

* `csl2020ct_v2.pkl` (a pickle: `info` is a list of `name`, `length`, `label_gloss`, `label_char`,
  `label_word`, `label_postag`, `signer`, `time`) with `split_1.txt` (`name|split`);
* `video_map.txt` (`index|name|length|gloss|char|word|postag`) with `split_1.txt`;
* Uni-Sign's `labels.train`, `labels.dev`, `labels.test` (gzipped pickles, name to `gloss`, `text`).

`S000020_P0000_T00` is sentence 20, signer 0, take 0. `split_1.txt` lists `S000005_P0004_T00`, which
does not exist, and lacks `S000007_P0003_T00`, which does: it is a clip of train. Some copies lack
its pictures. Sources are folders of JPEG pictures of 512 x 512 pixels, 30 a second; with
`form: videos` they are files, such as Uni-Sign's `sentence-crop`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_bytes
from sign_etl.core.unpickle import load_pickle
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import need, need_columns
from sign_etl.recipes.csl_daily_index import Sentence, read_labels, read_pickle, read_video_map
from sign_etl.recipes.index_files import missing, optional_file, split_files
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.clip import Clip, Source, clip_key

FPS = 30.0
"""Pictures a second."""

_SPLITS = {"train": "train", "dev": "val", "test": "test"}
_LISTED, _MEANT = "S000005_P0004_T00", "S000007_P0003_T00"


class CslDailyOptions(RecipeOptions):
    """Options of `csl-daily`."""

    form: Literal["pictures", "videos"] = "pictures"
    """Whether the sources are folders of pictures or video files."""


class CslDaily(BaseRecipe):
    """The recipe."""

    name = "csl-daily"
    version = "2+1"
    takes = CslDailyOptions
    card = DatasetCard(
        title="CSL-Daily",
        homepage="https://ustc-slr.github.io/datasets/2021_csl_daily/",
        language="csl",
        task="translation",
        licence="research agreement with its authors",
        access="form",
        citation=(
            "Zhou, Zhou, Qi, Pu, Li: Improving Sign Language Translation with Monolingual Data by "
            "Sign Back-Translation. CVPR 2021"
        ),
        clips=20_654,
        signers=10,
        layout_evidence="docs",
        notes=(
            "One clip of train, S000007_P0003_T00, is missing in some copies.",
            "With Uni-Sign's copy (`sentence-crop`, labels.*): --set dataset.form=videos.",
        ),
        how_to=(
            "Sign the agreement on the homepage, send it to the authors, and name the folder that "
            "you get with --media and its sentence_label folder with --annotations."
        ),
    )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        mine = own(options, CslDailyOptions)
        seen: set[str] = set()
        for sentence in _sentences(root, mine):
            if sentence.name in seen:
                raise AnnotationError(
                    f"duplicate clip id `{sentence.name}` in the index",
                    hint="remove one of the two and give the files with --annotations",
                )
            seen.add(sentence.name)
            yield Clip(
                key=clip_key(dataset, sentence.name, sentence.name),
                dataset=dataset,
                annotation_id=sentence.name,
                source=_source(sentence.name, mine.form),
                split=sentence.split,
                gloss=sentence.gloss or None,
                text=sentence.text or None,
                language="csl",
                signer=sentence.signer,
                extra=sentence.extra,
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four sentences of two signers, with `video_map.txt` and the slip in `split_1.txt`."""
        from sign_etl.recipes.fixture_signing import write_pictures

        rows = (
            ("S000020_P0000_T00", "train", "他 谁", "他 是 谁 ？"),
            (_MEANT, "train", "你 好", "你 好 。"),
            ("S000031_P0000_T00", "dev", "今天 冷", "今 天 很 冷 。"),
            ("S000044_P0003_T00", "test", "家 远", "家 很 远 。"),
        )
        table, splits = ["index|name|length|gloss|char|word|postag"], ["name|split"]
        for number, (name, split, gloss, characters) in enumerate(rows):
            table.append(f"{number}|{name}|15|{gloss}|{characters}|{characters}|r v r w")
            splits.append(f"{_LISTED if name == _MEANT else name}|{split}")
            write_pictures(
                root / "sentence" / "frames_512x512" / name, "{:06d}.jpg", seed=number, frames=15
            )
        for file, lines in (("video_map.txt", table), ("split_1.txt", splits)):
            text = "".join(f"{line}\n" for line in lines)
            write_bytes(root / "sentence_label" / file, text.encode("utf-8"))
        return {"media": root, "annotations": root / "sentence_label"}


RECIPE: Recipe = CslDaily()


def _source(name: str, form: str) -> Source:
    if form == "videos":
        return Source(id=name, names=(f"sentence-crop/{name}", name))
    folders = ("sentence/frames_512x512", "sentence_frames-512x512/frames_512x512")
    names = (*(f"{folder}/{name}" for folder in folders), name)
    return Source(id=name, names=names, frames_fps=FPS)


def _sentences(root: Path, options: CslDailyOptions) -> Iterator[Sentence]:
    """The sentences of the index that is there."""
    given = options.annotations
    if given is not None and given.is_file() and "labels." in given.name:
        index = None
    elif given is not None and given.is_file():
        index = given
    else:
        index = optional_file(root, options, "csl2020ct_v2.pkl", "video_map.txt")
    if index is None:
        labels = {word: (f"labels.{word}", f"CSL_Daily/labels.{word}") for word in _SPLITS}
        for word, path in split_files(root, options, labels):
            yield from read_labels(path.name, load_pickle(path), _SPLITS[word])
        return
    splits = _splits(root, options)
    if index.suffix == ".txt":
        yield from read_video_map(index, splits)
    else:
        yield from read_pickle(index.name, load_pickle(index), splits)


def _splits(root: Path, options: CslDailyOptions) -> dict[str, str]:
    path = optional_file(root, options, "split_1.txt")
    if path is None:
        raise missing(options, ["split_1.txt"])
    table = read_table(path, key_column="split", delimiter="|", quoted=False)
    need_columns(table, "name", "split")
    splits = {}
    for row in table.rows:
        word = need(table, row, "split")
        if word not in _SPLITS:
            raise AnnotationError(
                f"{path.name}: row {row.number}: `split` is `{word}`",
                hint=f"known are {', '.join(_SPLITS)}",
            )
        splits[need(table, row, "name")] = _SPLITS[word]
    if _LISTED in splits:
        splits.setdefault(_MEANT, splits[_LISTED])
    return splits
