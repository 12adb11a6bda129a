"""The choices of one training, as they stand in `training/*/*.yaml`: frozen pydantic models.

Unknown keys are refused. What belongs to a task, a model, a view or a transform is held here as a
mapping and validated by its owner, as with recipes and pose backends in `pipeline.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sign_etl.schema.config import SETTINGS_HINT, explain
from sign_etl.schema.document import Document, DocumentError, Problem
from sign_etl.schema.pipeline import Settings

TRAINING_HINT = "the recipes of `sign-etl train list` show every setting in use"
FOR_PEOPLE = ("description", "build", "published")
"""Settings that say nothing about a training: a new wording of them makes no other run."""
Metric = Annotated[str, Field(pattern=r"^[a-z0-9_/]+$")]


class Plugin(BaseModel):
    """A plug-in by name. Further keys are its own options."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    name: str
    """As registered."""

    @property
    def options(self) -> dict[str, Any]:
        """The plug-in's own options."""
        return dict(self.model_extra or {})


class DataConfig(Settings):
    """What is read from the build, and how it looks to the model."""

    view: Plugin
    """What a sample becomes: `pose` with layout, normalisation and further transforms."""
    augment: tuple[Plugin, ...] = ()
    """Random transforms, for training only, before those of the view."""
    noise: float = Field(default=0.0, ge=0)
    """Standard deviation of the noise on normalised coordinates, for training only."""
    train: tuple[str, ...] = ("train",)
    """Splits to learn from."""
    select: str = "val"
    """Split for choosing among checkpoints and for early stopping; never `test`."""
    left_out: tuple[str, ...] = ()
    """Labels that training and selection never see; `evaluate` tells about them apart."""
    held_out: tuple[str, ...] = ()
    """Signers whom training and selection never see, whatever the split of their clips;
    `evaluate --split held-out` asks for all of these."""
    min_frames: int = Field(default=1, ge=1)
    """Shorter clips take no part."""
    max_frames: int = Field(default=0, ge=0)
    """Longer clips take no part in training; 0 for no limit."""
    shots: int = Field(default=0, ge=0)
    """Clips of each class to learn from, drawn by `seed`; 0 for all of them."""
    workers: int = Field(default=0, ge=0)
    """Processes that read ahead, for each rank."""
    cache_gb: float = Field(default=0.0, ge=0)
    """Shards of builds that are not on this disk may fill so much of the cache; what is needed last
    is evicted first. 0 for no limit."""

    @field_validator("held_out", mode="before")
    @classmethod
    def _signers_may_be_a_word(cls, value: Any) -> Any:
        """`--set data.held_out=010a,010b` comes as one text."""
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        for name in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(name, str):  # YAML reads 002 as 2
                raise ValueError("signers are texts, in quotes where they are digits: ['002']")
        return value

    @field_validator("select")
    @classmethod
    def _not_on_test(cls, split: str) -> str:
        if split.lower().startswith("test"):
            raise ValueError("the test split must not choose the model; use `val` or a part of it")
        return split

    @model_validator(mode="after")
    def _apart(self) -> DataConfig:
        if any(split.lower().startswith("test") for split in self.train):
            raise ValueError("the test split must not be learned from")
        if self.select in self.train:
            raise ValueError(f"`{self.select}` is learned from, so it cannot choose the model")
        return self


class BatchConfig(Settings):
    """How clips become micro-batches and optimizer steps."""

    samples: int = Field(default=32, ge=1)
    """Most clips in a micro-batch."""
    frames: int = Field(default=0, ge=0)
    """Most frames in a micro-batch, padding included; 0 for no limit."""
    micro_batches: int = Field(default=1, ge=1)
    """Micro-batches in an optimizer step, over all processes; 8 goes with 1, 2, 4 or 8 of them."""
    classes: int = Field(default=0, ge=0)
    """For metric learning: `samples` are so many classes, with equally many clips of each; 0 for
    batches by length."""
    repeat: int = Field(default=1, ge=1)
    """Repeated augmentation: each clip stands so often in its micro-batch, each time another."""
    pad_multiple: int = Field(default=1, ge=1)
    """Lengths are padded to a multiple of this, for few shapes with `compile`."""
    quadratic: int = Field(default=0, ge=0)
    """With `frames`: T frames cost T + T * T / this, as attention does; 0 for T alone."""
    window_shards: int = Field(default=16, ge=1)
    """Shards whose clips are mixed; more of them shuffle better and want more of the cache."""
    temperature: float = Field(default=1.0, gt=0)
    """With several builds: one of n clips gives the share n ** (1 / temperature) of an epoch. 1
    takes them as they are, 1e6 as many of each."""
    epoch_samples: int = Field(default=0, ge=0)
    """Clips of an epoch; 0 for as many as there are. A small build then comes again within it."""

    @property
    def clips(self) -> int:
        """Clips of a step, each counted once, where `frames` does not make it smaller."""
        return self.samples * self.micro_batches

    @model_validator(mode="after")
    def _classes_alone(self) -> BatchConfig:
        if self.classes and (self.temperature != 1 or self.epoch_samples):
            raise ValueError("`classes` does not go with `temperature` or `epoch_samples`")
        return self


