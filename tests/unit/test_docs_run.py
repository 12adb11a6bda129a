"""What the documents tell people to type is typed: here where it can be, elsewhere by other tests.

Each document has a folder of its own with what its commands begin from: small builds, a few drawn
videos with their table, tars. Commands run in the order of the document. `ingest` runs up to the
point where the work would begin (`--plan`); `ELSEWHERE` names what only a longer test runs.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import runpy
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny_build import write_tiny_build

from sign_etl.app.train import chains, find_recipe
from sign_etl.cli.main import run
from sign_etl.recipes.base import RECIPES

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "pipelines/README.md",
    "training/README.md",
    *sorted(f"sign_etl/cli/topics/{p.name}" for p in CHECKOUT.glob("sign_etl/cli/topics/*.md")),
)
ELSEWHERE: Mapping[str, tuple[str, str]] = {
    r"demo$": ("estimates for a minute", "tests/e2e/test_demo.py"),
    r"pose fetch ": ("downloads", "tests/unit/pose/test_weights.py"),
    r"pose bench ": ("needs weights", "tests/unit/app/test_bench.py"),
    r"doctor": ("is about this machine", "tests/unit/app/test_doctor.py"),
    r"ingest wlasl100 ": ("downloads", "tests/e2e/test_wlasl.py"),
    r"ingest \w+ .*--runner ray": ("starts a cluster", "tests/e2e/test_backends.py"),
    r"ingest mine.yaml --(out|update)": ("is WLASL, or has no media", "tests/e2e/test_wlasl.py"),
    r"ingest fosshack ": ("needs the published file", "tests/e2e/test_imported.py"),
    r"cluster render slurm wlasl100": ("downloads a list", "tests/cli/test_cluster.py"),
    r"train (?!list)": ("trains for minutes", "tests/e2e/test_train.py"),
    r"evaluate ": ("needs a run", "tests/e2e/test_train.py"),
    r"(embed|similarity) ": ("needs a run", "tests/e2e/test_after_training.py"),
    r"features info clip --set": ("wants a model's files", "tests/cli/test_features.py"),
    r"datasets new ": ("writes into the checkout", "tests/cli/test_datasets_new.py"),
    r"status /data": ("watches a cluster", "tests/unit/app/test_watching.py"),
}
"""What is only parsed by `test_docs.py`: why, and where the command itself runs."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    \S.*\n)+", re.MULTILINE)
EXIT = {"--set normalise.fsp=30": 2}
SHOWN = ("verify demo-build", "pipelines copy", "pipelines validate", "normalise.fsp", "show demo")
"""Whose output the README shows as it is, but for numbers."""


def sessions(document: str) -> list[tuple[str, list[str]]]:
    """Command lines with the lines that the document shows below each."""
    text = (CHECKOUT / document).read_text("utf-8")
    fenced = [block for kind, block in FENCE.findall(text) if kind in ("", "console")]
    blocks = fenced + INDENTED.findall(FENCE.sub("", text))
    found: list[tuple[str, list[str]]] = []
    for block in blocks:
        prompt = "$ " if re.search(r"(?m)^\$ ", block) else ""
        for line in block.splitlines():
            words = line.strip().removeprefix("$ ").partition("  #")[0].strip()
            if line.strip().startswith(prompt) and words.startswith("sign-etl "):
                found.append((words.removeprefix("sign-etl "), []))
            elif prompt and found and not line.startswith("$ "):
                found[-1][1].append(line)
    return found


def elsewhere(line: str) -> bool:
    return any(re.match(pattern, line) for pattern in ELSEWHERE)


