"""What `embed`, `similarity`, `knn` and `export-model` print with `--json`."""

from __future__ import annotations

from typing import Literal

from sign_etl.schema.exported import ExportedModel
from sign_etl.schema.replies import Part, Reply


class Embed(Reply):
    """`embed`."""

    command = "embed"
    file: str
    clips: int
    """Rows of the table."""
    damaged: int
    """Clips that could not be read, so they have no row."""
    size: int
    """Numbers of a vector."""
    output: Literal["embedding", "features"]
    model: str
    """sha256 of the weights."""


class ClosePair(Part):
    """Two classes that are similar."""

    label: str
    similar_to: str
    similarity: float


class Similarity(Reply):
    """`similarity`."""

    command = "similarity"
    folder: str
    variant: Literal["rnd_smpl", "mean_embeds"]
    alpha: float
    beta: float
    seed: int
    classes: int
    without_clips: tuple[str, ...]
    """Classes without a clip: they keep their hard target."""
    row_sums: tuple[float, float]
    """Least and greatest sum of a row of the soft targets."""
    closest: tuple[ClosePair, ...]
    """Highest first."""


class Knn(Reply):
    """`knn`."""

    command = "knn"
    queries: int
    """Clips whose class the gallery has; the metrics are over these."""
    unknown: int
    """Clips whose class the gallery has not."""
    gallery: int
    """Vectors that were searched."""
    classes: int
    """Classes of the gallery."""
    names: Literal["label", "normal_label"]
    """`normal_label` where queries and gallery are of different builds."""
    metrics: dict[str, float]
    """Shares of the queries: `knnK`, `topK`, `topK_classes`, `centroidK`."""


class ExportModel(Reply):
    """`export-model`."""

    command = "export-model"
    files: tuple[str, ...]
    """What was written."""
    runtime: bool | None
    """For the web: whether the runtime's files are beside the page."""
    model: ExportedModel
