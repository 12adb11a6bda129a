"""`sign-etl datasets new`: what it writes works as it is, in a copy of the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CONTENT = ("sign_etl", "pipelines", "schemas", "tests")
ENTRY = '    my_words="sign_etl.recipes.my_words:RECIPE",\n'


@pytest.fixture(scope="module")
def checkout(sign_etl: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout with a data set `my-words`."""
    folder = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in CONTENT:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    done = sign_etl("datasets", "new", "my-words", "--title", "My words", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tests/unit/recipes/test_my_words.py" in done.stdout
    return folder


def in_copy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python where the copy is what `import sign_etl` finds."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_registered_in_order_and_once(checkout: Path) -> None:
    text = (checkout / "sign_etl" / "recipes" / "base.py").read_text("utf-8")
    assert text.count(ENTRY) == 1
    block = text.partition("RECIPES.builtin(\n")[2].partition("\n)")[0].split("\n")
    assert block == sorted(block)
    before = (CHECKOUT / "sign_etl" / "recipes" / "base.py").read_text("utf-8")
    assert text.replace(ENTRY, "") == before


def test_it_passes_contract_and_own_tests(checkout: Path) -> None:
    quiet = ("-p", "no:cacheprovider")
    contract = in_copy(
        checkout, "pytest", *quiet, "tests/contract/test_recipes.py", "-k", "my-words"
    )
    assert contract.returncode == 0, contract.stdout
    assert contract.stdout.count(".") > 20
    own = in_copy(checkout, "pytest", *quiet, "tests/unit/recipes/test_my_words.py")
    assert own.returncode == 0, own.stdout


def test_it_passes_the_linters(checkout: Path) -> None:
    files = ("sign_etl/recipes/my_words.py", "tests/unit/recipes/test_my_words.py")
    for check in (("check",), ("format", "--check")):
        done = in_copy(checkout, "ruff", *check, "--no-cache", *files)
        assert done.returncode == 0, done.stdout


def test_it_builds(checkout: Path) -> None:
    script = (
        "from pathlib import Path; from sign_etl.recipes.base import RECIPES;"
        "RECIPES.get('my-words').fixture(Path('media'))"
    )
    subprocess.run([sys.executable, "-c", script], cwd=checkout, check=True)
    ingest = in_copy(
        checkout,
        *("sign_etl", "ingest", "my-words", "--media", "media", "--out", "build"),
        *("--store", "store", "--set", "pose={}", "--jobs", "1"),
    )
    assert ingest.returncode == 0, ingest.stderr
    verify = in_copy(checkout, "sign_etl", "verify", "build")
    assert verify.returncode == 0, verify.stderr
    assert verify.stdout.startswith("build is sound: 4 samples in 3 shards, digest ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wlasl", "error: the data set `wlasl` exists"),
        ("My_Words", "error: `My_Words` is no name for a data set"),
        ("18-words", "error: `18-words` is no name for a data set"),
        ("class", "error: `class` is no name for a data set"),
        ("tabular", "error: sign_etl/recipes/tabular.py is there already"),
    ],
)
def test_names_that_cannot_be(sign_etl: Any, checkout: Path, name: str, message: str) -> None:
    before = sorted(path for path in checkout.rglob("*.yaml"))
    done = sign_etl("datasets", "new", name, cwd=checkout)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert sorted(path for path in checkout.rglob("*.yaml")) == before


def test_elsewhere_it_says_what_to_do(sign_etl: Any, tmp_path: Path) -> None:
    done = sign_etl("datasets", "new", "my-words", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no checkout of sign-etl" in done.stderr
    assert "entry point" in done.stderr


def test_json(reply: Any, checkout: Path) -> None:
    data = reply("datasets", "new", "more-words", "--checkout", checkout)
    assert data["written"][0] == "sign_etl/recipes/more_words.py"
    assert data["changed"] == ["sign_etl/recipes/base.py", "pipelines/README.md"]
