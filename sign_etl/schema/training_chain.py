"""Trainings that follow one another, as in `training/unisign/run.yaml`: each begins with the last.

A stage is a recipe of its own. What it adds is where its weights come from and which of the builds
on the command line are its own.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from sign_etl.schema.config import explain
from sign_etl.schema.document import Document, DocumentError
from sign_etl.schema.pipeline import Settings
from sign_etl.schema.training import TRAINING_HINT, listed

CHAIN: Final = "sign-etl/training-chain/1"
FINISHED: Final = "finished.json"
"""In a run folder, the last file that a training writes: an evaluation writes a card too."""
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class StageConfig(Settings):
    """One training of a chain."""

    name: Word
    """Of its run folder in that of the chain, and in `--set NAME.key=value`."""
    recipe: str = Field(min_length=1)
    """A recipe file beside this one, without its ending."""
    data: Word = "data"
    """Which builds it learns from: those given as `--data NAME=BUILD`, and those without a name."""


class ChainConfig(Settings):
    """A chain."""

    schema_: Literal["sign-etl/training-chain/1"] = Field(default=CHAIN, alias="schema")
    """Version of this format."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """Name of the chain."""
    description: str = ""
    """One line for lists."""
    build: str = ""
    """How builds that fit are made, for people."""
    stages: tuple[StageConfig, ...] = Field(min_length=1)
    """In their order."""

    @model_validator(mode="after")
    def _apart(self) -> ChainConfig:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ValueError("two stages have the same name")
        return self


def is_chain(document: Document) -> bool:
    """Whether a document describes a chain."""
    return document.values.get("schema") == CHAIN


def parse_chain(document: Document) -> ChainConfig:
    """The chain that a document describes; its recipes are not read here.

    Raises:
        DocumentError: all that is wrong, with file, line and column.
    """
    try:
        return ChainConfig.model_validate(listed(document.values), strict=True)
    except ValidationError as error:
        found = explain(error, document, model=ChainConfig, hint=TRAINING_HINT)
        raise DocumentError(found, document.origin) from error
