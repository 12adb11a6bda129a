"""Everything that a command does is one call, and the example in its docstring is true.

Examples are written in the namespace of their module, with `Path` in it. They run in a folder with
a build `demo-build`, tars in `tars`, a table `theirs.csv` and three drawn videos in `clips`; those
that need more (a cluster, a trained run, weights) are held against the signatures of what they
call.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_build import write_tiny_build

import sign_etl
from sign_etl.reader.build import open_build
from sign_etl.recipes.base import RECIPES

VERBS = {
    "demo": "demo.demo",
    "ingest": "ingest.ingest",
    "plan": "plan.plan",
    "index": "index.index",
    "retry": "retry.retry",
    "revoke": "revoke.revoke",
    "push": "push.push",
    "status": "status.status",
    "verify": "verify.verify_against",
    "report": "report.report report_page.report_page",
    "why": "why.why_clip why.why_source",
    "lock check": "lock.check",
    "lock diff": "lock.diff",
    "lock merge": "lock.merge",
    "export": "export.export export.export_formats",
    "show": "show.show show.show_lines",
    "train": "train.train",
    "evaluate": "train.evaluate score.score",
    "embed": "vectors.embed",
    "similarity": "vectors.similarity",
    "knn": "vectors.knn",
    "export-model": "export_model.export_model",
    "live": "live.live",
    "datasets list": "datasets.datasets",
    "datasets info": "datasets.dataset_info",
    "datasets new": "new_dataset.new_dataset",
    "pipelines list": "pipelines.pipelines",
    "pipelines show": "pipelines.show",
    "pipelines copy": "pipelines.copy",
    "pipelines validate": "pipelines.check",
    "features list": "features.feature_backends",
    "features info": "features.feature_info",
    "pose list": "pose.backends",
    "pose info": "pose.backend_info",
    "pose fetch": "pose.fetch_weights",
    "pose bench": "bench.bench",
    "schemas list": "schemas.schemas",
    "schemas show": "schemas.schema_text",
    "schemas validate": "schemas.check_file",
    "cluster render": "cluster.render",
    "doctor": "doctor.doctor",
}
"""The functions of `sign_etl.app` behind each command."""
ALONE = {"help"}
"""Prints pages of the command line itself."""
NOT_RUN = {
    "demo.demo": "a minute of work",
    "report_page.report_page": "the command is tried in tests/cli/test_report.py",
    "train.train": "a training",
    "train.evaluate": "needs a trained run",
    "vectors.embed": "needs a trained run",
    "vectors.similarity": "needs vectors",
    "vectors.knn": "needs vectors",
    "export_model.export_model": "needs a trained run",
    "live.live": "needs a trained run",
    "new_dataset.new_dataset": "writes into a checkout",
    "pose.fetch_weights": "downloads",
    "bench.bench": "needs weights",
    "cluster.render": "needs the list of a data set",
    "doctor.doctor": "is about this machine",
}
PACKAGE = Path(inspect.getfile(sign_etl)).parent
PATHS = sorted(path for paths in VERBS.values() for path in paths.split())


def verb(path: str) -> Any:
    module, _, name = path.partition(".")
    return getattr(importlib.import_module(f"sign_etl.app.{module}"), name)


def examples(function: Any) -> doctest.DocTest:
    names = {**vars(inspect.getmodule(function)), "Path": Path}
    finder = doctest.DocTestFinder(recurse=False)
    [found] = finder.find(function, function.__name__, globs=names)
    return found


def calls(source: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    build = write_tiny_build(folder / "demo-build")
    shutil.copytree(build / "train", folder / "tars")
    given = RECIPES.get("folder").fixture(folder / "own")
    shutil.move(given["media"], folder / "clips")
    texts = "reference,prediction\nthe dog runs home,the dog walks home\n"
    (folder / "theirs.csv").write_text(texts, "utf-8")
    return folder


def test_every_command_has_its_verb() -> None:
    from sign_etl.cli.frame import load
    from sign_etl.cli.main import SECTIONS

    commands = []
    for section in SECTIONS.values():
        for name, leaf in section.items():
            inner = getattr(load(name, leaf), "commands", None)
            commands += [f"{name} {sub}" for sub in inner] if inner else [name]
    assert set(commands) - ALONE == set(VERBS)
    assert set(NOT_RUN) <= set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_a_verb_says_what_it_takes_and_what_can_go_wrong(path: str) -> None:
    function = verb(path)
    text = inspect.getdoc(function) or ""
    assert "Example:\n    >>> " in text, path
    if inspect.signature(function).parameters:
        assert "\nArgs:\n" in text, path


def test_every_example_is_tried() -> None:
    """One in another docstring would be believed by people and tried by nobody."""
    found = set()
    for module in sorted(PACKAGE.rglob("*.py")):
        text = module.read_text("utf-8")
        for node in ast.walk(ast.parse(text if ">>> " in text else "")):
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
            if isinstance(node, kinds) and ">>> " in (ast.get_docstring(node) or ""):
                place = ".".join(module.relative_to(PACKAGE).with_suffix("").parts)
                found.add(f"{place}.{getattr(node, 'name', '')}")
    assert found == {*(f"app.{path}" for path in PATHS), "reader.build.open_build"}


@pytest.mark.parametrize("path", PATHS)
def test_examples_call_what_there_is(path: str) -> None:
    """Names exist and arguments fit, also where nothing runs."""
    function = verb(path)
    found = examples(function)
    called = [call for part in found.examples for call in calls(part.source)]
    mine = [call for call in called if isinstance(call.func, ast.Name)]
    assert any(call.func.id == function.__name__ for call in mine), path  # type: ignore[attr-defined]
    for call in mine:
        what = found.globs.get(call.func.id)  # type: ignore[attr-defined]
        if what is None:
            continue  # a builtin
        given = {word.arg: word.value for word in call.keywords if word.arg}
        inspect.signature(what).bind(*call.args, **given)


def test_examples_are_true(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one folder and in order, since some look at what others have made."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SIGN_ETL_CACHE", str(folder / "cache"))
    paths = [path for path in PATHS if path not in NOT_RUN]
    paths.sort(key=lambda path: path == "revoke.revoke")  # the others want the build as it was
    functions = [verb(path) for path in paths]
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for function in [*functions, open_build]:
        runner.run(examples(function), out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