class OptimizerConfig(Settings):
    """How weights move."""

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    """The rule."""
    lr: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""
    base_batch: int = Field(default=0, ge=0)
    """`lr` is meant for steps of so many clips: it is multiplied by `batch.samples` times
    `batch.micro_batches` over this, however many processes share them. 0 takes it as it is."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Not for biases, norms, positions and queries."""
    betas: tuple[float, float] = (0.9, 0.999)
    """For `adam` and `adamw`."""
    eps: float = Field(default=1e-8, gt=0)
    """For `adam` and `adamw`."""
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """For `sgd`."""
    clip_norm: float = Field(default=1.0, ge=0)
    """Longest gradient; 0 for no limit."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Factor on the learning rate for every layer down from the head."""
    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the training in which the learning rate rises from 0."""
    schedule: Literal["cosine", "constant", "linear", "plateau"] = "cosine"
    """How it falls afterwards; `plateau` by the selection metric."""
    min_lr: float = Field(default=0.01, ge=0, le=1)
    """Where it ends, as a share of `lr`."""
    plateau_patience: int = Field(default=5, ge=1)
    """For `plateau`: evaluations without progress before the rate falls."""
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    """For `plateau`: the rate falls to this share."""

    def for_steps(self, clips: int) -> OptimizerConfig:
        """The same with the peak rate for steps of so many clips, see `base_batch`."""
        if not self.base_batch:
            return self
        return self.model_copy(update={"lr": self.lr * clips / self.base_batch})


class CheckpointConfig(Settings):
    """What is kept."""

    every_steps: int = Field(default=0, ge=0)
    """Save within an epoch too, every so many steps; 0 for the ends of epochs alone."""
    every_epochs: int = Field(default=1, ge=1)
    """Save at the end of every so many epochs."""
    keep: int = Field(default=2, ge=1)
    """The last so many are kept, and the best one."""


class SelectConfig(Settings):
    """How the best checkpoint is chosen, on the split `data.select`."""

    metric: Metric | None = None
    """Name of a metric of the task; default the task's own choice."""
    mode: Literal["max", "min"] | None = None
    """Which way is better; default the task's own choice."""
    every_epochs: int = Field(default=1, ge=1)
    """Evaluate at the end of every so many epochs."""
    patience: int = Field(default=0, ge=0)
    """Stop after so many evaluations without progress; 0 for never."""


class InitConfig(Settings):
    """Weights to start from."""

    run: str | None = None
    """A run folder, or a checkpoint in it: its best weights are taken."""
    published: str | None = None
    """A published state dict (.safetensors or .pth) that the model's key map knows."""
    licence: str = ""
    """Of these weights, for the model card."""
    part: str = ""
    """Only parameters whose name begins with this, such as `encoder.`."""

    @model_validator(mode="after")
    def _one(self) -> InitConfig:
        if self.run is not None and self.published is not None:
            raise ValueError("`run` and `published` exclude each other")
        return self


class TrainConfig(Settings):
    """One training."""

    schema_: Literal["sign-etl/training/1"] = Field(default="sign-etl/training/1", alias="schema")
    """Version of this format."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """Name of the run."""
    description: str = ""
    """One line for lists."""
    build: str = ""
    """How a build that fits is made, for people."""
    published: str = ""
    """Figures that others have published for it, with what they count; for people."""
    task: Plugin
    """What is learned, see `sign-etl train list`."""
    model: Plugin
    """What it is learned with."""
    data: DataConfig
    batch: BatchConfig = BatchConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    select: SelectConfig = SelectConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    init: InitConfig = InitConfig()
    epochs: int = Field(default=50, ge=0)
    """Passes over the training data; 0 keeps the weights as they begin, and judges them."""
    seed: int = Field(default=0, ge=0)
    """Of weights, order, augmentation and dropout."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Of the forward pass; weights stay in fp32."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """With several processes: copies of the model, or its parts."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the moving average of the weights that is evaluated; 0 for none."""
    compile: bool = False
    """Pass the model through `torch.compile`."""
    log_steps: int = Field(default=10, ge=1)
    """Steps between two lines of `metrics.jsonl`."""
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow", "clearml"], ...] = ("tensorboard",)
    """Where curves go besides `metrics.jsonl` and `curves.png`."""

    def identity(self) -> dict[str, Any]:
        """What makes a run another one: all settings but those for people."""
        return self.model_dump(exclude=set(FOR_PEOPLE))

    @model_validator(mode="after")
    def _fit(self) -> TrainConfig:
        if self.parallel == "fsdp":
            for name in ("ema", "compile"):
                if getattr(self, name):
                    raise ValueError(f"`{name}` does not go with `parallel: fsdp`")
        return self


def parse_training(document: Document) -> TrainConfig:
    """The training that a document describes; options of plug-ins are not checked here.

    Raises:
        DocumentError: all that is wrong, with file, line and column.
    """
    try:
        return TrainConfig.model_validate(listed(document.values), strict=True)
    except ValidationError as error:
        found = explain(error, document, model=TrainConfig, hint=TRAINING_HINT)
        raise DocumentError(map(for_training, found), document.origin) from error


def for_training(problem: Problem) -> Problem:
    """A problem with a hint at training recipes instead of pipelines."""
    if problem.hint is None:
        return problem
    hint = problem.hint.replace(f" S{SETTINGS_HINT[1:]}", f" T{TRAINING_HINT[1:]}")
    return Problem(problem.message, hint)


def listed(value: Any) -> Any:
    """`value` with plain dictionaries and tuples only, as strict models want them."""
    if isinstance(value, dict):
        return {key: listed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return tuple(listed(inner) for inner in value)
    return value
