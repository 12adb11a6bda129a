"""From a YAML file to a checked `Pipeline`: every problem at once, each with its place and a hint.

Types are strict: `fps: true` is no frame rate and `"25"` is no number, though pydantic would take
both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sign_etl.core.errors import ConfigError, near_miss
from sign_etl.schema.document import (
    Document,
    DocumentError,
    Problem,
    read_document,
    with_settings,
)
from sign_etl.schema.pipeline import Pipeline

SETTINGS_HINT = "see `sign-etl schemas show pipeline`"


def load_pipeline(
    source: Path | str, overrides: Iterable[str] = (), *, origin: str | None = None
) -> Pipeline:
    """Read and check a pipeline.

    Options of recipe and pose backends are not checked here: their owners do, see
    `sign_etl.app.pipelines.load`.

    Args:
        source: a YAML file, or the text itself.
        overrides: settings `a.b=value` to lay over it.
        origin: what messages call it, default the file's path.

    Raises:
        ConfigError: all that is wrong, with file, line and column.
    """
    return parse_pipeline(with_settings(read_document(source, origin=origin), overrides))


def parse_pipeline(document: Document) -> Pipeline:
    """The pipeline that a document describes.

    Raises:
        DocumentError: all that is wrong.
    """
    values = dict(document.values)
    for kind in ("pose", "features"):
        if isinstance(values.get(kind), tuple):
            values[kind] = list(values[kind])
    try:
        return Pipeline.model_validate(values, strict=True)
    except ValidationError as error:
        raise DocumentError(explain(error, document, model=Pipeline), document.origin) from error


def checked_options(
    validate: Callable[[Mapping[str, Any]], BaseModel],
    raw: Mapping[str, Any],
    document: Document,
    path: tuple[str, ...],
    *,
    hint: str,
) -> list[Problem]:
    """What is wrong with the options of a plug-in (a recipe, a pose backend).

    Args:
        validate: the plug-in's own check; it raises `ValidationError` or `ConfigError`.
        raw: the options.
        document: where they stand.
        path: under which key.
        hint: what to say where no near miss is known.
    """
    try:
        validate(raw)
    except ValidationError as error:
        model = _model_of(validate, raw, error)
        return explain(error, document, model=model, path=path, hint=hint)
    except ConfigError as error:
        return [Problem(f"{document.place(path)}: {error.message}", error.hint or hint)]
    return []


def explain(
    error: ValidationError,
    document: Document,
    *,
    model: type[BaseModel] | None,
    path: tuple[str, ...] = (),
    hint: str = SETTINGS_HINT,
) -> list[Problem]:
    """The errors of pydantic in plain words, in the order of the document.

    Args:
        error: what pydantic found.
        document: where the values came from.
        model: what was validated, for near misses.
        path: where in the document that model's values stand.
        hint: what to say where no near miss is known.
    """
    problems: dict[tuple[str, ...], tuple[str, Problem]] = {}
    for one in error.errors(include_url=False):
        inside, branch = _without_branch(tuple(str(step) for step in one["loc"]), model)
        where = (*path, *inside)
        words, suggestion = _words(dict(one), ".".join(where), model, inside)
        place = document.place(where[:-1] if one["type"] == "missing" else where)
        key = where if branch else (*where, str(len(problems)))
        if key in problems:  # another branch of a union: say both
            said = problems[key][1].message
            head, separator, tail = said.rpartition(", not ")
            also = words.partition(" must be ")[2].rpartition(", not ")[0]
            words_so_far = f"{head} or {also}{separator}{tail}" if also and separator else said
            problems[key] = (place, Problem(words_so_far, suggestion or hint))
        else:
            problems[key] = (place, Problem(f"{place}: {words}", suggestion or hint))
    ordered = sorted(problems.values(), key=lambda pair: _reading_order(pair[0]))
    return [problem for _, problem in ordered]


def _without_branch(
    inside: tuple[str, ...], model: type[BaseModel] | None
) -> tuple[tuple[str, ...], bool]:
    """The path without what pydantic adds for the branch of a union that it tried."""
    for depth, step in enumerate(inside, start=1):
        if model is None or step not in model.model_fields:
            break
        annotation = model.model_fields[step].annotation
        kinds = (annotation, *get_args(annotation))
        model = next((kind for kind in kinds if _is_model(kind)), None)
        if model is None and get_origin(annotation) in (Union, UnionType):
            return inside[:depth], len(inside) > depth
    return inside, False


def _words(
    error: dict[str, Any], name: str, model: type[BaseModel] | None, inside: tuple[str, ...]
) -> tuple[str, str | None]:
    kind, value, context = error["type"], error.get("input"), error.get("ctx") or {}
    if kind == "extra_forbidden":
        miss = near_miss(inside[-1], _settings_at(model, inside[:-1]))
        return f"`{name}` is not a setting", f"{miss} S{SETTINGS_HINT[1:]}" if miss else None
    if kind == "missing":
        return f"`{name}` is missing", None
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "`")
        known = [choice.strip("'") for choice in str(context["expected"]).split("'")[1::2]]
        miss = near_miss(value, known) if isinstance(value, str) else None
        return f"`{name}` must be {choices}, not {plain(value)}", miss
    if kind == "value_error":
        return f"`{name}`: {str(context['error']).rstrip('.')}", None
    wanted = _WANTED.get(kind)
    if wanted is None:
        return f"`{name}`: {error['msg'][:1].lower()}{error['msg'][1:]}, not {plain(value)}", None
    return f"`{name}` must be {wanted.format(**context)}, not {plain(value)}", None


_WANTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "path_type": "a path",
    "string_pattern_mismatch": "of the form {pattern}",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of settings",
    "finite_number": "a finite number",
}


def plain(value: Any) -> str:
    """A value as a person would write it in YAML, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, str):
        return f"the text `{value if len(value) <= 60 else value[:57] + '...'}`"
    return str(value)


def _settings_at(model: type[BaseModel] | None, path: tuple[str, ...]) -> list[str]:
    for step in path:
        if model is None or step not in model.model_fields:
            return []
        annotation = model.model_fields[step].annotation
        inner = [kind for kind in (annotation, *get_args(annotation)) if _is_model(kind)]
        model = inner[0] if inner else None
    if model is None:
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _model_of(
    validate: Callable[[Mapping[str, Any]], BaseModel],
    raw: Mapping[str, Any],
    error: ValidationError,
) -> type[BaseModel] | None:
    # A plug-in shows its settings only through a valid instance: leave out what it refused.
    refused = {str(one["loc"][0]) for one in error.errors() if one["loc"]}
    try:
        return type(validate({key: raw[key] for key in raw if key not in refused}))
    except (ValidationError, ConfigError):
        return None


def _reading_order(place: str) -> tuple[str, tuple[int, int]]:
    origin, *position = place.rsplit(":", 2)
    if len(position) == 2 and all(part.isdigit() for part in position):
        return origin, (int(position[0]), int(position[1]))
    return place, (0, 0)
