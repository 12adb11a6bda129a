"""The frame of all commands: help, version, usage errors, crashes, what `--help` imports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sign_etl import __version__
from sign_etl.cli import main as cli
from sign_etl.cli.frame import load
from sign_etl.core.content import content_dir
from sign_etl.core.errors import AccessError, Stopped
from sign_etl.schema.document import DocumentError, Problem

HEAVY = {
    *("numpy", "pyarrow", "av", "ray", "mediapipe", "torch", "pandas", "rich", "pydantic", "yaml"),
    *("httpx", "PIL", "fsspec", "psutil", "cv2", "logging", "asyncio", "multiprocessing"),
}


def leaves() -> list[tuple[str, Any]]:
    """All commands with what they are called."""
    found = []
    for section in cli.SECTIONS.values():
        for name, leaf in section.items():
            command = load(name, leaf)
            inner = getattr(command, "commands", None)
            found += (
                [(f"{name} {sub}", inner[sub]) for sub in inner] if inner else [(name, command)]
            )
    return found


@pytest.mark.parametrize(("name", "command"), leaves(), ids=lambda value: str(value))
def test_every_command_has_help_an_example_and_verbosity(name: str, command: Any) -> None:
    assert command.help
    assert command.help.strip()[0].isupper()
    assert f"sign-etl {name}" in command.epilog
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--verbose", "-v"} <= options
    short = {option for option in options if re.fullmatch(r"-\w", option)}
    assert short <= {"-v", "-q", "-o", "-j"}
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name} has no help"


@pytest.mark.parametrize(("name", "command"), leaves(), ids=lambda value: str(value))
def test_examples_parse(name: str, command: Any) -> None:
    import shlex

    for line in command.epilog.splitlines()[2:]:
        words = shlex.split(line.partition("|")[0])
        assert words[: 1 + len(name.split())] == ["sign-etl", *name.split()]
        command.make_context(name, words[1 + len(name.split()) :], resilient_parsing=False)


def test_reading_commands_print_json() -> None:
    raw = {"schemas show"}  # prints a JSON file as it is
    for name, command in leaves():
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options or name in raw, name


def test_root_help_tells_what_the_commands_say_themselves() -> None:
    for section in cli.SECTIONS.values():
        for name, leaf in section.items():
            said = load(name, leaf).help
            assert str(said).splitlines()[0] == leaf.help, name


def test_help_lists_every_command(sign_etl: Any) -> None:
    done = sign_etl("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for section in cli.SECTIONS.values():
        for name, leaf in section.items():
            assert f"  {name}" in done.stdout
            assert leaf.help in done.stdout


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sign_etl", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "typer" in imported
    assert imported.isdisjoint(HEAVY), imported & HEAVY
    ours = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not any(name.startswith(("sign_etl.app", "sign_etl.schema")) for name in ours)


def test_version(sign_etl: Any) -> None:
    done = sign_etl("--version")
    assert (done.returncode, done.stdout) == (0, f"sign-etl {__version__}\n")


def test_bare_call_shows_help_on_stderr(sign_etl: Any) -> None:
    done = sign_etl()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: sign-etl" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["ingset"], "unknown command `sign-etl ingset`", "did you mean `ingest`?"),
        (["datasets", "lsit"], "unknown command `sign-etl datasets lsit`", "did you mean `list`?"),
        (["ingest", "--limti", "3", "wlasl"], "no such option: --limti", "did you mean `--limit`?"),
        (["ingest", "wlasl", "--limit", "0"], "invalid value for '--limit'", "ingest --help"),
        (["ingest", "wlasl", "--runner", "spark"], "invalid value for '--runner'", "'ray'"),
        (["ingest"], "missing argument", "sign-etl ingest --help"),
    ],
)
def test_usage_errors(sign_etl: Any, arguments: list[str], message: str, hint: str) -> None:
    done = sign_etl(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_exit_codes_of_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends_with(error: BaseException) -> tuple[int, str]:
        def fail(*_: object, **__: object) -> None:
            raise error

        import sign_etl.app.datasets as datasets

        monkeypatch.setattr(datasets, "datasets", fail)
        code = cli.run(["datasets", "list"])
        printed = capsys.readouterr()
        assert printed.out == ""
        return code, printed.err

    assert ends_with(AccessError("a licence", hint="read it")) == (
        3,
        "error: a licence\nhint: read it\n",
    )
    assert ends_with(Stopped("stopped", exit_code=130))[0] == 130
    assert ends_with(Stopped("stopped"))[0] == 75
    code, said = ends_with(KeyboardInterrupt())
    assert code == 130
    assert "Ctrl-C" in said
    assert ends_with(OSError(28, "No space left on device"))[0] == 75
    assert ends_with(PermissionError(13, "Permission denied", "/secret")) == (
        2,
        "error: /secret: permission denied\nhint: look: ls -ld /secret\n",
    )
    problems = [Problem("one", "same"), Problem("two", "same"), Problem("three\x1b[2J", None)]
    assert ends_with(DocumentError(problems, "x")) == (
        2,
        "error: one\nerror: two\nhint: same\nerror: three\\x1b[2J\n",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        ("plan wlsl --json", 2, "unknown data set `wlsl`", "did you mean `wlasl`?"),
        ("datasets lst --json", 2, "unknown command `sign-etl datasets lst`", "`list`"),
        ("plan wlasl --json --limti 3", 2, "no such option: --limti", "`--limit`"),
        ("verify nowhere --json", 2, "no folder `nowhere`", "`ingest --out`"),
        ("train spotr/fosshack --json", 2, "unknown training recipe", "`spoter/fosshack`"),
    ],
)
def test_with_json_an_error_is_a_document_too(
    arguments: str,
    code: int,
    message: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments.split()) == code
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    schema = json.loads((content_dir("schemas") / "cli-error-1.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["data"]["exit_code"] == code
    [problem] = document["data"]["problems"]
    assert message in problem["message"]
    assert hint in problem["hint"]
    assert printed.err == f"error: {problem['message']}\nhint: {problem['hint']}\n"


def test_with_json_one_document_is_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a command has answered with exit 1 is not answered twice."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("name: mine\ndataset: {recipe: folder}\nnormlise: {}\n")
    assert cli.run(["pipelines", "validate", "mine.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "sign-etl/cli/pipelines-validate/1"
    assert cli.run(["plan", "--", "--json"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_bug_leaves_a_report_and_one_line(
    debug: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    import sign_etl.app.datasets as datasets

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGN_ETL_DEBUG", debug)
    monkeypatch.setattr(datasets, "datasets", fail)
    assert cli.run(["datasets", "list"]) == 2
    said = capsys.readouterr().err
    [report] = tmp_path.glob("crash-*.txt")
    assert str(report) in said
    assert ("Traceback" in said) == bool(debug)
    text = report.read_text()
    assert "ZeroDivisionError: of ours" in text
    assert "$ sign-etl datasets list" in text
    assert os.environ.get("PATH", "-") not in text


def test_a_closed_pipe_is_no_error(cache: Path) -> None:
    shell = f"{sys.executable} -m sign_etl schemas list | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell],
        env=os.environ | {"SIGN_ETL_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_unicode_ends_no_run(sign_etl: Any, tmp_path: Path) -> None:
    name = "Καλημέρα"
    done = sign_etl("ingest", name, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2
    assert "\\u039a" in done.stderr


def test_completion_needs_no_run(sign_etl: Any) -> None:
    done = sign_etl(
        _SIGN_ETL_COMPLETE="complete_bash", COMP_WORDS="sign-etl ingest wlasl1", COMP_CWORD="2"
    )
    assert done.returncode == 0
    assert "wlasl100" in done.stdout.split()
