"""What a recipe is: the facts of one data set, one file each. No choices, no downloads of media.

Contract tests run over the registry: adding a data set means adding its file and one line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from sign_etl.core.registry import Registry
from sign_etl.schema.archive import Archive as Archive
from sign_etl.schema.clip import Clip
from sign_etl.schema.keypoint_set import KeypointSet


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """What people must know about a data set before they use it.

    Attributes:
        title: full name.
        homepage: where it comes from; empty for what is made here or is the user's own.
        language: ISO 639-3 code of the sign language.
        task: isolated signs, sentences, or neither.
        licence: SPDX id or the name of its terms.
        access: how its media are had. `none`: made here. `local`: the user's own. `direct`: files
            of its authors. `links`: public web pages that may be dead. `form`: a form or mail to
            its authors first. `login`: an account of a hub.
        citation: how its authors want to be cited, one line.
        clips: number of annotated clips, None where unknown.
        signers: number of signers, None where unknown.
        download_bytes: bytes to download, None where unknown.
        layout_evidence: how we know the layout: a real file, documents, or memory (experimental).
        notes: what one should know, one sentence each.
        terms: what the user must accept before the first download (`--accept-licence NAME`); empty
            where the licence asks for nothing of the kind.
        how_to: for `form` and `login`: what to do, one sentence.
    """

    title: str
    homepage: str
    language: str
    task: Literal["isolated", "continuous", "translation", "fingerspelling", "any", "none"]
    licence: str
    access: Literal["none", "direct", "links", "form", "login", "local"]
    citation: str
    clips: int | None = None
    signers: int | None = None
    download_bytes: int | None = None
    layout_evidence: Literal["file", "docs", "memory"] = "memory"
    notes: tuple[str, ...] = ()
    terms: str = ""
    how_to: str = ""


class RecipeOptions(BaseModel):
    """Options that every recipe has; one with more has a subclass, which it names as `takes`.

    They come from the pipeline's `dataset:` mapping and from `--media`, `--annotations` and
    `--media-kind` on the command line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    media: Path | None = None
    """Folder with files already on disk."""
    annotations: Path | None = None
    """The annotation file (a folder where there are several), where it is not downloaded."""
    media_kind: Literal["raw", "trimmed"] | None = None
    """Whether the files in `media` are whole sources or already cut to their spans."""


Options = TypeVar("Options", bound=RecipeOptions)


def own(options: RecipeOptions, kind: type[Options]) -> Options:
    """`options` as the type that a recipe takes.

    Raises:
        TypeError: they are another recipe's options.
    """
    if not isinstance(options, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(options).__name__}")
    return options


class Get(Protocol):
    """Downloads an index file; given to `fetch_index`, so that recipes hold no network code."""

    def __call__(self, url: str, path: Path, *, sha256: str | None = None) -> None:
        """Write what `url` serves to `path`, atomically; refuse it if `sha256` differs."""


