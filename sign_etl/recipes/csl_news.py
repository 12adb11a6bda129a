"""CSL-News: 1,985 hours of television news in Chinese Sign Language, with text (ICLR 2025).

    https://huggingface.co/datasets/ZechengLi19/CSL-News

A list of `{video, pose, text}` and 436 archives of clips that are cut already, about 2 GB each.
The list does not say which archive holds a clip, and the folders in them mean nothing: people
unpack all of them into one folder (`unzip -j`).

There is no official split. Uni-Sign, by the same authors, trains on the first 99 % of the list and
looks at the last 1 %: `rule: uni-sign`. The clips of one broadcast stand in both parts then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.files import write_json
from sign_etl.recipes.base import (
    Archive,
    BaseRecipe,
    DatasetCard,
    Get,
    Recipe,
    RecipeOptions,
    own,
)
from sign_etl.recipes.index_files import index_file
from sign_etl.recipes.video_texts import read_video_texts
from sign_etl.schema.clip import Clip, Source, clip_key

REPOSITORY = "datasets/ZechengLi19/CSL-News"
INDEX_NAME = "CSL_News_Labels.json"
INDEX_URL = f"https://huggingface.co/{REPOSITORY}/resolve/main/data/train/{INDEX_NAME}"
ARCHIVES = 436


class CslNewsOptions(RecipeOptions):
    """Options of `csl-news`."""

    rule: Literal["none", "uni-sign"] = "none"
    """`uni-sign`: the first 99 % of the list are train, the rest is val. `none`: no split."""
    first_archives: int = Field(default=ARCHIVES, ge=1, le=ARCHIVES)
    """Download only the first so many archives; clips that are in others are rejects then."""


class CslNews(BaseRecipe):
    """The recipe."""

    name = "csl-news"
    version = "1"
    takes = CslNewsOptions
    card = DatasetCard(
        title="CSL-News",
        homepage="https://huggingface.co/datasets/ZechengLi19/CSL-News",
        language="csl",
        task="translation",
        licence="CC-BY-NC-4.0",
        access="direct",
        citation=(
            "Li, Zhou, Zhao, Wu, Hu, Li: Uni-Sign: Toward Unified Sign Language Understanding at "
            "Scale. ICLR 2025"
        ),
        download_bytes=935_001_573_087,
        layout_evidence="docs",
        notes=(
            "1,985 hours in 436 archives of about 2 GB; --set dataset.first_archives=1 for a try.",
            "No official split: `rule: uni-sign` is that of its authors' own training.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The archives of clips, each into a folder of its own."""
        count = own(options, CslNewsOptions).first_archives
        names = [f"archive_{number:03d}" for number in range(1, count + 1)]
        return tuple(Archive(urls=(f"hf://{REPOSITORY}/{name}.zip",), into=name) for name in names)

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download the list unless it is given or there already."""
        if options.annotations is None and not (root / INDEX_NAME).is_file():
            get(INDEX_URL, root / INDEX_NAME)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        mine = own(options, CslNewsOptions)
        entries = read_video_texts(index_file(root, mine, INDEX_NAME))
        train = len(entries) * 99 // 100 if mine.rule == "uni-sign" else None
        for place, entry in enumerate(entries):
            split = "" if train is None else "train" if place < train else "val"
            yield Clip(
                key=clip_key(dataset, entry.stem, entry.video),
                dataset=dataset,
                annotation_id=entry.stem,
                source=Source(id=entry.video, names=(f"rgb_format/{entry.video}", entry.video)),
                split=split,
                text=entry.text,
                language="csl",
                extra=entry.extra,
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three clips in one folder, as `unzip -j` leaves them."""
        from sign_etl.recipes.fixture_signing import write_clip

        stems = (
            ("Common-Concerns_20201113_0-287_14330", "欢迎收看共同关注"),
            ("Common-Concerns_20201113_288-390_14331", "今天的主要内容有"),
            ("20200102_Dragon-TV__0-100_2", "谢谢收看"),
        )
        write_json(
            root / INDEX_NAME,
            [{"video": f"{stem}.mp4", "pose": f"{stem}.pkl", "text": text} for stem, text in stems],
        )
        for seed, (stem, _) in enumerate(stems):
            write_clip(root / "rgb_format" / f"{stem}.mp4", seed=seed)
        return {"annotations": root / INDEX_NAME, "media": root, "rule": "uni-sign"}


RECIPE: Recipe = CslNews()
