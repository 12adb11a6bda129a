"""The published file formats: listed, shown, and held against files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from sign_etl.core.content import content_dir
from sign_etl.core.errors import UsageError, near_miss
from sign_etl.schema.config import explain
from sign_etl.schema.document import Document, Problem
from sign_etl.schema.publish import RECORDS, TABLES, file_name
from sign_etl.schema.replies import CheckedPart, ProblemPart, SchemaPart, SchemasList

MAX_PROBLEMS = 20
"""So many problems of one file are told."""
_ANEW = "take a copy of it; files of a build are written anew by the same `sign-etl ingest`"


def schemas() -> SchemasList:
    """The published schemas.

    Example:
        >>> "sample" in [part.name for part in schemas().schemas]
        True
    """
    parts = []
    for path in _files():
        name, _, version = path.stem.rpartition("-")
        title = json.loads(path.read_text("utf-8"))["title"]
        parts.append(SchemaPart(name=name, version=int(version), file=path.name, title=title))
    return SchemasList(schemas=tuple(parts))


def schema_text(name: str) -> str:
    """The text of a published schema.

    Args:
        name: `pipeline` for the newest, or `pipeline-1`.

    Raises:
        UsageError: there is none of this name.

    Example:
        >>> schema_text("manifest").startswith("{")
        True
    """
    parts = schemas().schemas
    matching = [part for part in parts if name in (part.name, f"{part.name}-{part.version}")]
    if not matching:
        known = [part.name for part in parts]
        raise UsageError(
            f"no schema is called `{name}`",
            hint=near_miss(name, known) or "list them with `sign-etl schemas list`",
        )
    newest = max(matching, key=lambda part: part.version)
    return (content_dir("schemas") / newest.file).read_text("utf-8")


def check_file(path: Path) -> CheckedPart:
    """Hold a file against the schema that it names: pipelines, JSON records and tables of builds.

    Args:
        path: a pipeline, or a record or table of a build.

    Raises:
        UsageError: it cannot be read.

    Example:
        >>> check_file(Path("demo-build/manifest.json")).valid
        True
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file", hint="give a file of a build, or a pipeline")
    if path.suffix in (".yaml", ".yml"):
        from sign_etl.app.pipelines import check

        return check(str(path))
    if path.suffix == ".parquet":
        return _check_table(path)
    return _check_records(path)


def _check_table(path: Path) -> CheckedPart:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError):
        return _checked(path, None, [Problem(f"{path}: no readable Parquet file", _ANEW)])
    name = (schema.metadata or {}).get(b"schema", b"").decode("utf-8", "replace")
    expected = TABLES.get(name)
    if expected is None:
        return _checked(path, name or None, [_unknown(path, name, list(TABLES))])
    if schema.equals(expected, check_metadata=False):
        return _checked(path, name, [])
    differing = [
        field.name
        for field in expected
        if field.name not in schema.names or not schema.field(field.name).equals(field)
    ] + [column for column in schema.names if column not in expected.names]
    words = f"columns differ: {', '.join(differing) or 'their order'}"
    return _checked(path, name, [Problem(f"{path}: {words}", _ANEW)])


def _check_records(path: Path) -> CheckedPart:
    values = list(_values(path))
    if any(isinstance(value, Problem) for _, value in values):
        return _checked(path, None, [value for _, value in values if isinstance(value, Problem)])
    head = values[0][1] if values else None
    name = head.get("schema") if isinstance(head, dict) else None
    if not isinstance(name, str) or name not in RECORDS:
        return _checked(path, None, [_unknown(path, name, list(RECORDS))])
    problems: list[Problem] = []
    hint = f"see `sign-etl schemas show {file_name(name).removesuffix('.json')}`"
    for place, value in values:
        try:
            TypeAdapter(_model(RECORDS[name], value)).validate_python(value)
        except ValidationError as error:
            problems += explain(error, Document({}, place), model=None, hint=hint)
    return _checked(path, name, problems)


def _model(record: Any, value: Any) -> Any:
    """The one model of a record of several kinds (the lock's head and lines) that `value` is."""
    kinds = get_args(record) or (record,)
    is_head = isinstance(value, dict) and "schema" in value
    return next((kind for kind in kinds if ("schema_" in kind.model_fields) == is_head), kinds[0])


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file with their places: one, or one a line."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        yield str(path), Problem(f"{path}: not UTF-8 text", _ANEW)
        return
    try:
        yield str(path), json.loads(text)
        return
    except ValueError:
        pass  # JSON lines, or no JSON
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield f"{path}:{number}", json.loads(line)
        except ValueError:
            yield f"{path}:{number}", Problem(f"{path}:{number}: no readable JSON", _ANEW)
            return


def _unknown(path: Path, name: str | None, known: list[str]) -> Problem:
    called = f"`{name}` is no format that we know" if name else "names no format in `schema`"
    return Problem(f"{path}: {called}", f"known are {', '.join(known)}")


def _checked(path: Path, name: str | None, problems: list[Problem]) -> CheckedPart:
    shown = problems[:MAX_PROBLEMS]
    if len(problems) > MAX_PROBLEMS:
        more = f"{path}: {len(problems) - MAX_PROBLEMS} more problems"
        shown.append(Problem(more, "mend these and validate again"))
    return CheckedPart(
        file=str(path),
        valid=not problems,
        format=name,
        problems=tuple(ProblemPart(message=one.message, hint=one.hint) for one in shown),
    )


def _files() -> list[Path]:
    return sorted(content_dir("schemas").glob("*-[0-9]*.json"))
