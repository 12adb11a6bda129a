"""Bukva: the 33 letters of the alphabet in Russian Sign Language, filmed by a crowd (2024).

    https://github.com/ai-forever/bukva

One archive with `annotations.tsv`, the whole videos in `original/` and the same cut to the letter
in `trimmed/`, all named `ID.mp4`. The makers are those of Slovo, and so is the table: `begin` and
`end` are frames of the whole videos, at a rate that nobody says; we take 30 fps (`fps`). The
official split is `train`: by signer, without a validation set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.attachment_table import LANGUAGE, read_attachments
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.index_files import index_file
from sign_etl.schema.clip import Clip

ARCHIVE_URL = "https://rndml-team-cv.obs.ru-moscow-1.hc.sbercloud.ru/datasets/bukva/bukva.zip"
INDEX_NAME = "annotations.tsv"
WHOLE, CUT = "original", "trimmed"


class BukvaOptions(RecipeOptions):
    """Options of `bukva`."""

    fps: float = Field(default=30.0, gt=0, le=1000, allow_inf_nan=False)
    """Frames a second that `begin` and `end` of whole videos count."""


class Bukva(BaseRecipe):
    """The recipe."""

    name = "bukva"
    version = "1"
    takes = BukvaOptions
    card = DatasetCard(
        title="Bukva: Russian Sign Language Alphabet",
        homepage="https://github.com/ai-forever/bukva",
        language=LANGUAGE,
        task="fingerspelling",
        licence="Bukva licence, a variant of CC BY-SA 4.0",
        access="direct",
        citation=(
            "Kvanchiani, Surovtsev, Nagaev, Petrova, Kapitanov: Bukva: Russian Sign Language "
            "Alphabet. arXiv:2410.08675, 2024"
        ),
        clips=3_757,
        download_bytes=27_000_000_000,
        layout_evidence="docs",
        notes=(
            "The licence is the PDF file in the folder `license` of its repository.",
            "The archive holds every video twice, whole and cut; the cut one is taken.",
            "Split by signer into train and test; there is no validation set.",
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The one archive, table and videos."""
        return (Archive(urls=(ARCHIVE_URL,)),)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. Without `media_kind` the cut videos are taken where `media` has any.

        Raises:
            AnnotationError: the table is missing, or it lacks or contradicts something.
            UsageError: neither the folders in `media` nor `media_kind` say if the files are cut.
        """
        mine = own(options, BukvaOptions)
        path = index_file(root, mine, INDEX_NAME)
        kind, flat = _kind(mine)

        def names(split: str, attachment: str) -> tuple[str, ...]:
            file = f"{attachment}.mp4"
            return (f"{kind}/{file}", file) if flat else (f"{kind}/{file}",)

        fps = mine.fps if kind == WHOLE else None
        yield from read_attachments(path, dataset, names=names, fps=fps)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """The unpacked archive with four clips of three letters and three signers."""
        from sign_etl.recipes.fixture_signing import write_clip

        lines = ["attachment_id\tuser_id\ttext\tbegin\tend\theight\twidth\ttrain\tlength"]
        for number, (attachment, text, train) in enumerate(_FIXTURE):
            user = f"user-{max(number - 1, 0)}"
            lines.append(f"{attachment}\t{user}\t{text}\t6\t26\t160\t160\t{train}\t36")
            write_clip(root / CUT / f"{attachment}.mp4", seed=number, frames=20, fps=30)
            write_clip(root / WHOLE / f"{attachment}.mp4", seed=number, frames=36, fps=30)
        write_bytes(root / INDEX_NAME, ("\n".join(lines) + "\n").encode())
        return {"media": root}


_FIXTURE = (
    ("df5b08f0-0000-4000-8000-000000000000", "А", True),
    ("3d2b6a08-0000-4000-8000-000000000001", "Ё", True),
    ("1915f996-0000-4000-8000-000000000002", "Я", False),
    ("0a1b79d6-0000-4000-8000-000000000003", "А", False),
)

RECIPE: Recipe = Bukva()


def _kind(options: BukvaOptions) -> tuple[str, bool]:
    """Folder of the files that are meant, and whether `media` has no such folders at all.

    A plain name would find the whole video where the cut one is missing.
    """
    wanted = {"raw": WHOLE, "trimmed": CUT, None: None}[options.media_kind]
    if options.media is None:
        return wanted or CUT, False
    folders = {file.split("/")[-2] for file in FolderIndex(options.media).media() if "/" in file}
    known = [name for name in (CUT, WHOLE) if name in folders or options.media.name == name]
    if wanted is None and not known:
        raise UsageError(
            f"the files in `{options.media}` may be whole videos or already cut to their spans",
            hint="say which with --media-kind raw or --media-kind trimmed",
        )
    flat = not known or options.media.name in known
    return wanted or known[0], flat
