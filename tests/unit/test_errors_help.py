"""Every error says what, why and what helps, and what it tells people to type is there.

Read out of the code: each place that makes an expected error, and each text with a command in it.
"""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from typed import commands, options_of, wrong_line

from sign_etl.cli.frame import load
from sign_etl.cli.main import SECTIONS, run

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = "SignEtlError"
EXCEPT: Mapping[str, str] = {
    "sign_etl/core/guard.py SignEtlError": "hands on what a child has raised, with its hint",
}
"""Places that may raise without a hint of their own, and why."""
BLANK = "1"
"""Stands for what is put into a text later: a name, a path, a number."""
SPAN = re.compile(r"`(sign-etl [^`]+)`")
BARE = re.compile(r"(?:^|: )(sign-etl [a-z].*)$")
OPTION = re.compile(r"(?<![\w`-])--[a-z][a-z-]+")
SETTING = re.compile(r"`((?:batch|data|dataset|init|model|optimizer|pools|split|task)\.[a-z_.]+)")
FOREIGN = re.compile(r"`(?!-|sign-etl)[^`]*`|\b(?:pip|iconv|ffmpeg|npm|apt-get) .*")
"""Commands of others, whose options are not ours."""


@dataclass(frozen=True)
class Made:
    """A place where an error or a problem of a document is made."""

    place: str
    kind: str
    message: ast.expr | None
    hint: ast.expr | None
    function: ast.FunctionDef | None


@cache
def modules() -> dict[str, list[ast.AST]]:
    """All that the modules of the library and the training programs are made of.

    A module comes first in its list, and each node before its parts.
    """
    paths = [path for top in ("sign_etl", "training") for path in (CHECKOUT / top).rglob("*.py")]
    gc.disable()  # it would walk over half a million nodes again and again
    try:
        return {
            str(path.relative_to(CHECKOUT)): list(ast.walk(ast.parse(path.read_text("utf-8"))))
            for path in sorted(paths)
            if "_template" not in path.parts
        }
    finally:
        gc.enable()


def nodes() -> Iterator[tuple[str, ast.AST]]:
    return ((name, node) for name, found in modules().items() for node in found)


@cache
def classes() -> tuple[ast.ClassDef, ...]:
    return tuple(node for _, node in nodes() if isinstance(node, ast.ClassDef))


@cache
def kinds() -> frozenset[str]:
    """The names of all expected errors."""
    found: set[str] = {ROOT}
    while True:
        below = {
            each.name
            for each in classes()
            if any(isinstance(base, ast.Name) and base.id in found for base in each.bases)
        }
        if below <= found:
            return frozenset(found)
        found |= below


@cache
def self_helping() -> frozenset[str]:
    """Errors that make the hint themselves: one is handed up in their own `__init__`."""
    return frozenset(
        each.name
        for each in classes()
        if each.name in kinds()
        for part in each.body
        if isinstance(part, ast.FunctionDef)
        and part.name == "__init__"
        and "hint" not in [word.arg for word in (*part.args.args, *part.args.kwonlyargs)]
        and "hint=" in ast.unparse(part)
    )


