"""`sign-etl features`: which frozen networks there are, and what a model gives."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sign_etl.cli.main import run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that looks like a CLIP; nobody loads it."""
    folder = tmp_path / "some-clip"
    folder.mkdir()
    vision = {"hidden_size": 8, "image_size": 32, "patch_size": 16}
    (folder / "config.json").write_text(json.dumps({"vision_config": vision}))
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [vision]\n---\n\n# A model\n")
    return folder


def test_they_are_listed(reply: Any, capsys: pytest.CaptureFixture[str]) -> None:
    parts = {part["name"]: part for part in reply("features", "list")["backends"]}
    assert {"clip", "pixels", "timm"} <= set(parts)
    assert (parts["clip"]["needs"], parts["clip"]["extra"]) == (["model"], "train")
    assert (parts["pixels"]["needs"], parts["pixels"]["installed"]) == ([], True)
    assert run(["features", "list", "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines() == list(parts)


def test_a_model_is_told_by_its_files(
    reply: Any, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = reply("features", "info", "clip", "--set", f"model={model}", "--set", "tokens=cls")
    assert info["size"] == 4 * 8
    files = {file["name"]: file for file in info["files"]}
    assert set(files) == {"config.json", "model.safetensors"}
    weights = files["model.safetensors"]
    assert weights["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert (weights["size_bytes"], weights["licence"]) == (7, "mit")
    assert weights["folder"] == str(model)
    assert run(["features", "info", "clip", "--set", f"model={model}"]) == 0
    said = capsys.readouterr().out
    assert "numbers a frame" in said
    assert str(model) in said


def test_without_a_model_its_options_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["features", "info", "clip", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)["data"]
    assert (info["size"], info["files"]) == (None, [])
    options = {option["name"]: option for option in info["options"]}
    assert (options["model"]["required"], options["model"]["default"]) == (True, None)
    assert (options["layers"]["required"], options["layers"]["default"]) == (False, 4)


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["pixel"], 2, "unknown feature backend `pixel`", "did you mean `pixels`?"),
        (["pixels", "--set", "sied=4"], 2, "`sied` is not a setting", "did you mean `side`?"),
        (["clip", "--set", "tokens=cls"], 2, "`model`", "sign-etl features info clip"),
        (["clip", "--set", "model=nowhere"], 3, "has no config.json", "hf download"),
    ],
    ids=["name", "option", "needed", "folder"],
)
def test_what_is_wrong_is_told(
    arguments: list[str],
    code: int,
    message: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["features", "info", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert message in said.err
    assert hint in said.err
