"""Writes `schemas/`: the formats of all that sign-etl reads and writes, generated from the code.

    python -m sign_etl.schema.publish [FOLDER]

JSON documents become JSON Schema (draft 2020-12), Parquet tables a list of columns, keypoint
layouts their own tables. A format's version stands in its name and its file's name: an
incompatible change gets a new number, and the file of the old one stays.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from sign_etl.core.content import content_dir
from sign_etl.core.files import write_bytes
from sign_etl.schema import (
    bench_reply,
    build_replies,
    export_replies,
    exported,
    feature_replies,
    index_reply,
    lineage_replies,
    live_reply,
    records,
    replies,
    report_reply,
    training_replies,
    vector_replies,
)
from sign_etl.schema.conversions import direct
from sign_etl.schema.layouts import LAYOUTS
from sign_etl.schema.pipeline import Pipeline
from sign_etl.schema.replies import Reply
from sign_etl.schema.tables import INDEX, LEDGER

DIALECT = "https://json-schema.org/draft/2020-12/schema"

RECORDS: Mapping[str, Any] = {
    "sign-etl/sample/1": records.SampleRecord,
    "sign-etl/manifest/1": records.ManifestRecord,
    "sign-etl/labels/1": records.LabelsRecord,
    "sign-etl/lock/1": records.LockHead | records.LockLine,
    "sign-etl/model/1": exported.ExportedModel,
}
"""JSON records by format name: those of a build, of which the lock holds one a line, the head
first, and what an exported model says about itself."""

REPLIES: tuple[type[Reply], ...] = (
    build_replies.Demo,
    index_reply.Index,
    build_replies.Ingest,
    build_replies.ClusterRender,
    export_replies.Export,
    export_replies.ExportFormats,
    feature_replies.FeaturesInfo,
    feature_replies.FeaturesList,
    build_replies.Plan,
    build_replies.Push,
    report_reply.Report,
    build_replies.Show,
    build_replies.Status,
    lineage_replies.Verify,
    lineage_replies.LockCheck,
    lineage_replies.LockDiff,
    lineage_replies.LockMerge,
    lineage_replies.Retry,
    lineage_replies.Revoke,
    lineage_replies.WhyClip,
    lineage_replies.WhySource,
    replies.DatasetsInfo,
    replies.DatasetsList,
    replies.DatasetsNew,
    replies.Doctor,
    replies.Failure,
    replies.Help,
    vector_replies.Embed,
    training_replies.Evaluate,
    training_replies.Score,
    vector_replies.ExportModel,
    vector_replies.Knn,
    live_reply.Live,
    vector_replies.Similarity,
    training_replies.Train,
    replies.PipelinesCopy,
    replies.PipelinesList,
    replies.PipelinesShow,
    replies.PipelinesValidate,
    bench_reply.PoseBench,
    replies.PoseFetch,
    replies.PoseInfo,
    replies.PoseList,
    replies.SchemasList,
    replies.SchemasValidate,
)
"""What commands print with `--json`."""

TABLES: Mapping[str, pa.Schema] = {
    schema.metadata[b"schema"].decode(): schema for schema in (INDEX, LEDGER)
}
"""Parquet tables of a build by format name."""

_TITLES = {
    "sign-etl/pipeline/1": "The choices of one build (`pipelines/*.yaml`)",
    "sign-etl/sample/1": "`<key>.json` in a shard",
    "sign-etl/manifest/1": "`manifest.json` of a build",
    "sign-etl/labels/1": "`labels.json` of a build",
    "sign-etl/lock/1": "`build.lock`: JSON lines, a head and one line a clip",
    "sign-etl/model/1": "What an exported model says about itself, in its metadata or beside it",
    "sign-etl/index/1": "`index.parquet`: one row per written sample",
    "sign-etl/ledger/1": "`ledger.parquet`: one row per requested clip",
    "sign-etl/layouts/1": "Keypoint layouts: names, bones, parts, mirror pairs",
    "sign-etl/cli/error/1": "What any command prints with `--json` that ends without its reply",
    "sign-etl/conversions/1": "Keypoint conversions: which point comes from where",
}


def documents() -> dict[str, dict[str, Any]]:
    """All published schemas by file name."""
    formats = {
        "sign-etl/pipeline/1": _pipeline(),
        **{name: _record(name, model) for name, model in RECORDS.items()},
        **{name: _columns(table) for name, table in TABLES.items()},
        "sign-etl/layouts/1": _layouts(),
        "sign-etl/conversions/1": _conversions(),
        **{reply_format(reply.command): _envelope(reply) for reply in REPLIES},
    }
    return {file_name(name): {"$id": _urn(name), **document} for name, document in formats.items()}


def publish(folder: Path) -> list[Path]:
    """Write all schemas into `folder`, each file anew.

    Returns:
        The files, sorted.
    """
    paths = []
    for name, document in documents().items():
        write_bytes(folder / name, render(document).encode("utf-8"))
        paths.append(folder / name)
    return sorted(paths)


def render(document: Mapping[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def file_name(name: str) -> str:
    """The file of a format: `sign-etl/cli/doctor/1` stands in `cli-doctor-1.json`."""
    return name.removeprefix("sign-etl/").replace("/", "-") + ".json"


def reply_format(command: str) -> str:
    """The format of what a command prints with `--json`."""
    return f"sign-etl/cli/{command}/1"


def _urn(name: str) -> str:
    return "urn:" + name.replace("/", ":")


class _Plain(GenerateJsonSchema):
    """Without the titles that only repeat a property's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _pipeline() -> dict[str, Any]:
    schema = Pipeline.model_json_schema(mode="validation", schema_generator=_Plain)
    for kind in ("pose", "features"):
        backends = schema["properties"][kind]
        names = {"type": "array", "items": {"type": "string"}}
        inner = ("additionalProperties", "propertyNames", "patternProperties", "type")
        mapping = {key: backends.pop(key) for key in inner if key in backends}
        backends["anyOf"] = [mapping, names]  # a plain list of names is read as `name: {}`
    return {"$schema": DIALECT, **schema, "title": _TITLES["sign-etl/pipeline/1"]}


