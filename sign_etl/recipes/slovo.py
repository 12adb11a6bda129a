"""Slovo: 1,000 isolated signs of Russian Sign Language, filmed by a crowd (2023).

    https://github.com/hukenovs/slovo

Three archives of the same clips: `slovo.zip` (cut to the sign), `slovo_full.zip` (the whole videos)
and `slovo_full360.zip` (those again, 360 pixels on the short side); in each `annotations.csv`,
which is tab-separated, and `{train,test}/ID.mp4`. What one must know to read it:

* `begin` and `end` are frames of the whole videos and mean nothing for the cut ones. Nobody says
  at which rate they count; we take 30 fps (`fps`), and a video that plays otherwise is flagged, or
  rejected with `normalise.fps_mismatch: reject`.
* 400 of the 20,400 clips show no sign and have the class `no_event`: a 1,001st class, which many
  leave out (`no_event: drop`).
* The official split is `train`: by signer, without a validation set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.files import write_bytes
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.attachment_table import LANGUAGE, read_attachments
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.index_files import index_file
from sign_etl.schema.clip import Clip

ARCHIVE_URL = "https://rndml-team-cv.obs.ru-moscow-1.hc.sbercloud.ru/datasets/slovo/{name}.zip"
INDEX_NAME = "annotations.csv"
NO_EVENT = "no_event"
FULL_NAMES = ("slovo_full", "slovo_full360")


class SlovoOptions(RecipeOptions):
    """Options of `slovo`."""

    archive: Literal["slovo", "slovo_full", "slovo_full360"] | None = None
    """Which archive is downloaded, or lies in `media`: cut videos (the default), whole ones, whole
    ones of 360 pixels. `media_kind: raw` means `slovo_full` unless this says more."""
    no_event: Literal["keep", "drop"] = "keep"
    """Whether clips without any sign, class `no_event`, are clips of the build."""
    fps: float = Field(default=30.0, gt=0, le=1000, allow_inf_nan=False)
    """Frames a second that `begin` and `end` of whole videos count."""


class Slovo(BaseRecipe):
    """The recipe."""

    name = "slovo"
    version = "1"
    takes = SlovoOptions
    card = DatasetCard(
        title="Slovo: Russian Sign Language",
        homepage="https://github.com/hukenovs/slovo",
        language=LANGUAGE,
        task="isolated",
        licence="Slovo licence, a variant of CC BY-SA 4.0",
        access="direct",
        citation=(
            "Kapitanov, Kvanchiani, Nagaev, Petrova: Slovo: Russian Sign Language Dataset. "
            "arXiv:2305.14527, 2023"
        ),
        clips=20_400,
        signers=194,
        download_bytes=16_000_000_000,
        layout_evidence="docs",
        notes=(
            "The licence is the PDF file in the folder `license` of its repository.",
            "400 clips show no sign (class `no_event`).",
            "Split by signer into train and test; there is no validation set.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The chosen archive."""
        name = _archive(own(options, SlovoOptions))
        return (Archive(urls=(ARCHIVE_URL.format(name=name),)),)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. Without `media_kind` and `archive` the folders in `media` say the kind.

        Raises:
            AnnotationError: the table is missing, or it lacks or contradicts something.
        """
        mine = own(options, SlovoOptions)
        archive = _archive(mine)
        path = index_file(root, mine, f"{archive}/{INDEX_NAME}", INDEX_NAME)

        def names(split: str, attachment: str) -> tuple[str, ...]:
            file = f"{split}/{attachment}.mp4"
            return (f"{archive}/{file}", file, f"{attachment}.mp4")

        fps = None if archive == "slovo" else mine.fps
        for clip in read_attachments(path, dataset, names=names, fps=fps):
            if mine.no_event == "keep" or clip.label != NO_EVENT:
                yield clip

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """`slovo.zip`, unpacked: four clips of three classes and three signers."""
        from sign_etl.recipes.fixture_signing import write_clip

        lines = ["attachment_id\ttext\tuser_id\theight\twidth\tlength\ttrain"]
        for number, (attachment, text, train) in enumerate(_FIXTURE):
            user = f"user-{max(number - 1, 0)}"
            lines.append(f"{attachment}\t{text}\t{user}\t160\t160\t20\t{train}")
            folder = root / "slovo" / ("train" if train else "test")
            write_clip(folder / f"{attachment}.mp4", seed=number)
        write_bytes(root / "slovo" / INDEX_NAME, ("\n".join(lines) + "\n").encode())
        return {"media": root}


_FIXTURE = (
    ("de81cc1c-0000-4000-8000-000000000000", "привет!", True),
    ("3c0cec5a-0000-4000-8000-000000000001", "no_event", True),
    ("d17ca986-0000-4000-8000-000000000002", "улица", False),
    ("f17a6060-0000-4000-8000-000000000003", "привет!", False),
)

RECIPE: Recipe = Slovo()


def _archive(options: SlovoOptions) -> str:
    """Which of the archives the files are, or will be, from."""
    if options.media_kind == "trimmed":
        return "slovo"
    if options.media_kind == "raw":
        return "slovo_full360" if options.archive == "slovo_full360" else "slovo_full"
    if options.archive is None and options.media is not None:
        folders = {part for file in FolderIndex(options.media).media() for part in file.split("/")}
        whole = [name for name in FULL_NAMES if name in folders or options.media.name == name]
        if whole and "slovo" not in folders:
            return whole[0]
    return options.archive or "slovo"