class Recipe(Protocol):
    """The facts of one data set."""

    name: str
    version: str
    """Version of the data set's annotations, with our own reading of them."""
    card: DatasetCard

    def options(self, raw: Mapping[str, Any]) -> RecipeOptions:
        """Validated options, unknown keys refused.

        Raises:
            pydantic.ValidationError: see `sign_etl.schema.config.checked_options` for plain words.
        """

    def media(self, root: Path, options: RecipeOptions) -> Path | None:
        """The folder in which names of sources are looked up: almost always `options.media`.

        Returns:
            None if everything is downloaded.
        """

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """What is downloaded and unpacked where there is no `options.media`.

        Happens before `fetch_index`; the folder is `options.media` from then on.
        """

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Bring the annotation files into the folder `root` (a cache; may already hold them)."""

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """All clips, in the order of the annotation files.

        Args:
            root: the folder that `fetch_index` filled.
            options: validated options.
            dataset: name for `Clip.dataset` and the keys.

        Raises:
            AnnotationError: the files lack or contradict something; names file and row.
            UsageError: a folder cannot be read, or options and files leave a question open.
        """

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The official order of the class names (index = label id), None for sorted NFC."""

    def keypoints(self, options: RecipeOptions) -> KeypointSet | None:
        """What all sources with `Source.keypoints` have in common; None where there are none."""

    def synonyms(self, root: Path, options: RecipeOptions) -> Mapping[str, str]:
        """The data set's own canonical word for a raw label, where its files name one.

        Decides about `normal` in `labels.json`, never about classes or label ids.
        """

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Write a small fake copy in the exact real layout; returns the options to read it."""


class BaseRecipe:
    """What most recipes do alike; a recipe overrides the rest."""

    takes: ClassVar[type[RecipeOptions]] = RecipeOptions
    """Its options; `own` gives them this type again."""

    def options(self, raw: Mapping[str, Any]) -> RecipeOptions:
        """See `Recipe`."""
        return self.takes.model_validate(dict(raw))

    def media(self, root: Path, options: RecipeOptions) -> Path | None:
        """See `Recipe`."""
        return options.media

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """See `Recipe`."""
        return ()

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """See `Recipe`."""

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """See `Recipe`."""
        return None

    def keypoints(self, options: RecipeOptions) -> KeypointSet | None:
        """See `Recipe`."""
        return None

    def synonyms(self, root: Path, options: RecipeOptions) -> Mapping[str, str]:
        """See `Recipe`."""
        return {}


RECIPES: Registry[Recipe] = Registry("data set", "sign_etl.recipes")
"""All recipes, ours and those that other packages register as entry points."""

RECIPES.builtin(
    asl_citizen="sign_etl.recipes.asl_citizen:RECIPE",
    autsl="sign_etl.recipes.autsl:RECIPE",
    bobsl="sign_etl.recipes.bobsl:RECIPE",
    bosphorus22k="sign_etl.recipes.bosphorus22k:RECIPE",
    bukva="sign_etl.recipes.bukva:RECIPE",
    csl_daily="sign_etl.recipes.csl_daily:RECIPE",
    csl_news="sign_etl.recipes.csl_news:RECIPE",
    dailymoth_70h="sign_etl.recipes.dailymoth_70h:RECIPE",
    demo="sign_etl.recipes.demo:RECIPE",
    folder="sign_etl.recipes.folder:RECIPE",
    gislr="sign_etl.recipes.gislr:RECIPE",
    gsl_continuous="sign_etl.recipes.gsl:CONTINUOUS",
    gsl_isolated="sign_etl.recipes.gsl:ISOLATED",
    how2sign="sign_etl.recipes.how2sign:RECIPE",
    include="sign_etl.recipes.include:RECIPE",
    karsl="sign_etl.recipes.karsl:RECIPE",
    keypoints="sign_etl.recipes.keypoints:RECIPE",
    lis="sign_etl.recipes.lis:RECIPE",
    list_file="sign_etl.recipes.list_file:RECIPE",
    lsa64="sign_etl.recipes.lsa64:RECIPE",
    msasl="sign_etl.recipes.msasl:RECIPE",
    openasl="sign_etl.recipes.openasl:RECIPE",
    phoenix2014="sign_etl.recipes.phoenix2014:RECIPE",
    phoenix2014t="sign_etl.recipes.phoenix2014t:RECIPE",
    sem_lex="sign_etl.recipes.sem_lex:RECIPE",
    slovo="sign_etl.recipes.slovo:RECIPE",
    slr500="sign_etl.recipes.slr500:RECIPE",
    spoter_csv="sign_etl.recipes.spoter_csv:RECIPE",
    ssvp_tsv="sign_etl.recipes.ssvp_tsv:RECIPE",
    unisign="sign_etl.recipes.unisign:RECIPE",
    wlasl="sign_etl.recipes.wlasl:RECIPE",
    youtube_asl="sign_etl.recipes.youtube_asl:RECIPE",
    youtube_sl_25="sign_etl.recipes.youtube_sl_25:RECIPE",
)
