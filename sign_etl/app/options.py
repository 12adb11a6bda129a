"""The options of a plug-in, in words for people."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError

from sign_etl.core.errors import ConfigError
from sign_etl.schema.config import checked_options
from sign_etl.schema.document import Document, DocumentError, with_settings
from sign_etl.schema.replies import OptionPart

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}


def option_parts(options: Callable[[Mapping[str, Any]], BaseModel]) -> tuple[OptionPart, ...]:
    """The options that a plug-in's `options` method validates, in their order.

    Args:
        options: the method; called without any option, to see what it makes of that. Where it
            needs one, what it says that it returns is believed.
    """
    try:
        model: Any = type(options({}))
    except (ValidationError, ConfigError):
        model = get_type_hints(options).get("return")
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ()
    return tuple(_parts(model))


def options_from(
    validate: Callable[[Mapping[str, Any]], BaseModel],
    settings: Iterable[str],
    origin: str,
    *,
    hint: str,
) -> BaseModel:
    """Options of a plug-in from `key=value` settings.

    Args:
        validate: the plug-in's own check.
        settings: as on the command line.
        origin: what messages call them.
        hint: what to say where no near miss is known.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    document = with_settings(Document({}, origin), settings)
    problems = checked_options(validate, document.values, document, (), hint=hint)
    if problems:
        raise DocumentError(problems, document.origin)
    return validate(document.values)


def _parts(model: type[BaseModel], prefix: str = "") -> Iterator[OptionPart]:
    for key, field in model.model_fields.items():
        name, kind = prefix + (field.alias or key), field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _parts(kind, f"{name}.")  # a group: each by the name that `--set` takes
            continue
        yield OptionPart(
            name=name,
            type=type_words(kind),
            default=None
            if field.is_required()
            else _json(field.get_default(call_default_factory=True)),
            help=" ".join((field.description or "").split()),
            required=field.is_required(),
        )


def type_words(annotation: Any) -> str:
    """A type as a person would say it: `number`, `list of text`, `100, 300 or 1000`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _listed([str(choice) for choice in inner])
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in inner if kind is not type(None)]  # null is the default's matter
        return " or ".join(type_words(kind) for kind in kinds)
    if origin in (tuple, list, set, frozenset):
        kinds = [kind for kind in inner if kind is not Ellipsis]
        return f"list of {type_words(kinds[0])}" if kinds else "list"
    if origin is dict or annotation is dict or origin is Mapping:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _listed([str(choice.value) for choice in annotation])
    return _WORDS.get(annotation, getattr(annotation, "__name__", "value"))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_json(item) for item in value]
    return value
