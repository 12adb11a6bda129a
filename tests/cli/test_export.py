"""`sign-etl export` as a process: what it prints, and how it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_build import write_tiny_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("export") / "build", clips=4)


def test_it_says_what_it_did(sign_etl: Any, build: Path, tmp_path: Path) -> None:
    done = sign_etl("export", build, "spoter", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Exported 4 clips as spoter to {tmp_path / 'out'}: 4 files, ")
    assert "converted from holistic-75 to spoter-54" in done.stderr
    assert "Licence: CC0-1.0" in done.stderr
    again = sign_etl("export", build, "spoter", "--out", tmp_path / "out")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("error: ")
    assert "is there already" in again.stderr
    assert "hint: name another folder" in again.stderr


def test_json_and_list(reply: Any, build: Path, tmp_path: Path) -> None:
    data = reply("export", build, "videomae", "--out", tmp_path / "out", "--split", "val")
    assert (data["clips"], data["splits"], data["video"]) == (2, ["val"], True)
    listed = {one["name"]: one for one in reply("export", "--list")["formats"]}
    assert listed["unisign"]["layout"] == "coco-wholebody-133"
    assert listed["videomae"]["video"] == "needed"


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [([], "BUILD"), (["builds/x"], "FORMAT"), (["builds/x", "hf"], "--out")],
)
def test_what_is_missing_is_named(sign_etl: Any, arguments: list[str], lacking: str) -> None:
    done = sign_etl("export", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: missing {lacking}\nhint: `sign-etl export BUILD FORMAT")
