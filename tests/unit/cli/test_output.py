"""How numbers, tables, colours and strangers' texts are printed."""

from __future__ import annotations

import io

import pytest

from sign_etl.cli.output import (
    Output,
    clean,
    count_text,
    fact_lines,
    size_text,
    time_text,
    wants_colour,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (312_400_000, "312 MB"),
        (4 << 30, "4.3 GB"),
        (2e15, "2000 TB"),
    ],
)
def test_size_text(size_bytes: float, text: str) -> None:
    assert size_text(size_bytes) == text


def test_time_and_count() -> None:
    assert [time_text(seconds) for seconds in (0, 48.4, 61, 3723)] == [
        "0:00",
        "0:48",
        "1:01",
        "1:02:03",
    ]
    assert [count_text(number, "clip") for number in (0, 1, 21083)] == [
        "0 clips",
        "1 clip",
        "21,083 clips",
    ]


def test_control_characters_are_shown_not_sent() -> None:
    assert clean("a\x1b[31mb\u202ec\n\td") == "a\\x1b[31mb\\u202ec\n\td"
    assert clean("Καλημέρα 手") == "Καλημέρα 手"


def test_facts() -> None:
    facts = {"free_bytes": 1500, "took_s": 61, "outcomes": {"written": 3}, "gone": None, "ok": True}
    assert fact_lines(facts) == [
        "free      1.5 kB",
        "took      1:01",
        "outcomes",
        "  written  3",
        "gone      -",
        "ok        yes",
    ]


def test_modes(capsys: pytest.CaptureFixture[str]) -> None:
    for mode in ("human", "json", "quiet"):
        out = Output(mode)
        out.text("text")
        out.names(["name"])
        out.data({"a": 1}, schema="demo")
        out.table(("h",), [("cell",)])
        out.note("note")
        out.error("wrong")
        printed = capsys.readouterr()
        if mode == "human":
            assert printed.out == "text\nh\ncell\n"
            assert printed.err == "note\nerror: wrong\n"
        elif mode == "json":
            assert '"schema": "sign-etl/cli/demo/1"' in printed.out
            assert "text" not in printed.out
        else:
            assert printed.out == "name\n"
            assert printed.err == "error: wrong\n"


def test_colour_only_on_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())


def test_table_on_a_terminal_keeps_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    Output().table(("name",), [("[red]label[/red]",)])
    assert "[red]label[/red]" in terminal.getvalue()
