"""Where a run stands in its data: a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sign_etl.core.errors import SignEtlError

CURSOR_VERSION = 1


class ResumeError(SignEtlError):
    """A cursor belongs to other data or to another plan."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a run stands: all the state that the loader has.

    Attributes:
        dataset_hash: of the index.
        plan_hash: of the plan of this epoch.
        seed: of the plan.
        epoch: counted from 0.
        step: the next one to be done, counted from 0.
        version: of this record.
    """

    dataset_hash: str
    plan_hash: str
    seed: int
    epoch: int
    step: int
    version: int = CURSOR_VERSION

    def to_json(self) -> dict[str, Any]:
        """As JSON values; below 300 bytes."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Cursor:
        """The cursor that `to_json` gave.

        Raises:
            ResumeError: of another version, or no cursor.
        """
        if value.get("version") != CURSOR_VERSION or set(value) != set(cls.__slots__):
            raise ResumeError(
                "the checkpoint's cursor is of another version of sign-etl",
                hint="train on with the version that wrote it, or start anew",
            )
        return cls(**value)
