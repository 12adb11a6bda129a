"""What of a pipeline decides about bytes, and what does not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sign_etl.core.canonical import digest
from sign_etl.schema.config import load_pipeline
from sign_etl.schema.pipeline import Pipeline

TEXT = "name: mine\ndataset: {recipe: folder}\n"


def identity(*settings: str) -> str:
    return digest(load_pipeline(TEXT, settings).identity())


@pytest.mark.parametrize(
    "setting",
    [
        "description=other words",
        "pools.pose.workers=7",
        "pools.fetch.cpus=2",
        "policy.max_failed=0.5",
        "fetch.attempts=9",
        "fetch.allow_private_hosts=true",
        "normalise.timeout_s=5",
        "normalise.memory_mb=4096",
        "dataset.media=/somewhere/else",
        "dataset.annotations=/somewhere/else.csv",
    ],
)
def test_speed_politeness_and_places_change_no_bytes(setting: str) -> None:
    assert identity(setting) == identity()


@pytest.mark.parametrize(
    "setting",
    [
        "seed=1",
        "name=other",
        "dataset.language=svk",
        "select.limit=3",
        "select.splits=[train]",
        "split.by=hash",
        "fetch.max_bytes=1000",
        "normalise.fps=30",
        "normalise.fps=null",
        "normalise.crf=23",
        "normalise.tune=none",
        "pose={}",
        "pose.blazepose.face=true",
        "quality.min_body=0.5",
        "pack.dtype=float32",
    ],
)
def test_choices_change_the_identity(setting: str) -> None:
    assert identity(setting) != identity()


def test_frozen_and_closed() -> None:
    pipeline = load_pipeline(TEXT)
    with pytest.raises(ValidationError):
        pipeline.seed = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Pipeline.model_validate({"name": "a", "dataset": {"recipe": "b"}, "unknown": 1})


def test_its_json_form_is_a_pipeline_again() -> None:
    pipeline = load_pipeline(TEXT, ["pose.blazepose.face=true", "select.splits=[a]"])
    assert Pipeline.model_validate(pipeline.model_dump(mode="json", by_alias=True)) == pipeline


def test_every_setting_is_explained() -> None:
    from pydantic import BaseModel

    def check(model: type[BaseModel]) -> None:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                check(field.annotation)

    check(Pipeline)


def test_how_a_backend_uses_the_machine_decides_about_no_byte() -> None:
    def identity(**options: object) -> dict[str, object]:
        chosen = Pipeline.model_validate(
            {"name": "p", "dataset": {"recipe": "folder"}, "pose": {"rtmpose": options}}
        )
        return chosen.identity()

    mine = identity(threads=4, batch=16, mode="balanced", pose="/home/me/models/net.onnx")
    yours = identity(mode="balanced", pose="/data/net.onnx")
    assert mine == yours
    assert mine["pose"] == {"rtmpose": {"mode": "balanced", "pose": "net.onnx"}}
    assert identity(mode="lightweight") != identity(mode="balanced")