def _record(name: str, model: Any) -> dict[str, Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(model)
    schema = adapter.json_schema(mode="serialization", schema_generator=_Plain)
    return {"$schema": DIALECT, **schema, "title": _TITLES[name]}


def _envelope(reply: type[Reply]) -> dict[str, Any]:
    data = reply.model_json_schema(mode="serialization", schema_generator=_Plain)
    definitions = data.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "title": _TITLES.get(reply_format(reply.command))
        or f"What `sign-etl {reply.command.replace('-', ' ')} --json` prints",
        "type": "object",
        "properties": {"schema": {"const": reply_format(reply.command)}, "data": data},
        "required": ["schema", "data"],
        "additionalProperties": False,
        **({"$defs": definitions} if definitions else {}),
    }


def _columns(table: pa.Schema) -> dict[str, Any]:
    return {
        "title": _TITLES[table.metadata[b"schema"].decode()],
        "format": "parquet",
        "metadata": {"schema": table.metadata[b"schema"].decode()},
        "columns": [
            {"name": field.name, "type": str(field.type), "nullable": field.nullable}
            for field in table
        ],
    }


def _layouts() -> dict[str, Any]:
    return {
        "title": _TITLES["sign-etl/layouts/1"],
        "format": "keypoint layouts",
        "layouts": {
            layout.name: {
                "points": list(layout.points),
                "channels": ["x", "y", *(["z"] if layout.has_z else []), "score"],
                "edges": [list(edge) for edge in layout.edges],
                "parts": {part: list(numbers) for part, numbers in layout.parts.items()},
                "pairs": [list(pair) for pair in layout.pairs],
            }
            for layout in LAYOUTS.values()
        },
    }


def _conversions() -> dict[str, Any]:
    return {
        "title": _TITLES["sign-etl/conversions/1"],
        "format": "keypoint conversions",
        "conversions": [
            {
                "source": table.source.name,
                "target": table.target.name,
                # For each point of the target: a point of the source, two for their mean, or none.
                "origins": [list(numbers) for numbers in table.origins],
                "missing": list(table.missing),
            }
            for table in direct()
        ],
    }


if __name__ == "__main__":
    publish(Path(sys.argv[1]) if len(sys.argv) > 1 else content_dir("schemas"))
