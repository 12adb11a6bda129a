"""YAML as plain values with the place of every one, so that an error can name file, line, column.

Read by the rules of YAML 1.2, since those of 1.1 surprise: there `no` is false, `1e-3` is a text
and `1:30` is ninety. Tags, duplicate keys and documents that grow through aliases are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sign_etl.core.errors import ConfigError

MAX_BYTES = 1 << 20
"""Largest file that is read."""
MAX_NODES = 20_000
"""Most values in a document, those repeated by aliases counted each time."""
MAX_DEPTH = 32
"""Deepest nesting."""

_EXAMPLE = "see one with `sign-etl pipelines show folder`"
_SYNTAX_HINT = "indent with blanks, not tabs, and quote texts that hold `: ` or `#`"

KeyPath = tuple[str, ...]

_KINDS = ("null", "bool", "int", "float", "str", "seq", "map")
_CORE = {f"tag:yaml.org,2002:{name}" for name in _KINDS}
RESOLVERS = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 (the base class declares it so)


for _name, _pattern, _first in RESOLVERS:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}",
        re.compile(rf"^(?:{_pattern})$"),
        ["" if character == "\0" else character for character in _first],
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with the change that helps where we know one."""

    message: str
    hint: str | None = None


class DocumentError(ConfigError):
    """Everything that is wrong with one document.

    Args:
        problems: at least one.
        origin: the file, or what else the document is.
    """

    def __init__(self, problems: Iterable[Problem], origin: str) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.message, hint=first.hint)
        else:
            super().__init__(f"{len(self.problems)} problems in {origin}", hint=first.hint)


@dataclass(frozen=True)
class Document:
    """A mapping read from YAML.

    Attributes:
        values: plain values; lists are tuples.
        origin: the file, or what else the document is.
        places: by key path, where it stands: `file:line:column` or the option that set it.
    """

    values: dict[str, Any]
    origin: str
    places: Mapping[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """Where `path` stands, or the nearest thing around it that stands anywhere."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path[:-1]
        return self.origin


def read_document(source: Path | str, *, origin: str | None = None) -> Document:
    """Read a YAML mapping.

    Args:
        source: a file, or the text itself.
        origin: what messages call it, default the file's path.

    Raises:
        ConfigError: unreadable, no YAML, no mapping, too large.
    """
    if isinstance(source, Path):
        origin = origin or str(source)
        text = _read_text(source, origin)
    else:
        origin, text = origin or "the text", source
    values, places = _read(text, origin)
    if not isinstance(values, dict):
        raise _refusal(origin, "no mapping of settings", origin, _EXAMPLE)
    return Document(values, origin, places)


def with_settings(document: Document, settings: Iterable[str]) -> Document:
    """`document` with `a.b=value` settings (of `--set`) laid over it, later ones on top.

    Values are YAML: `select.splits=[train, val]`, `pose.blazepose.face=true`.

    Raises:
        ConfigError: a setting is not of that form, or goes through something that is no mapping.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        path = tuple(key.strip().split("."))
        place = f"--set {setting}"
        if not equals or not all(path):
            raise ConfigError(
                f"`--set {setting}` is no setting", hint="write `--set normalise.fps=30`"
            )
        value, _ = _read(text, place)
        document = overlaid(document, path, value, place)
    return document


def overlaid(document: Document, path: KeyPath, value: Any, place: str) -> Document:
    """`document` with one value put in, and where messages say that it stands.

    Raises:
        ConfigError: `path` goes through something that is no mapping.
    """
    values, places = _copy(document.values), dict(document.places)
    target = values
    for depth, step in enumerate(path[:-1], start=1):
        inner = target.get(step)
        if isinstance(inner, tuple) and all(isinstance(name, str) for name in inner):
            inner = {name: {} for name in inner}  # `pose: [blazepose]`
        if inner is None:
            inner = {}
        if not isinstance(inner, dict):
            upto = ".".join(path[:depth])
            raise ConfigError(
                f"{place}: `{upto}` holds no settings", hint=f"set it whole: `--set {upto}=VALUE`"
            )
        target[step] = inner
        target = inner
    target[path[-1]] = value
    for known in [known for known in places if known[: len(path)] == path]:
        del places[known]
    places[path] = place
    return Document(values, document.origin, places)


def _read(text: str, origin: str) -> tuple[Any, dict[KeyPath, str]]:
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        place = _at(origin, error.problem_mark)
        raise _refusal(place, _syntax(error), origin, _SYNTAX_HINT) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _refusal(origin, "no readable YAML", origin, _EXAMPLE) from error
    if node is None:
        return None, {}
    builder = _Builder(origin)
    value = builder.build(node, ())
    if builder.problems:
        raise DocumentError(builder.problems, origin)
    return value, builder.places


class _Builder:
    """Turns nodes into values; counts them, because aliases can repeat a branch without end."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.places: dict[KeyPath, str] = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(path) > MAX_DEPTH:
            place = _at(self.origin, node.start_mark)
            hint = "write values out instead of repeating a branch with `*name`"
            raise _refusal(place, "too many values", self.origin, hint)
        if node.tag not in _CORE:
            self._problem(node, f"the tag `{node.tag}` is not allowed", "leave the tag out")
            return None
        self.places.setdefault(path, _at(self.origin, node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return tuple(
                self.build(item, (*path, str(number))) for number, item in enumerate(node.value)
            )
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                hint = "write `NAME: VALUE`"
                self._problem(key_node, "a name of a setting must be a text", hint)
                continue
            key = str(key_node.value)
            if key in values:
                twice = ".".join((*path, key))
                self._problem(key_node, f"`{twice}` stands here twice", "remove one of the two")
                continue
            self.places[(*path, key)] = _at(self.origin, key_node.start_mark)
            values[key] = self.build(value_node, (*path, key))
        return values

    def _scalar(self, node: yaml.Node) -> Any:
        kind = node.tag.rpartition(":")[2]
        text = str(node.value)
        try:
            if kind == "int":
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            if kind == "float":
                return float(text)
        except ValueError:  # an explicit `!!int abc`, or more digits than Python reads
            hint = "write fewer digits, or quote it if it is a text"
            self._problem(node, f"`{text[:40]}` is no number", hint)
            return None
        return {"null": None, "bool": text.lower() == "true"}.get(kind, text)

    def _problem(self, node: yaml.Node, message: str, hint: str) -> None:
        self.problems.append(Problem(f"{_at(self.origin, node.start_mark)}: {message}", hint))


def _read_text(path: Path, origin: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise ConfigError(
            f"{origin}: {reason}", hint="list what is there with `sign-etl pipelines list`"
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{origin}: larger than {MAX_BYTES >> 20} MiB, so no pipeline", hint=_EXAMPLE
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{origin}: not UTF-8 text", hint="save it as UTF-8, for example with iconv"
        ) from error


def _at(origin: str, mark: Any) -> str:
    if mark is None or origin.startswith("--set "):
        return origin
    return f"{origin}:{mark.line + 1}:{mark.column + 1}"


def _syntax(error: yaml.MarkedYAMLError) -> str:
    return f"no readable YAML: {error.problem or error.context or 'syntax error'}"


def _refusal(place: str, message: str, origin: str, hint: str) -> DocumentError:
    return DocumentError([Problem(f"{place}: {message}", hint)], origin)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return value
