"""`schemas/` is what the code says; `make schemas` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sign_etl.core.content import content_dir
from sign_etl.schema.publish import RECORDS, REPLIES, documents, file_name, publish, render
from sign_etl.schema.replies import Reply


def published() -> dict[str, dict[str, Any]]:
    return {
        path.name: json.loads(path.read_text("utf-8"))
        for path in content_dir("schemas").glob("*.json")
    }


def test_no_drift() -> None:
    for name, document in documents().items():
        path = content_dir("schemas") / name
        assert path.is_file(), f"{name} is not published: make schemas"
        assert path.read_text("utf-8") == render(document), f"{name} has drifted: make schemas"


def test_nothing_else_is_published() -> None:
    newest = set(documents())
    for name in set(published()) - newest:  # an older version of a format may stay
        stem, _, version = name.removesuffix(".json").rpartition("-")
        assert any(
            other.startswith(f"{stem}-")
            and int(other.removesuffix(".json").rpartition("-")[2]) > int(version)
            for other in newest
        ), f"{name} belongs to no format"


def test_publish_writes_all(tmp_path: Path) -> None:
    paths = publish(tmp_path)
    assert {path.name for path in paths} == set(documents())
    assert paths == sorted(paths)


def test_all_are_valid_json_schemas_with_a_title_and_an_address() -> None:
    for name, document in published().items():
        assert document["title"], name
        stem, _, version = name.removesuffix(".json").rpartition("-")
        assert document["$id"].startswith("urn:sign-etl:"), name
        assert document["$id"].endswith(f":{version}"), name
        assert stem
        if "$schema" in document:
            jsonschema.Draft202012Validator.check_schema(document)


def test_every_reply_model_is_published() -> None:
    def below(kind: type[Reply]) -> set[type[Reply]]:
        return {kind for sub in kind.__subclasses__() for kind in {sub, *below(sub)}}

    assert set(REPLIES) == {kind for kind in below(Reply) if "command" in vars(kind)}
    assert len({reply.command for reply in REPLIES}) == len(REPLIES)


def test_every_record_with_a_schema_name_is_published() -> None:
    from sign_etl.schema import exported, records

    names = set()
    for kind in (*vars(records).values(), *vars(exported).values()):
        field = getattr(kind, "model_fields", {}).get("schema_")
        if field is not None:
            names.add(field.annotation.__args__[0])
    assert names == set(RECORDS)


def test_bundled_pipelines_fit_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(published()["pipeline-1.json"])
    paths = sorted(content_dir("pipelines").glob("*.yaml"))
    assert paths
    for path in paths:
        validator.validate(yaml.safe_load(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("pipeline", "valid"),
    [
        ({"name": "a", "dataset": {"recipe": "b", "own": 1}, "pose": ["x"]}, True),
        ({"name": "a", "dataset": {"recipe": "b"}, "pose": {"x": {"face": True}}}, True),
        ({"name": "a", "dataset": {"recipe": "b"}, "normalise": {"fsp": 1}}, False),
        ({"name": "a"}, False),
    ],
)
def test_the_pipeline_schema_says_what_the_code_does(pipeline: Any, valid: bool) -> None:
    validator = jsonschema.Draft202012Validator(published()["pipeline-1.json"])
    assert validator.is_valid(pipeline) is valid


def test_file_names() -> None:
    assert file_name("sign-etl/cli/doctor/1") == "cli-doctor-1.json"
    assert file_name("sign-etl/pipeline/1") == "pipeline-1.json"
