"""The only printer: data to stdout, talk to stderr, in one of three modes.

Names of files and labels come from strangers, so control characters never reach the terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, TextIO

Mode = Literal["human", "json", "quiet"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RED, _YELLOW, _CYAN, _PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[36m", "\x1b[0m"


class Output:
    """How one command speaks.

    Args:
        mode: `human`; `json` for one document on stdout; `quiet` for bare names on stdout and
            only errors on stderr.

    Attributes:
        problems: the errors that it has told, each with its hint.
    """

    answered: ClassVar[bool] = False
    """Whether the one JSON document of this command is printed already, by whichever output."""

    def __init__(self, mode: Mode = "human") -> None:
        self.mode = mode
        self.problems: list[tuple[str, str | None]] = []

    @classmethod
    def of(cls, *, as_json: bool = False, quiet: bool = False) -> Output:
        """The output that the options `--json` and `--quiet` ask for; the first one wins."""
        return cls("json" if as_json else "quiet" if quiet else "human")

    def data(self, value: Any, *, schema: str) -> None:
        """Print the one JSON document of a command, in `json` mode only.

        Args:
            value: JSON values.
            schema: the command's part of the schema's name, such as `datasets-list`.
        """
        if self.mode == "json":
            Output.answered = True
            document = {"schema": f"sign-etl/cli/{schema}/1", "data": value}
            _write(sys.stdout, json.dumps(document, ensure_ascii=False, indent=2))

    def text(self, text: str) -> None:
        """Print a result for people to stdout."""
        if self.mode == "human":
            _write(sys.stdout, clean(text))

    def raw(self, text: str) -> None:
        """Print a file's own text to stdout, as it is, whatever the mode."""
        _write(sys.stdout, text.rstrip("\n"))

    def names(self, names: Iterable[str]) -> None:
        """Print one bare name a line to stdout, in `quiet` mode only."""
        if self.mode == "quiet":
            for name in names:
                _write(sys.stdout, clean(name))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print a table to stdout: drawn to fit on a terminal, plain columns elsewhere."""
        if self.mode != "human":
            return
        cells = [["" if cell is None else clean(str(cell)) for cell in row] for row in rows]
        if is_terminal(sys.stdout):
            _rich_table(heads, cells)
        else:
            _plain_table(heads, cells)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print names with their values to stdout, nested ones indented."""
        if self.mode == "human":
            for line in fact_lines(facts):
                _write(sys.stdout, clean(line))

    def note(self, text: str) -> None:
        """Say something in passing, on stderr."""
        if self.mode != "quiet":
            _write(sys.stderr, clean(text))

    def warn(self, text: str) -> None:
        """Say on stderr that something is odd."""
        if self.mode != "quiet":
            _write(sys.stderr, f"{_paint('warning', _YELLOW, sys.stderr)}: {clean(text)}")

    def error(self, message: str, hint: str | None = None) -> None:
        """Say on stderr what went wrong and what helps, in every mode."""
        self.problems.append((message, hint))
        _write(sys.stderr, f"{_paint('error', _RED, sys.stderr)}: {clean(message)}")
        if hint:
            _write(sys.stderr, f"{_paint('hint', _CYAN, sys.stderr)}: {clean(hint)}")


def clean(text: str) -> str:
    """`text` with control characters (and those that turn the writing direction) made visible."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def is_terminal(stream: TextIO) -> bool:
    """True if a person looks at `stream` and it can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def wants_colour(stream: TextIO) -> bool:
    """True on a terminal, unless `NO_COLOR` is set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def count_text(number: int, noun: str) -> str:
    """A number with its noun: `1 shard`, `1,204 shards`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size_bytes: float) -> str:
    """Bytes for people, in powers of 1000: `312 MB`."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while abs(size_bytes) >= 999.5 and len(units) > 1:
        size_bytes /= 1000
        units.pop(0)
    unit = units[0]
    digits = 0 if unit == "B" or size_bytes >= 99.5 else 1
    return f"{size_bytes:.{digits}f} {unit}"


def time_text(seconds: float) -> str:
    """Seconds for people: `0:48`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def fact_lines(facts: Mapping[str, Any], indent: int = 0) -> list[str]:
    """Names with their values, one a line; units of `_bytes` and `_s` are written out."""
    lines, margin = [], "  " * indent
    width = max((len(_title(name)) for name in facts), default=0)
    for name, value in facts.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{margin}{_title(name)}", *fact_lines(value, indent + 1)]
        elif _is_list(value) and any(isinstance(item, Mapping) for item in value):
            lines.append(f"{margin}{_title(name)}")
            lines += [
                f"{margin}  {', '.join(f'{k} {_value(k, v)}' for k, v in item.items())}"
                for item in value
            ]
        else:
            lines.append(f"{margin}{_title(name):{width}}  {_value(name, value)}".rstrip())
    return lines


def _title(name: str) -> str:
    for unit in ("_bytes", "_s"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def _value(name: str, value: Any) -> str:
    if value is None or value == [] or value == () or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_list(value):
        return ", ".join(str(item) for item in value)
    if isinstance(value, int | float):
        if name.endswith("bytes"):
            return size_text(value)
        if name.endswith("_s") or name == "seconds":
            return time_text(value)
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return str(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _plain_table(heads: Sequence[str], rows: list[list[str]]) -> None:
    lines = [list(heads), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        _write(sys.stdout, "  ".join(padded).rstrip())


def _rich_table(heads: Sequence[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def _paint(word: str, colour: str, stream: TextIO) -> str:
    return f"{colour}{word}{_PLAIN}" if wants_colour(stream) else word


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:  # `| head` has seen enough; the exit code is still ours to give
        hush(stream)


def hush(stream: TextIO) -> None:
    """Let everything that is still written to `stream` vanish."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
