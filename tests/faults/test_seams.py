"""No commit point is left out: each seam in the code is struck at and stands in the document."""

from __future__ import annotations

import ast
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from strikes import STRIKES

import sign_etl
from sign_etl.core.seams import SEAMS, VARIABLE, seam

PACKAGE = Path(sign_etl.__file__).parent
RENAMING = ("replace", "rename", "renames", "link", "symlink", "fsync", "move")
ONLY_PLACE = Path("core/files.py")
TRAINERS = ("stream", "models", "tasks", "export")
"""Layers that write no builds."""


ELSEWHERE = {"decode.opening": "test_poison.py"}
"""Seams that belong to another file."""


def test_every_seam_is_struck_at() -> None:
    struck = {strike.seam for strike in STRIKES}
    assert struck | set(ELSEWHERE) == set(SEAMS)
    for name, file in ELSEWHERE.items():
        assert name in Path(__file__).with_name(file).read_text(encoding="utf-8")


def test_every_seam_in_the_code_is_known_and_the_other_way_round() -> None:
    called = [name for path in modules() for name in seams_in(ast.parse(path.read_text()))]
    assert None not in called, "a seam's name has to be a literal"
    assert sorted(map(str, called)) == sorted(SEAMS), "each seam stands in one place"


def test_every_rename_and_sync_has_a_seam_beside_it() -> None:
    bare = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in modules()
        if path.relative_to(PACKAGE) != ONLY_PLACE
        and path.relative_to(PACKAGE).parts[0] not in TRAINERS
        for function in functions(ast.parse(path.read_text()))
        for node in commits(function)
        if not list(seams_in(function))
    ]
    assert bare == [], "make it final through core/files.py, or put a seam beside it"


def test_the_document_has_a_row_for_every_seam_and_its_tests_exist() -> None:
    text = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    _, _, section = text.partition("## What a crash leaves behind")
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    named = {word for row in table for word in row[0].split("`")[1::2]}
    assert named == set(SEAMS)
    for row in table:
        assert len(row) == 4
        for test in row[3].split("`")[1::2]:
            file, _, name = test.partition("::")
            found = Path(__file__).parents[1].rglob(file)
            assert any(f"def {name}(" in path.read_text(encoding="utf-8") for path in found), test


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def functions(tree: ast.AST) -> Iterator[ast.AST]:
    """The outermost functions of a module, methods among them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        else:
            yield from functions(node)


def seams_in(tree: ast.AST) -> Iterator[str | None]:
    """Names of the seams that are called below `tree`; None where one is no literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "seam":
            name = node.args[0]
            literal = isinstance(name, ast.Constant) and isinstance(name.value, str)
            yield str(name.value) if literal else None  # type: ignore[attr-defined]


def commits(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that make a file final: those of os and shutil, and those of paths (one argument)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = getattr(node.func.value, "id", None)
        known = node.func.attr in RENAMING
        of_module = owner in ("os", "shutil")
        of_path = len(node.args) == 1 and not node.keywords and node.func.attr in RENAMING[:2]
        if known and (of_module or of_path):
            yield node


def test_commits_are_found() -> None:
    code = "os.replace(a, b); a.rename(b); 'x'.replace('a', 'b'); os.fsync(f); t.rename(columns=c)"
    assert [node.col_offset for node in commits(ast.parse(code))] == [0, 18, 54]


# ---- the seams themselves


def test_a_seam_does_nothing_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    seam("files.opened")
    monkeypatch.setenv(VARIABLE, "files.before-rename:kill;files.opened@*.tar:full")
    seam("files.opened", "a.json")
    with pytest.raises(OSError, match="No space") as caught:
        seam("files.opened", Path("b.tar"))
    assert caught.value.errno == errno.ENOSPC
    seam("files.opened", "b.tar")  # once


def test_a_seam_strikes_at_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "files.opened@third*#3:full")
    seam("files.opened", "third")
    seam("files.opened", "third")
    with pytest.raises(OSError, match="No space"):
        seam("files.opened", "third")


@pytest.mark.parametrize("fault", ["files.opened", "files.opened:nap", "nowhere:kill", ":kill"])
def test_a_fault_that_cannot_be_read_is_an_error(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv(VARIABLE, fault)
    with pytest.raises(ValueError, match="SIGN_ETL_FAULT"):
        seam("files.opened")
