"""Content is found in the checkout and in an installed wheel, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.core import content
from sign_etl.core.errors import ConfigError


def test_a_checkout_uses_its_own_folders() -> None:
    checkout = Path(content.__file__).resolve().parents[2]
    assert content.content_dir("pipelines") == checkout / "pipelines"
    assert content.content_dir("schemas") == checkout / "schemas"


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "site-packages" / "sign_etl"
    package.mkdir(parents=True)
    monkeypatch.setattr(content, "_PACKAGE", package)
    return package


def test_a_wheel_uses_what_it_brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = install(tmp_path, monkeypatch)
    bundled = package / "_content" / "training"
    bundled.mkdir(parents=True)
    (package.parent / "training").mkdir()
    assert content.content_dir("training") == bundled


def test_a_strangers_folder_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = install(tmp_path, monkeypatch)
    (package.parent / "training").mkdir()
    with pytest.raises(ConfigError, match="no `training` files") as caught:
        content.content_dir("training")
    assert "pip install" in (caught.value.hint or "")
