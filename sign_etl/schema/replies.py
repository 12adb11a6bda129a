"""What commands print with `--json`: one model each, published as `schemas/cli-*-1.json`.

Those about builds are in `sign_etl.schema.build_replies`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of all parts of replies: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Reply(Part):
    """Base of replies; `command` is their part of the schema's name."""

    command: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """As it stands under `data`."""
        return self.model_dump(mode="json", by_alias=True)


class OptionPart(Part):
    """An option of a recipe or of a pose backend."""

    name: str
    type: str
    """In words, or its choices."""
    default: Any
    help: str
    required: bool = False
    """True where it has no default and must be given."""


class DatasetPart(Part):
    """A data set in the list."""

    name: str
    title: str
    language: str
    """ISO 639-3 code of the sign language."""
    task: str
    licence: str
    access: str
    """How its media are had."""
    clips: int | None
    signers: int | None
    download_bytes: int | None
    layout_evidence: str
    """How its layout is known: a real file, documents, or memory (experimental)."""


class DatasetsList(Reply):
    """`datasets list`."""

    command = "datasets-list"
    datasets: tuple[DatasetPart, ...]


class DatasetsInfo(Reply):
    """`datasets info`."""

    command = "datasets-info"
    dataset: DatasetPart
    version: str
    homepage: str
    citation: str
    notes: tuple[str, ...]
    terms: str
    """What must be accepted before the first download; empty where there is nothing of the kind."""
    how_to: str
    """What a person must do to have its media; empty where nothing."""
    options: tuple[OptionPart, ...]
    """What may stand under `dataset:` in a pipeline."""
    pipelines: tuple[str, ...]
    """Bundled pipelines for it."""


class DatasetsNew(Reply):
    """`datasets new`."""

    command = "datasets-new"
    name: str
    written: tuple[str, ...]
    """New files, relative to the checkout."""
    changed: tuple[str, ...]
    """Files that got a line more."""


class PipelinePart(Part):
    """A bundled pipeline in the list."""

    name: str
    dataset: str
    """Name of the recipe."""
    poses: tuple[str, ...]
    description: str


class PipelinesList(Reply):
    """`pipelines list`."""

    command = "pipelines-list"
    pipelines: tuple[PipelinePart, ...]


class PipelinesShow(Reply):
    """`pipelines show`: all settings, the defaults too."""

    command = "pipelines-show"
    origin: str
    pipeline: dict[str, Any]
    """As `schemas/pipeline-1.json` describes it."""


class PipelinesCopy(Reply):
    """`pipelines copy`."""

    command = "pipelines-copy"
    path: str


class ProblemPart(Part):
    """One thing that is wrong."""

    message: str
    hint: str | None


class Failure(Reply):
    """Any command that ends without a reply of its own."""

    command = "error"
    exit_code: int
    """That of the process: 2 usage, setting or a bug; 3 a person is needed; 75 and 130 stopped."""
    problems: tuple[ProblemPart, ...]
    """As told on stderr; empty where a program that the command ran told them there itself."""


class CheckedPart(Part):
    """A file that was checked."""

    file: str
    valid: bool
    format: str | None
    """Name of the schema that it was held against."""
    problems: tuple[ProblemPart, ...]


class PipelinesValidate(Reply):
    """`pipelines validate`."""

    command = "pipelines-validate"
    files: tuple[CheckedPart, ...]


class WeightsPart(Part):
    """A model file of a pose backend."""

    name: str
    sha256: str | None
    """None where the first fetch will settle it."""
    size_bytes: int | None
    licence: str
    origin: str
    """Official address."""
    state: Literal["present", "missing", "damaged"]


class BackendPart(Part):
    """A pose backend in the list."""

    name: str
    title: str
    layout: str
    extra: str | None
    """The optional dependency set that it needs."""
    installed: bool
    """Whether that is installed."""
    weights: Literal["none", "present", "missing", "damaged"]


class PoseList(Reply):
    """`pose list`."""

    command = "pose-list"
    backends: tuple[BackendPart, ...]


class PoseInfo(Reply):
    """`pose info`."""

    command = "pose-info"
    backend: BackendPart
    version: str
    points: tuple[str, ...]
    """Names of the K points, in order."""
    channels: int
    weights: tuple[WeightsPart, ...]
    folder: str
    """Where the model files are, or would be."""
    providers: tuple[str, ...]
    """What it could run on here, best first; empty where its libraries are not installed."""
    options: tuple[OptionPart, ...]


class PoseFetch(Reply):
    """`pose fetch`."""

    command = "pose-fetch"
    backend: str
    folder: str
    weights: tuple[WeightsPart, ...]


class SchemaPart(Part):
    """A published schema in the list."""

    name: str
    version: int
    file: str
    title: str


class SchemasList(Reply):
    """`schemas list`."""

    command = "schemas-list"
    schemas: tuple[SchemaPart, ...]


class SchemasValidate(Reply):
    """`schemas validate`."""

    command = "schemas-validate"
    files: tuple[CheckedPart, ...]


class CheckPart(Part):
    """One thing that `doctor` looked at."""

    group: str
    name: str
    state: Literal["ok", "absent", "bad"]
    """`absent` is optional here; `bad` must be mended before sign-etl works as asked."""
    detail: str
    hint: str | None = None


class Doctor(Reply):
    """`doctor`."""

    command = "doctor"
    healthy: bool
    checks: tuple[CheckPart, ...]


class TopicPart(Part):
    """A page."""

    name: str
    title: str
    text: str | None
    """Markdown; null in the list."""


class Help(Reply):
    """`help`: one page, or the list of them."""

    command = "help"
    topics: tuple[TopicPart, ...]