@pytest.fixture(scope="module")
def beginnings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the documents take for granted, under the names that they use."""
    folder = tmp_path_factory.mktemp("beginnings")
    build = write_tiny_build(folder / "demo-build", backends=("blazepose", "truth"))
    shutil.copytree(build / "train", folder / "tars")
    write_tiny_build(folder / "builds/unisign", keep_video=False)
    given = RECIPES.get("folder").fixture(folder / "own")
    shutil.move(given["media"], folder / "clips")
    shutil.move(given["annotations"], folder / "clips.csv")
    own = ("--media", folder / "clips", "--annotations", folder / "clips.csv", "--jobs", "1")
    cheap = ("--set", "pose={}", "--set", "normalise.short_side=64", "--store", folder / "store")
    words = ("ingest", "folder", *own, *cheap, "--out", folder / "BUILD", "--quiet")
    assert run([str(word) for word in words]) == 0
    shutil.copytree(build, folder / "builds/first")
    shutil.copytree(build, folder / "builds/mine")
    state = folder / "builds/mine/.sign-etl"
    shutil.copytree(folder / "BUILD/.sign-etl", state, dirs_exist_ok=True)
    tables = RECIPES.get("spoter-csv").fixture(folder / "spoter")
    shutil.move(tables["media"], folder / "tables")
    for table in (folder / "tables").glob("*.csv"):
        count_from_one(table)
    pickles = RECIPES.get("unisign").fixture(folder / "pickles")
    shutil.copytree(pickles["media"], folder / "dataset/WLASL")
    shutil.copytree(pickles["media"], folder / "data/WLASL")
    words = RECIPES.get("wlasl").fixture(folder / "wlasl")
    with gzip.open(folder / "WLASL_v0.3.json.gz", "wb") as file:
        file.write(Path(words["annotations"]).read_bytes())
    return folder


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_run(
    document: str,
    beginnings: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = tmp_path / "here"
    shutil.copytree(beginnings, here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))
    for line, shown in sessions(document):
        if elsewhere(line):
            continue
        words = shlex.split(line)
        words = [a_key(here / words[1]) if word == "KEY" else word for word in words]
        if words[0] == "ingest":
            words.append("--plan")
        wanted = next((code for part, code in EXIT.items() if part in line), 0)
        code = run(words)
        said = capsys.readouterr()
        assert code == wanted, f"{document}: sign-etl {line}\n{said.err}"
        if document == "README.md" and any(part in line for part in SHOWN):
            lines = [*said.out.splitlines(), *said.err.splitlines()]
            assert masked(shown) == masked(lines), line


def count_from_one(table: Path) -> None:
    """Number the classes of a table of SPOTER as most of those that people have."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "labels": int(row["labels"]) + 1} for row in rows)


def a_key(build: Path) -> str:
    """The key of some clip of a build."""
    return str(pq.read_table(build / "index.parquet", columns=["key"])["key"][0])


def masked(lines: list[str]) -> list[str]:
    return [re.sub(r"\d+", "#", re.sub(r"digest [0-9a-f]+", "digest #", line)) for line in lines]


def test_what_is_not_run_here_runs_elsewhere() -> None:
    lines = [line for document in DOCUMENTS for line, _ in sessions(document)]
    for pattern, (why, where) in ELSEWHERE.items():
        assert why
        assert (CHECKOUT / where).exists(), where
        assert any(re.match(pattern, line) for line in lines), f"nothing is left of {pattern}"


def test_training_recipes_that_are_named_exist() -> None:
    known = {part.name for part in chains()}
    lines = [line for document in DOCUMENTS for line, _ in sessions(document)]
    named = {line.split()[1] for line in lines if re.match(r"train (?!list)", line)}
    assert named
    for name in named - known:
        find_recipe(name)


NOTEBOOKS = sorted(path.name for path in (CHECKOUT / "docs/notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_hold_no_outputs_and_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("torch")
    notebook = json.loads((CHECKOUT / "docs/notebooks" / name).read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    write_tiny_build(tmp_path / "demo-build", splits=("train",), shard_clips=100)
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "cells.py"
    program.write_text("\n\n".join("".join(cell["source"]) for cell in cells), "utf-8")
    runpy.run_path(str(program))
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_there_is_a_notebook() -> None:
    assert NOTEBOOKS
