"""A clip on its way through the stages: references and facts, never frames."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sign_etl.core.store import Blob, Entry
from sign_etl.schema.clip import Clip, Source
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.outcome import Reject, StageName


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A fetched source.

    Attributes:
        sha256: of its bytes (of a folder: see `sign_etl.media.pictures`).
        size_bytes: their number.
        container: as `sign_etl.media.sniff.sniff` names it, or `frames` for a folder of pictures.
        path: where its bytes are.
        owned: True where this build downloaded it and releases it after its last clip.
        retrieved_at: when it was downloaded (ISO 8601, UTC); None for a file that was there.
    """

    sha256: str
    size_bytes: int
    container: str
    path: str
    owned: bool
    retrieved_at: str | None = None

    @property
    def present(self) -> bool:
        """True if the bytes are still there (a released source may have to be fetched again)."""
        try:
            path = Path(self.path)
            return path.is_dir() or path.stat().st_size == self.size_bytes
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Item:
    """One clip and what the stages have made of it so far.

    Attributes:
        clip: the clip.
        source: its fetched source; None where the fetch ended in a reject.
        video: entry of `normalise`; of `import` where the source holds keypoints and no video.
        poses: entries of the pose backends by name, in pipeline order; likewise.
        features: entries of the sets of features by name, in pipeline order.
        quality: entry of `quality`.
        reject: where its way ended.
        note: for the log: last words of a dead child.
    """

    clip: Clip
    source: SourceRef | None = None
    video: Entry | None = None
    poses: Mapping[str, Entry] = field(default_factory=dict)
    features: Mapping[str, Entry] = field(default_factory=dict)
    quality: Entry | None = None
    reject: Reject | None = None
    note: str = ""

    @property
    def ended(self) -> bool:
        """True where no stage is left: rejected, or good enough to be packed."""
        return self.reject is not None or self.quality is not None

    def rejected(self, reject: Reject, note: str = "") -> Item:
        """The same clip with its end."""
        return replace(self, reject=reject, note=note)


class Stage(Protocol):
    """A step of a clip through the store. One instance belongs to one worker."""

    name: str

    def applies(self, item: Item) -> bool:
        """False where such a clip does not pass this stage; then it is not asked again."""

    def look(self, item: Item) -> Item | None:
        """The item with this stage's result if the store has it already, else None."""

    def run(self, item: Item) -> Item:
        """Do the work and put the result into the store; a failure is a reject, not an exception.

        Raises:
            DiskError: no space left: the run must stop, the clip is not to blame.
        """

    def interrupt(self) -> None:
        """Break off the work in hand, from another thread; `run` raises `Stopped` then."""

    def close(self) -> None:
        """End child processes."""


@runtime_checkable
class BatchStage(Stage, Protocol):
    """A stage that is faster over several clips at a time."""

    def run_many(self, items: Sequence[Item]) -> list[Item]:
        """What `run` makes of each, in order; no result depends on the other items."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """An item after a stage.

    Attributes:
        item: the item; the very same object where it does not pass this stage.
        seconds: of work on it, its share of a batch; None where nothing had to be done.
    """

    item: Item
    seconds: float | None = None


def step(stage: Stage, items: Sequence[Item]) -> list[Stepped]:
    """Take items through one stage, from the store where possible, in one batch where it can.

    Args:
        stage: the stage.
        items: clips; those that are at their end, or that do not pass this stage, stay as they are.

    Returns:
        One for each, in order.
    """
    found = {
        number: stage.look(item)
        for number, item in enumerate(items)
        if item.reject is None and stage.applies(item)
    }
    todo = [number for number, item in found.items() if item is None]
    made = _work(stage, [items[number] for number in todo]) if todo else []
    done = dict(zip(todo, made, strict=True))
    return [
        done.get(number) or Stepped(found.get(number) or item) for number, item in enumerate(items)
    ]


def _work(stage: Stage, items: list[Item]) -> list[Stepped]:
    if isinstance(stage, BatchStage):
        start_s = time.perf_counter()
        made = stage.run_many(items)
        share_s = (time.perf_counter() - start_s) / len(items)
        return [Stepped(item, share_s) for item in made]
    stepped = []
    for item in items:
        start_s = time.perf_counter()
        ran = stage.run(item)
        stepped.append(Stepped(ran, time.perf_counter() - start_s))
    return stepped


def through(stages: Iterable[Stage], item: Item, *, work: bool = True) -> Item | None:
    """Take `item` through `stages`, from the store where possible.

    Args:
        stages: in order.
        item: a clip with its source.
        work: False only looks.

    Returns:
        The item at its end, or None where `work` is False and something is still to be done.
    """
    for stage in stages:
        if item.reject is not None:
            return item
        if not stage.applies(item):
            continue
        found = stage.look(item)
        if found is None:
            if not work:
                return None
            found = stage.run(item)
        item = found
    return item


def is_cut(stages: Iterable[Stage], clip: Clip, source: SourceRef) -> bool:
    """True where the store has what `normalise` or `import` made of a clip.

    No stage behind them looks at its source: nobody needs the bytes.
    """
    names = (StageName.NORMALISE.value, StageName.IMPORT.value)
    cutting = [stage for stage in stages if stage.name in names]
    return through(cutting, Item(clip, source), work=False) is not None


def passed(item: Item) -> list[str]:
    """Names of the stages that have a result for it, in order."""
    if item.source is None:
        return []
    return [
        StageName.FETCH.value,
        *([item.video.stage] if item.video else []),
        *(f"{StageName.POSE.value}:{name}" for name in item.poses if name != IMPORTED),
        *(f"{StageName.FEATURES.value}:{name}" for name in item.features),
        *([StageName.QUALITY.value] if item.quality else []),
    ]


def to_json(item: Item) -> dict[str, Any]:
    """An item as JSON values, to travel between processes and nodes."""
    value = asdict(item)
    value["reject"] = item.reject.to_json() if item.reject else None
    return value


def from_json(value: Mapping[str, Any]) -> Item:
    """The inverse of `to_json`."""
    reject = value["reject"]
    source = value["source"]
    return Item(
        clip=clip_from_json(value["clip"]),
        source=SourceRef(**source) if source else None,
        video=_entry(value["video"]),
        poses=_entries(value["poses"]),
        features=_entries(value["features"]),
        quality=_entry(value["quality"]),
        reject=Reject.from_json(reject) if reject else None,
        note=value["note"],
    )


def clip_from_json(value: Mapping[str, Any]) -> Clip:
    """A clip from its `asdict` form, after a way through JSON."""
    source = value["source"]
    bbox = value["bbox"]
    return Clip(
        **{
            **value,
            "source": Source(
                **{
                    **source,
                    "names": tuple(source["names"]),
                    "headers": tuple((name, text) for name, text in source["headers"]),
                }
            ),
            "bbox": tuple(bbox) if bbox else None,
        }
    )


def _entries(value: Mapping[str, Any]) -> dict[str, Entry]:
    return {name: entry for name, raw in value.items() if (entry := _entry(raw))}


def _entry(value: Mapping[str, Any] | None) -> Entry | None:
    if value is None:
        return None
    blobs = {name: Blob(**blob) for name, blob in value["blobs"].items()}
    return Entry(value["stage"], value["fingerprint"], value["facts"], blobs, value["reject"])
