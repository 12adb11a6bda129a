"""Everything that a command does is one call in `sign_etl.app`; and from a build to torch."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from pose_build import write_pose_build

from sign_etl.cli.frame import load
from sign_etl.cli.main import SECTIONS

EXAMPLE = """\
from sign_etl.reader import open_build
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching
from sign_etl.stream.pose_view import PoseView

with open_build("builds/mine") as build:
    print(build.to_pandas().groupby("label").frames.mean())
stream = Stream(open_index(["builds/mine"]), {"pose": PoseView()}, Batching(samples=8))
with stream.loader(rank=0, world_size=1, workers=0) as loader:
    batch = next(iter(next(loader.epoch(0))))
print(batch.views["pose"].shape, batch.label_id)
"""
"""What the README shows: the index as a pandas frame, and a padded batch of torch tensors."""


TEXT_ONLY = {"help", "completion"}
"""Commands that are about the command line itself, and print what stands in a file."""


def commands() -> Iterator[tuple[str, Any]]:
    """All commands by what one types."""
    for section in SECTIONS.values():
        for name, leaf in section.items():
            command = load(name, leaf)
            inner = getattr(command, "commands", None) or {}
            yield from ((f"{name} {sub}", inner[sub]) for sub in inner)
            if not inner:
                yield name, command


def app_functions(command: Any) -> dict[str, FunctionType]:
    """The functions of `sign_etl.app` that the command calls, by name; also by way of `cli`."""
    found: dict[str, FunctionType] = {}
    functions = [inspect.unwrap(command.callback)]
    for function in functions:  # grows while it is walked
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        called = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        beside = (vars(inspect.getmodule(function)).get(name) for name in called)
        functions += [
            one
            for one in beside
            if isinstance(one, FunctionType)
            and one.__module__.startswith("sign_etl.cli.")
            and one not in functions
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sign_etl.app."):
                module = importlib.import_module(str(node.module))
                for name in node.names:
                    value = getattr(module, name.name)
                    if (name.asname or name.name) in called and isinstance(value, FunctionType):
                        found[f"{node.module}.{name.name}"] = value
    return found


@pytest.mark.parametrize(
    ("name", "command"),
    [(name, command) for name, command in commands() if name not in TEXT_ONLY],
    ids=lambda value: str(value),
)
def test_a_command_is_a_typed_and_documented_function(name: str, command: Any) -> None:
    found = app_functions(command)
    assert found, f"`sign-etl {name}` calls no function of sign_etl.app"
    for path, function in found.items():
        assert not function.__name__.startswith("_"), path
        assert inspect.getdoc(function), path
        signature = inspect.signature(function)
        assert signature.return_annotation is not inspect.Signature.empty, path
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, f"{path}: {parameter.name}"


def test_ten_lines_to_a_batch_and_to_a_frame(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("torch")
    build = write_pose_build(tmp_path / "builds" / "mine", [6, 8, 7, 5], classes=2)
    assert len([line for line in EXAMPLE.splitlines() if line and "import" not in line]) <= 10
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert build.is_dir()
    said = done.stdout.splitlines()
    assert said[:3] == ["label", "word-000    6.5", "word-001    6.5"]
    assert said[-1].startswith("torch.Size([4, 8, 54, 3]) tensor([")
