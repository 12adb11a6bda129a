"""The documents say what is there: commands, options, links, paths, tests, and code that runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tiny_build import write_tiny_build
from typed import commands, wrong_line

from sign_etl.cli.help import topics

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "DECISIONS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/gallery.md",
    "pipelines/README.md",
    "schemas/README.md",
    "tests/README.md",
    "tests/benchmarks/README.md",
    "training/README.md",
    *(f"sign_etl/cli/topics/{name}.md" for name in sorted(topics())),
]
INDENTED = re.compile(r"^    (sign-etl .*)$", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
TOP = ("constraints/", "pipelines/", "schemas/", "sign_etl/", "tests/", ".github/", ".ci/")


def text_of(document: str) -> str:
    return (CHECKOUT / document).read_text(encoding="utf-8")


def typed_lines(text: str) -> list[str]:
    """What documents tell people to type: lines and spans that begin with `sign-etl`."""
    lines = [line.strip() for _, block in FENCE.findall(text) for line in block.splitlines()]
    lines = [line.removeprefix("$ ").partition("  #")[0] for line in lines]
    lines += [*INDENTED.findall(text), *SPAN.findall(text)]
    return [line for line in lines if line.startswith("sign-etl ")]


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert re.search(rf"{re.escape(command)}\b", text_of("README.md"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_is_typed_exists(document: str) -> None:
    known, text = commands(), text_of(document)
    for line in typed_lines(text):
        # In a sentence a command may stand alone; its words must be right all the same.
        wrong = wrong_line(line.split("   (")[0], known, bare=line in SPAN.findall(text))
        assert not wrong, f"{document}: {wrong}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    links = [link for link in LINK.findall(text_of(document)) if "://" not in link]
    folder = (CHECKOUT / document).parent
    assert not [link for link in links if not (folder / link.partition("#")[0]).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_exist(document: str) -> None:
    """Paths of the repository; those of the package may be named from `sign_etl/` on."""
    layers = tuple(f"{path.name}/" for path in (CHECKOUT / "sign_etl").iterdir() if path.is_dir())
    missing = []
    for word in SPAN.findall(text_of(document)):
        path = word.split("::")[0].split()[-1]
        if re.search(r"[<>*{}]|\.\.\.|[A-Z]{3}(?!.*\.md)|NAME", path) or "/_content" in path:
            continue
        if path.startswith(TOP) or (path.startswith(layers) and path.count("/")):
            roots = (CHECKOUT, CHECKOUT / "sign_etl", (CHECKOUT / document).parent)
            if not any((root / path).exists() for root in roots):
                missing.append(word)
    assert not missing


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_layer_is_told(document: str) -> None:
    folders = [path.parent.name for path in (CHECKOUT / "sign_etl").glob("*/__init__.py")]
    text = text_of(document)
    assert not [name for name in folders if not re.search(rf"(?m)^[|`/ a-z]*\b{name}\b", text)]


def test_every_extra_is_in_the_table() -> None:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        extras = set(tomllib.load(file)["project"]["optional-dependencies"])
    _, _, table = text_of("README.md").partition("| extra | brings |")
    rows = table.partition("\n\n")[0].splitlines()
    assert {name for row in rows for name in SPAN.findall(row.split(" | ")[0])} == extras


def test_named_tests_exist() -> None:
    everything = "".join(path.read_text() for path in (CHECKOUT / "tests").rglob("test_*.py"))
    for document in DOCUMENTS:
        for name in re.findall(r"`(test_\w+)`", text_of(document)):
            assert f"def {name}(" in everything, f"{document}: {name}"


def test_settings_of_the_environment_are_read_somewhere() -> None:
    code = "".join(
        path.read_text() for top in ("sign_etl", "tests") for path in (CHECKOUT / top).rglob("*.py")
    )
    for document in DOCUMENTS:
        for name in re.findall(r"SIGN_ETL_[A-Z_]+", text_of(document)):
            assert f'"{name}"' in code, f"{document}: {name}"


def test_python_of_the_readme_runs(tmp_path: Path) -> None:
    build = write_tiny_build(tmp_path / "builds/mine", splits=("train",), shard_clips=100)
    # The README names the shard and the folder as its own sessions made them.
    shard = next((build / "train").glob("*.tar"))
    shutil.copy(shard, shard.with_name("folder-train-000000.tar"))
    shutil.copytree(build, tmp_path / "demo-build")
    blocks = [block for kind, block in FENCE.findall(text_of("README.md")) if kind == "python"]
    assert len(blocks) >= 3
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"


def test_the_documents_name_no_machine() -> None:
    for document in DOCUMENTS:
        assert not re.search(r"(?<![\w.])/(work|home|root|tmp)/", text_of(document)), document