def made(name: str, tree: ast.AST) -> Iterator[Made]:
    """The errors, and problems of documents, that a module makes."""

    def visit(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[Made]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and isinstance(child.func, ast.Name):
                kind, given = child.func.id, child.args
                words = {word.arg: word.value for word in child.keywords}
                hint, place = words.get("hint"), f"{name}:{child.lineno}"
                if kind == "Problem" and len(given) <= 2:
                    hint = hint or (given[1] if len(given) > 1 else None)
                if kind in kinds() or (kind == "Problem" and len(given) <= 2):
                    yield Made(place, kind, given[0] if given else None, hint, function)
            yield from visit(child, child if isinstance(child, ast.FunctionDef) else function)

    yield from visit(tree, None)


@cache
def everything() -> tuple[Made, ...]:
    return tuple(each for name, found in modules().items() for each in made(name, found[0]))


def may_lack(value: ast.expr | None, function: ast.FunctionDef | None = None) -> bool:
    """Whether a hint may be None or empty; names are looked for in their function."""
    match value:
        case None:
            return True
        case ast.Constant():
            return not value.value
        case ast.IfExp():
            return may_lack(value.body, function) or may_lack(value.orelse, function)
        case ast.BoolOp(op=ast.Or()):
            return may_lack(value.values[-1], function)
        case ast.Call(func=ast.Name(id="near_miss")):
            return True
        case ast.Name() if function is not None:
            return any(may_lack(each) for each in values_of(value.id, function))
    return False


def values_of(name: str, function: ast.FunctionDef) -> Iterator[ast.expr]:
    """What a name in a function may be: what is assigned to it, and its default."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if name in targets:
                yield node.value
    places = function.args.args
    defaults = function.args.defaults
    for argument, default in zip(places[len(places) - len(defaults) :], defaults, strict=True):
        if argument.arg == name:
            yield default
    for argument, given in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if argument.arg == name and given is not None:
            yield given


def without_hint(found: Iterator[Made] | tuple[Made, ...]) -> list[str]:
    return [
        f"{each.place} {each.kind}"
        for each in found
        if each.kind not in self_helping() and may_lack(each.hint, each.function)
    ]


def text_of(value: ast.expr | None) -> str:
    """A text with blanks for what is put in later; empty for what is no text."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.JoinedStr):
        parts = (part for part in value.values)
        return "".join(text_of(part) if isinstance(part, ast.Constant) else BLANK for part in parts)
    return ""


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """All texts of the code with their places; docstrings are for other readers."""
    found = []
    spoken: set[int] = set()
    for name, node in nodes():
        if isinstance(node, ast.Expr):
            spoken.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            spoken |= {id(part) for part in node.values}
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in spoken:
            found.append((f"{name}:{node.lineno}", text_of(node)))
    return tuple(found)


def whole_texts(node: ast.AST) -> Iterator[ast.expr]:
    """The texts in an expression, and not the parts of one."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from whole_texts(child)


def hints() -> Iterator[tuple[str, str]]:
    """All texts that stand in hints, or in constants and variables that are called so."""
    for each in everything():
        for text in whole_texts(each.hint) if each.hint is not None else ():
            yield each.place, text_of(text)
    for name, node in nodes():
        if isinstance(node, ast.Assign):
            called = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if re.search(r"(?i)hint|by_hand", " ".join(called)):
                yield f"{name}:{node.lineno}", text_of(node.value)


def test_every_error_says_what_helps() -> None:
    assert len(everything()) > 500
    bare = without_hint(everything())
    unknown = [each for each in bare if re.sub(r":\d+", "", each) not in EXCEPT]
    assert not unknown, "errors without a hint:\n" + "\n".join(unknown)
    assert {re.sub(r":\d+", "", each) for each in bare} == set(EXCEPT), "not needed any more"


@pytest.mark.parametrize(
    "code",
    [
        "raise UsageError('no build')",
        "raise UsageError('no build', hint='')",
        "raise ConfigError('no build', hint=near_miss(word, known))",
        "raise ConfigError('no build', hint='name one' if one else None)",
        "def a(hint=None):\n    raise ConfigError('no build', hint=hint)",
        "def a(*, hint=None):\n    return AnnotationError('no build', hint=hint)",
        "def a():\n    hint = near_miss(word, known)\n    raise ConfigError('no', hint=hint)",
        "problems.append(Problem('no build'))",
        "problems.append(Problem('no build', None))",
    ],
)
def test_a_missing_hint_would_be_seen(code: str) -> None:
    assert without_hint(made("x.py", ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "raise UsageError('no build', hint='name one')",
        "raise ConfigError('no build', hint=near_miss(word, known) or 'name one')",
        "raise ConfigError('no build', hint=near_or_all(word, known))",
        "raise MissingExtraError('training', 'train')",
        "def a(hint):\n    raise ConfigError('no build', hint=hint)",
        "raise ValueError('no build')",
    ],
)
def test_a_hint_would_be_seen(code: str) -> None:
    assert not without_hint(made("x.py", ast.parse(code)))


def test_messages_are_one_line_without_a_full_stop() -> None:
    said = [(each.place, text_of(each.message)) for each in everything()]
    wrong = [f"{place} {text}" for place, text in said if "\n" in text or text.endswith((".", "!"))]
    assert not wrong, "\n".join(wrong)


def test_commands_in_texts_are_there() -> None:
    """Also where a text is no hint: of data sets, of reports, of what a command prints."""
    known = commands()
    lines = [(place, line) for place, text in texts() for line in SPAN.findall(text)]
    lines += [(place, line) for place, text in hints() for line in BARE.findall(text)]
    assert len(lines) > 80
    wrong = [
        f"{place}: {said}"
        for place, line in lines
        if (said := wrong_line(line, known, bare=True, blank=BLANK))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    ["sign-etl gone", "sign-etl verify --deep BUILD", "sign-etl help slrum", "sign-etl datasets"],
)
def test_a_wrong_command_would_be_seen(line: str) -> None:
    assert wrong_line(line, commands(), bare=True, blank=BLANK)


def test_options_in_hints_are_there() -> None:
    known = {name for command in commands().values() for name in options_of(command)}
    programs = "".join(path.read_text("utf-8") for path in (CHECKOUT / "training").glob("*.py"))
    known |= set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', programs))
    wrong = [
        f"{place}: {option}: {text}"
        for place, text in hints()
        for option in OPTION.findall(FOREIGN.sub("", text))
        if option not in known
    ]
    assert not wrong, "\n".join(wrong)


def test_settings_in_hints_are_there() -> None:
    """Their last part is a field or an argument of something."""
    names = {"name"}
    for _, node in nodes():
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        if isinstance(node, ast.arg):
            names.add(node.arg)
    found = [(place, one) for place, text in hints() for one in SETTING.findall(text)]
    assert len(found) > 20
    wrong = [f"{place}: {one}" for place, one in found if one.rpartition(".")[2] not in names]
    assert not wrong, "\n".join(wrong)


GROUPS = sorted(
    name for section in SECTIONS.values() for name, leaf in section.items() if leaf.is_group
)


@pytest.mark.parametrize("name", GROUPS)
def test_a_noun_shows_an_example_of_each_command(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    _, _, shown = capsys.readouterr().out.partition("Examples:\n")
    leaf = next(section[name] for section in SECTIONS.values() if name in section)
    below = load(name, leaf).commands
    lines = [line.strip() for line in shown.splitlines() if line.strip()]
    assert [line.split()[2] for line in lines] == list(below)
    assert all(line in below[line.split()[2]].epilog for line in lines)
