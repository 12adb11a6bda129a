"""WLASL: isolated signs of American Sign Language, gathered from public web pages (WACV 2020).

    https://github.com/dxli94/WLASL/blob/master/start_kit/WLASL_v0.3.json

The index is a list of glosses, each with its instances. What one must know to read it:

* Frames are 1-based and inclusive and count at 25 fps, whatever the source plays at; `-1` as last
  frame means the end. So a span is `(frame_start - 1) / 25` to `frame_end / 25` seconds.
* WLASL100 and so on are the first K entries of the list, and the place in it is the class id
  (`wlasl_class_list.txt` has it too, with one slip: class 163 is `lose`, not `losear`).
* 21,083 instances point at 18,187 addresses. One clip may carry up to five words, also in
  different splits; `video_id` is unique.
* The `.swf` files of aslpro.com are served only with a Referer of that site.

People hold copies in two kinds. The authors' start kit first downloads (`raw_videos`: by YouTube
id, else by `video_id`) and then cuts the YouTube videos (`videos`: all by `video_id`). A file with
a YouTube id as its name is therefore whole, one with the `video_id` of a YouTube clip is cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.addresses import canonical_address, youtube_id
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions, own
from sign_etl.recipes.wlasl_index import Instance, read_index
from sign_etl.schema.clip import Clip, Source, clip_key

INDEX_URL = "https://raw.githubusercontent.com/dxli94/WLASL/master/start_kit/WLASL_v0.3.json"
INDEX_SHA256 = "2c94ee992df0a79c865a116f42919837ce96daaed020076cb222619e45b0938e"
INDEX_NAME = "WLASL_v0.3.json"
ASLPRO_REFERER = "http://www.aslpro.com/cgi-bin/aslpro/aslpro.cgi"

_RAW_FOLDERS = ("raw_videos_mp4", "raw_videos")
_TRIMMED_FOLDER = "videos"


class WlaslOptions(RecipeOptions):
    """Options of `wlasl`."""

    subset: Literal[100, 300, 1000, 2000] | None = None
    """Only the first so many glosses of the index; default all 2,000."""
    index_url: str = INDEX_URL
    """Where the index is downloaded from, for mirrors."""


class Wlasl(BaseRecipe):
    """The recipe."""

    name = "wlasl"
    version = "0.3+1"
    takes = WlaslOptions
    card = DatasetCard(
        title="WLASL v0.3: Word-Level American Sign Language",
        homepage="https://dxli94.github.io/WLASL/",
        language="ase",
        task="isolated",
        licence="C-UDA-1.0",
        access="links",
        citation=(
            "Li, Rodriguez Opazo, Yu, Li: Word-level Deep Sign Language Recognition from Video: "
            "A New Large-scale Dataset and Methods Comparison. WACV 2020"
        ),
        clips=21_083,
        signers=119,
        layout_evidence="file",
        notes=(
            "Academic and computational use only, no commercial use.",
            "5,135 clips are on YouTube (`pip install 'sign-etl[youtube]'`), 1,736 are .swf files "
            "of aslpro.com; many links are dead.",
            "Copies trimmed by the authors' start kit were cut by frame number, so those of "
            "videos that do not play at 25 fps are cut at the wrong place.",
            "107 spans are listed twice under the same word, 442 stand in more than one split.",
        ),
    )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download the index unless it is given or there already."""
        mine = own(options, WlaslOptions)
        path = _index_path(root, mine)
        if mine.annotations is None and not path.is_file():
            get(mine.index_url, path, sha256=INDEX_SHA256 if mine.index_url == INDEX_URL else None)

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The glosses in the order of the index: the class ids of `nslt_*.json`."""
        mine = own(options, WlaslOptions)
        glosses, _ = read_index(_index_path(root, mine))
        return glosses[: mine.subset]

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. With `media` but no `media_kind`, the folder decides which files are cut.

        Raises:
            AnnotationError: the index is no WLASL index; names file, gloss and instance.
            UsageError: a file in `media` may be whole or cut, and `media_kind` does not say which.
        """
        mine = own(options, WlaslOptions)
        if mine.media_kind and not mine.media:
            raise UsageError(
                "--media-kind says something about files, but there is no --media",
                hint="add --media DIR or leave --media-kind out",
            )
        glosses, instances = read_index(_index_path(root, mine))
        sources = _Sources(instances, mine)
        wanted = set(glosses[: mine.subset])
        for instance in instances:
            if instance.gloss in wanted:
                yield _clip(instance, sources.of(instance), dataset)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four instances of three glosses, their files laid out as the start kit leaves them."""
        from sign_etl.recipes.wlasl_fixture import write_fixture

        return write_fixture(root)


RECIPE: Recipe = Wlasl()


def _index_path(root: Path, options: WlaslOptions) -> Path:
    if options.annotations is not None:
        return options.annotations
    if options.index_url == INDEX_URL:
        return root / INDEX_NAME
    mirror = hashlib.sha256(options.index_url.encode("utf-8")).hexdigest()[:12]
    return root / mirror / INDEX_NAME


def _clip(instance: Instance, source: Source, dataset: str) -> Clip:
    start_s, end_s = instance.span_s
    # The key is of the original address and span, also where a trimmed copy stands in for it:
    # people compare clips by key.
    address = canonical_address(instance.url)
    return Clip(
        key=clip_key(
            dataset,
            instance.video_id,
            address,
            start_s,
            end_s,
            slug=f"{instance.gloss}-{instance.video_id}",
        ),
        dataset=dataset,
        annotation_id=instance.video_id,
        source=source,
        split=instance.split,
        label=instance.gloss,
        gloss=instance.gloss,
        language="ase",
        signer=str(instance.signer_id),
        start_s=start_s,
        end_s=end_s,
        declared_fps=instance.fps,
        bbox=instance.bbox,
        extra=instance.extra,
    )


class _Sources:
    """Which source holds an instance: an address, or a trimmed file under `media`."""

    def __init__(self, instances: Iterable[Instance], options: WlaslOptions) -> None:
        self._kind = options.media_kind
        self._folder = FolderIndex(options.media) if options.media else None
        self._by_address: dict[str, Source] = {}
        # Instances of one address have one file each in the start kit: any of them will do.
        whole: dict[str, list[str]] = {}
        for instance in instances:
            names = whole.setdefault(canonical_address(instance.url), [])
            if instance.whole or self._kind == "raw":
                names.append(instance.video_id)
        self._whole = whole

    def of(self, instance: Instance) -> Source:
        if self._trimmed(instance):
            name = instance.video_id
            return Source(id=name, names=(f"{_TRIMMED_FOLDER}/{name}", name), trimmed=True)
        address = canonical_address(instance.url)
        if address not in self._by_address:
            self._by_address[address] = _address_source(address, self._whole[address])
        return self._by_address[address]

    def _trimmed(self, instance: Instance) -> bool:
        if instance.whole or self._folder is None or self._kind == "raw":
            return False
        if self._kind == "trimmed":
            return True
        folders = (_TRIMMED_FOLDER, *_RAW_FOLDERS)
        stem = instance.video_id
        if self._folder.find([*(f"{folder}/{stem}" for folder in folders), stem]) is None:
            return False
        if youtube_id(instance.url) is None:
            raise UsageError(
                f"the file `{instance.video_id}` in `{self._folder.root}` may be the whole video "
                "or already cut to its span",
                hint="say which with --media-kind raw or --media-kind trimmed",
            )
        return True


def _address_source(address: str, video_ids: list[str]) -> Source:
    youtube = youtube_id(address)
    stems = ([youtube] if youtube else []) + video_ids
    names = [f"{folder}/{stem}" for stem in stems for folder in _RAW_FOLDERS]
    flash = "aslpro" in address and address.lower().endswith(".swf")
    return Source(
        id=address,
        url=address,
        names=(*names, *stems),
        headers=(("Referer", ASLPRO_REFERER),) if flash else (),
    )
