"""What travels through Ray and what a worker on a node does with it; knows nothing of Ray.

A row is a clip as JSON text: references, facts and times, a few kilobytes, never frames.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sign_etl.core.errors import DiskError
from sign_etl.run.runner import Passed
from sign_etl.stages.item import Item, Stepped, from_json, step, to_json
from sign_etl.stages.setup import clip_stages, setup_from_json

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Row:
    """A clip on its way.

    Attributes:
        item: the clip.
        passed: what it has passed on the nodes so far.
    """

    item: Item
    passed: tuple[Passed, ...] = ()

    def to_text(self) -> str:
        """As it travels."""
        passed = [[each.stage, each.seconds, each.worker] for each in self.passed]
        return json.dumps({"item": to_json(self.item), "passed": passed})


def row_from_text(text: str) -> Row | DiskError:
    """The inverse of `Row.to_text`; a full disk is nobody's fault and travels as a row, too."""
    value = json.loads(text)
    if "disk" in value:
        return DiskError(value["disk"], hint=value["hint"])
    item = from_json(value["item"])
    passed = tuple(
        Passed(stage, item.clip.key, seconds, worker) for stage, seconds, worker in value["passed"]
    )
    return Row(item, passed)


class StageWorker:
    """Takes rows through one stage or more; owns the guarded children of these stages.

    Args:
        setup: a `Setup` as JSON values.
        names: of the stages; those that the setup has no use for are left out.
    """

    def __init__(self, setup: dict[str, Any], names: tuple[str, ...]) -> None:
        stages = clip_stages(setup_from_json(setup))
        self._stages = [stage for stage in stages if stage.name in names]
        self._name = f"{platform.node()}:{os.getpid()}"

    def __call__(self, batch: pa.Table) -> pa.Table:
        """A batch of rows with their results, in the same order."""
        return table(self.advance(batch["row"].to_pylist()))

    def measure(self, stage: str, after: Stepped) -> None:
        """Told of each clip that leaves a stage, for metrics."""

    def advance(self, texts: list[str]) -> list[str]:
        """The same for their texts."""
        return _or_disk(self._advance, texts)

    def _advance(self, texts: list[str]) -> list[str]:
        rows = [row_from_text(text) for text in texts]
        clips = [row for row in rows if isinstance(row, Row)]
        if len(clips) < len(rows):
            return texts  # the run ends here
        for stage in self._stages:
            stepped = step(stage, [row.item for row in clips])
            clips = [self._next(stage.name, *pair) for pair in zip(clips, stepped, strict=True)]
        return [row.to_text() for row in clips]

    def _next(self, stage: str, row: Row, after: Stepped) -> Row:
        if after.item is row.item:
            return row
        self.measure(stage, after)
        if after.item.reject is not None:
            return replace(row, item=after.item)
        passed = Passed(stage, row.item.clip.key, after.seconds, self._name)
        return Row(after.item, (*row.passed, passed))


def _or_disk(advance: Callable[[list[str]], list[str]], texts: list[str]) -> list[str]:
    try:
        return advance(texts)
    except DiskError as error:
        return [json.dumps({"disk": error.message, "hint": error.hint})]


def table(texts: list[str]) -> pa.Table:
    """Rows as Ray takes them."""
    import pyarrow as pa

    return pa.table({"row": pa.array(texts, pa.string())})
