"""What `train list` and `evaluate` print with `--json`."""

from __future__ import annotations

from pydantic import Field

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
    view: str
    """What it reads of the build: `pose`, `clip`, `crop` or `feat`."""
    keypoints: str = ""
    """Pose backend, keypoint layout or features that the build must have or be able to become;
    empty where any will do."""
    weights: tuple[str, ...] = ()
    """Published weights that it begins with; a local folder may stand in for each."""
    extra: str = "train"
    """The extra of sign-etl that it needs."""
    published: str = ""
    """Figures that others have published for it, in their own setting."""
    stages: tuple[str, ...] = ()
    """Of a chain: its recipes, in their order."""
    before: str = ""
    """The run that it begins with, where it is looked for unless `--set init.run=RUN` says more;
    empty where it begins with none."""


class Train(Reply):
    """`train`: with `list` the recipes, with a recipe the run."""

    command = "train"
    recipes: tuple[RecipePart, ...] = ()
    run: str | None = None
    """The run folder, with model card, curves and checkpoints."""


class Spread(Part):
    """A metric over several seeds of one recipe."""

    mean: float
    deviation: float
    """Of a sample, over n - 1."""
    least: float
    greatest: float


class Evaluate(Reply):
    """`evaluate`."""

    command = "evaluate"
    run: str
    split: str
    clips: int
    damaged: int = 0
    """Further clips of the split, which could not be read."""
    checkpoint: str
    metrics: dict[str, float]
    folder: str
    """Where pictures and tables are."""
    signature: str = ""
    """Of sacrebleu, which says how BLEU was computed; empty where no texts were scored."""
    spread: dict[str, Spread] = Field(default_factory=dict)
    """With `--beside`: the metrics over all these runs."""
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """95 % intervals of those metrics for which one is known: clips as drawn one by one."""
    units: dict[str, str] = Field(default_factory=dict)
    """Of the metrics: `share` of 0 to 1, `points` of 0 to 100, `%` or another."""


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
