"""What an exported model says about itself: in the metadata of an ONNX file, beside TorchScript.

In ONNX each field is one entry of `metadata_props`, named `sign_etl.FIELD`; texts stand as they
are, everything else as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import ConfigError
from sign_etl.schema.records import Record

PREFIX = "sign_etl."

Input = Literal["clip", "batch", "keypoints", "views"]
"""What goes in: the normalised points of one clip, or normalised pictures of any number of them;
points of several clips and a mask; the keypoints of a pose backend and the size of the picture,
with the preprocessing in the graph; pictures of several views of a video, in six dimensions."""


class TensorRecord(Record):
    """An input or output."""

    name: str
    type: str
    """float32 or bool."""
    shape: tuple[int | str, ...]
    """A word for a length that is free."""


class SourceRecord(Record):
    """Data that the model has learned from."""

    name: str
    dataset: str
    digest: str
    licence: str
    language: str


class ParityRecord(Record):
    """How the exported file agrees with torch, on random clips."""

    frames: tuple[int, ...]
    """Lengths that were compared; of pictures, numbers of clips."""
    max_abs: float
    """Greatest difference of two outputs."""


class ExportedModel(Record):
    """A model outside of its run."""

    schema_: Literal["sign-etl/model/1"] = Field(default="sign-etl/model/1", alias="schema")
    name: str
    description: str
    format: Literal["onnx", "torchscript"]
    opset: int | None
    """Of ONNX."""
    task: str
    model: str
    gives: Literal["embedding", "scores", "probabilities", "other"]
    """`scores`: before softmax, one for each label; `probabilities`: after it."""
    input: Input
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    layout: str
    """Keypoint layout of what goes in."""
    points: tuple[str, ...]
    """Names of its points."""
    channels: tuple[str, ...]
    """What stands in the last axis."""
    labels: tuple[str, ...]
    """Classes of the training, in the order of the scores."""
    preprocessing: dict[str, Any]
    """The view of the recipe: what happens to keypoints or pictures before the model sees them."""
    preprocessing_in_graph: bool
    """Whether the file does it; otherwise who runs it must."""
    missing: str
    """How a point that was not estimated is told."""
    sources: tuple[SourceRecord, ...]
    licences: tuple[str, ...]
    """Of these data; the model carries their terms."""
    weights: str
    """sha256 of the run's weights."""
    checkpoint: str
    sign_etl: str
    torch: str
    parity: ParityRecord


def to_metadata(record: ExportedModel) -> dict[str, str]:
    """The entries of an ONNX file."""
    values = record.model_dump(mode="json", by_alias=True)
    return {
        PREFIX + name: value if isinstance(value, str) else canonical_json(value)
        for name, value in values.items()
    }


def from_metadata(entries: Mapping[str, str]) -> ExportedModel:
    """The record of an ONNX file.

    Raises:
        ConfigError: sign-etl has not written it.
    """
    texts = {name for name, field in ExportedModel.model_fields.items() if field.annotation is str}
    texts |= {"schema", "format", "gives", "input"}
    try:
        values = {
            name.removeprefix(PREFIX): value
            if name.removeprefix(PREFIX) in texts
            else json.loads(value)
            for name, value in entries.items()
            if name.startswith(PREFIX)
        }
        return ExportedModel.model_validate(values)
    except (ValueError, ValidationError):
        hint = "make one with `sign-etl export-model`"
        raise ConfigError("the file is no model of sign-etl", hint=hint) from None
