"""The layers hold, and the linter that says so would notice if they did not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def lint_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("import-linter is not installed beside this Python (make setup)")
    return subprocess.run(
        [command, "--no-cache", "--config", str(checkout / "pyproject.toml")],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_layers_hold() -> None:
    done = lint_imports(CHECKOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("core/wrong.py", "import sign_etl.schema", "Layers import downwards only"),
        ("media/wrong.py", "from sign_etl import pose", "Layers import downwards only"),
        ("helpers/__init__.py", "", "Layers import downwards only"),
        ("stages/wrong.py", "import ray", "Only run.ray knows Ray"),
        ("app/wrong.py", "from rich.console import Console", "Only the command line talks"),
        ("reader/wrong.py", "import torch", "needs no training framework"),
        ("media/wrong.py", "import mediapipe", "Models are loaded by pose backends only"),
    ],
)
def test_a_breach_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    shutil.copytree(
        CHECKOUT / "sign_etl", tmp_path / "sign_etl", ignore=shutil.ignore_patterns("__pycache__")
    )
    wrong = tmp_path / "sign_etl" / module
    wrong.parent.mkdir(exist_ok=True)
    # Inside a function, as heavy imports are: the linter must see those too.
    wrong.write_text(f"def late():\n    {line or 'pass'}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0, "the breach went unnoticed"
    assert contract in done.stdout + done.stderr
