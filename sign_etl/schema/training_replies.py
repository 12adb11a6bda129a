"""What `train list` and `evaluate` print with `--json`."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply


class RecipePart(Part):
    """A bundled training recipe."""

    name: str
    """As `sign-etl train` takes it."""
    task: str
    model: str
    description: str
    build: str
    """The command that makes a build for it."""


class Train(Reply):
    """`train`: with `list` the recipes, with a recipe the run."""

    command = "train"
    recipes: tuple[RecipePart, ...] = ()
    run: str | None = None
    """The run folder, with model card, curves and checkpoints."""


class Evaluate(Reply):
    """`evaluate`."""

    command = "evaluate"
    run: str
    split: str
    clips: int
    checkpoint: str
    metrics: dict[str, float]
    folder: str
    """Where pictures and tables are."""


class Score(Reply):
    """`evaluate --predictions`."""

    command = "evaluate-predictions"
    file: str
    texts: int
    unit: str
    """What counts: `word` or `character`."""
    metrics: dict[str, float]
    signature: str
    """Of sacrebleu: how BLEU was computed."""
