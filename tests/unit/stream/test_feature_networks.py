"""Which network made a set of features: the same one wherever its folder lay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_build import write_tiny_build

from sign_etl.stream.index import open_index


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("build") / "build", clips=2, keep_video=False)


def network(build: Path, **changed: Any) -> str:
    """The digest of a set that the manifest tells of."""
    path = build / "manifest.json"
    manifest = json.loads(path.read_bytes())
    options = {"model": "clip-b16", "tokens": "cls", "layers": 4}
    made = {"backend": "clip", "version": "1", "size": 8, "weights": {"model.safetensors": "ab"}}
    manifest["features"] = {"clip": {**made, "options": options | changed.pop("options", {})}}
    manifest["features"]["clip"] |= changed
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return open_index([build]).sources[0].networks["clip"]


def test_a_folder_has_another_name(build: Path) -> None:
    known = network(build)
    assert network(build, options={"model": "elsewhere"}) == known
    assert network(build, options={"tokens": "stem"}) != known
    assert network(build, weights={"model.safetensors": "cd"}) != known
    assert network(build, backend="timm") != known
