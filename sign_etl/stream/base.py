"""What the parts of the loader and its callers share; imports neither torch nor Arrow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, SignEtlError
from sign_etl.core.registry import Registry
from sign_etl.stream.made import Made, made

if TYPE_CHECKING:
    from torch import Tensor

    from sign_etl.stream.index import Index

Trouble = Literal["crc", "decode", "missing", "schema", "truncated"]
Use = Literal["train", "select", "evaluate"]
"""What a view is made for: learning; choosing among checkpoints; the evaluation of a run."""
Arrays: TypeAlias = NDArray[Any] | Mapping[str, NDArray[Any]]
"""What a view makes of a sample: one array under the view's name, or several under their own."""
MemberNames: TypeAlias = tuple[str | tuple[str, ...], ...]
"""For each source the member that a view reads, or several."""
RngMaker = Callable[[], np.random.Generator]
"""Makes the random generator of one sample when first called; the same one afterwards."""


class SampleError(Exception):
    """The bytes of a sample are not what they should be; the sample is dropped, never swapped.

    Only this exception drops a sample. Every other one is a fault of the program and ends the run.

    Args:
        error: what is wrong, of a closed list.
        ext: the member that is concerned, such as `blazepose.npy`.
    """

    def __init__(self, error: Trouble, ext: str) -> None:
        super().__init__(error, ext)
        self.error: Trouble = error
        self.ext = ext


class BudgetError(SignEtlError):
    """More samples are damaged than a run may lose."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class BadSample:
    """A sample that was dropped: one line of `quarantine.jsonl`.

    Attributes:
        build: name of the build.
        shard: the tar, relative to the build.
        key: clip key.
        ext: the member that is concerned.
        error: what is wrong.
        epoch: when it was met; it is left out from the next one on.
    """

    build: str
    shard: str
    key: str
    ext: str
    error: Trouble
    epoch: int


class SampleFacts(NamedTuple):
    """What a view knows about the sample whose bytes it gets.

    Attributes:
        id: row in the `Index`.
        key: clip key.
        source: number of the build in `Index.sources`.
        frames: T as the index has it; the bytes may disagree, which is a `SampleError("schema")`.
        fps: frames per second, 0 where unknown.
        width: W of the picture in pixels, 0 where unknown.
        height: H of the picture in pixels, 0 where unknown.
    """

    id: int
    key: str
    source: int
    frames: int
    fps: float
    width: int
    height: int


class View(Protocol):
    """Turns member bytes into arrays; registered in `VIEWS` by name.

    Instances travel to worker processes, so they must pickle and hold no open files. A view that
    recipes can augment has a class method `for_recipe(options, *, augment, noise, use)`; one whose
    settings are to be kept with a run has a method `policy()`, which gives all of them.
    """

    def members(self, index: Index) -> MemberNames:
        """Names of the members that every build must have and `read` wants.

        One name for each source of the index, in its order, or a tuple of several: builds of a
        mixture may name the same thing differently.

        Raises:
            ConfigError: a source lacks what the view needs.
        """

    def lengths(self, index: Index) -> NDArray[np.int32]:
        """(N,) number of time steps that `read` will return for each sample of the index."""

    def read(self, data: Any, facts: SampleFacts, rng: RngMaker) -> Arrays:
        """The sample as an array.

        Args:
            data: bytes of the member; a tuple of them where `members` names several.
            facts: which sample.
            rng: random generator of this sample, visit and view: equal for any worker and rank.

        Returns:
            (T, ...) float or uint8; T may be shorter than `lengths` said but not longer. Several by
            name where one array will not do.

        Raises:
            SampleError: the bytes cannot be decoded, or are not what the index says.
        """

    def placeholder(self, index: Index) -> Arrays:
        """(1, ...) zeros of the shape that `read` returns, for batches without any sample."""


VIEWS: Registry[Callable[..., View]] = Registry("view", "sign_etl.views")
"""Makers of views by name; keyword arguments are the options of a recipe."""
VIEWS.builtin(
    pose="sign_etl.stream.pose_view:PoseView",
    clip="sign_etl.stream.clip_view:ClipView",
    crop="sign_etl.stream.crop_view:CropView",
    feat="sign_etl.stream.feat_view:FeatView",
)


@dataclass(slots=True)
class Batch:
    """One micro-batch. B samples, padded at the end of time to the longest.

    A micro-batch of the plan whose samples are all damaged, and the filler of a rank that has
    fewer micro-batches than others, hold one placeholder with weight 0: B is never 0.

    Attributes:
        step: number of the optimizer step.
        slot: number of the micro-batch in the step, counted over all ranks.
        epoch: of the plan.
        ids: (B,) int64 rows in the `Index`, -1 for a placeholder.
        views: by name, (B, T, ...) float32 or uint8; what was not estimated and the padding are 0.
            For `pose`: (B, T, K, C), the score last. For `clip`: (B, T, H, W, 3) uint8.
        masks: by name, (B, T) bool, True on frames, False on padding.
        label_id: (B,) int64 positions in `Index.labels`, -1 without label.
        weight: (B,) float32: of the annotations, 1 as a rule, 0 for placeholders. Multiply the
            losses of samples with it.
        text: B sentences, empty where there is none.
        gloss: B gloss sequences, empty where there is none.
        language: B ISO 639-3 codes of the sign language.
        signer: B signers, empty where unknown.
        key: B clip keys, for telling people which sample it was.
        build: B names of builds.
        shard: B tars.
        bad: samples that belong here and were dropped.
    """

    step: int
    slot: int
    epoch: int
    ids: Tensor
    views: dict[str, Tensor]
    masks: dict[str, Tensor]
    label_id: Tensor
    weight: Tensor
    text: list[str]
    gloss: list[str]
    language: list[str]
    signer: list[str]
    key: list[str]
    build: list[str]
    shard: list[str]
    bad: tuple[BadSample, ...] = ()

    def __len__(self) -> int:
        """B, placeholders included."""
        return len(self.key)

    def to(self, device: Any, *, non_blocking: bool = False) -> Batch:
        """A copy with its tensors on `device`."""
        return self.changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """A copy in page-locked memory; torch's DataLoader calls it."""
        return self.changed(lambda tensor: tensor.pin_memory())

    def changed(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """A copy with what `change` makes of each tensor."""
        return replace(
            self,
            ids=change(self.ids),
            views={name: change(tensor) for name, tensor in self.views.items()},
            masks={name: change(tensor) for name, tensor in self.masks.items()},
            label_id=change(self.label_id),
            weight=change(self.weight),
        )


Filled: TypeAlias = Literal["label", "text", "gloss", ""]
"""What a sample must have to take part; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which samples of an index take part. Empty: all of them.

    Attributes:
        splits: words of the `split` column.
        labels: class names.
        signers: only these.
        languages: ISO 639-3 codes.
        min_frames: at least so many.
        max_frames: at most so many, 0 for no limit.
        filled: only samples that have one: `label`, `text` or `gloss`.
        shots: so many of each class, drawn by `seed`; 0 for all.
        seed: of `shots`.
    """

    splits: Sequence[str] = ()
    labels: Sequence[str] = ()
    signers: Sequence[str] = ()
    languages: Sequence[str] = ()
    min_frames: int = 1
    max_frames: int = 0
    filled: Filled = ""
    shots: int = 0
    seed: int = 0


@dataclass(slots=True)
class SampleRng:
    """The random generator of one sample, made when first called.

    Keyed by seed, visit (how often the sample was seen before, the epoch as a rule), clip key and
    view, so it depends on no worker, rank or batch.
    """

    seed: int
    visit: int
    key: str
    view: str
    _made: np.random.Generator | None = field(default=None, repr=False)

    def __call__(self) -> np.random.Generator:
        """The generator."""
        if self._made is None:
            name = f"{self.seed}/{self.visit}/{self.view}/{self.key}".encode()
            key = int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "little")
            self._made = np.random.Generator(np.random.Philox(key=key))
        return self._made


def by_name(registry: Registry[Callable[..., Made]], settings: Mapping[str, Any]) -> Made:
    """What a recipe names with its options: `{name: circle, frames: 16, stride: 4}`.

    Args:
        registry: of its makers.
        settings: `name`, and the options that its maker takes.

    Raises:
        ConfigError: no name, an unknown one, or an option that it does not have.
    """
    options = dict(settings)
    name = options.pop("name", None)
    if not isinstance(name, str):
        hint = f"known are: {', '.join(registry.names())}"
        raise ConfigError(f"a {registry.kind} has no `name`", hint=hint)
    return made(f"{registry.kind} `{name}`", registry.get(name), options)


def recipe_name(step: object) -> str:
    """The name of a transform as recipes write it: `RandAugment` is `rand-augment`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(step).__name__).lower()
