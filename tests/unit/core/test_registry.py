"""Names are known without imports; a wrong one is answered with the near one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.core.registry import Registry


def registry() -> Registry[object]:
    found: Registry[object] = Registry("data set", "sign_etl.tests.nothing")
    found.builtin(list_file="json:dumps", wlasl="json:loads")
    return found


def test_names_are_sorted_and_hyphenated() -> None:
    assert registry().names() == ["list-file", "wlasl"]


def test_get_loads_once() -> None:
    import json

    found = registry()
    assert found.get("list-file") is json.dumps
    assert found.get("list-file") is found.get("list-file")


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(ConfigError, match="unknown data set `wlsal`") as caught:
        registry().get("wlsal")
    assert caught.value.hint == "did you mean `wlasl`?"


def test_otherwise_all_names_are_told() -> None:
    with pytest.raises(ConfigError) as caught:
        registry().get("phoenix")
    assert caught.value.hint == "known are: list-file, wlasl"


def test_names_import_no_plugin() -> None:
    program = (
        "import sys\n"
        "from sign_etl.pose.base import BACKENDS\n"
        "from sign_etl.recipes.base import RECIPES\n"
        "assert 'blazepose' in BACKENDS.names() and 'wlasl' in RECIPES.names()\n"
        "loaded = {'sign_etl.pose.blazepose', 'sign_etl.recipes.wlasl', 'mediapipe'}\n"
        "assert not loaded & set(sys.modules), loaded & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_plugin_of_another_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "our_lab_data.py").write_text("RECIPE = 'of our lab'\n")
    info = tmp_path / "our_lab_data-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-lab-data\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sign_etl.tests.lab]\nour-lab = our_lab_data:RECIPE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found: Registry[object] = Registry("data set", "sign_etl.tests.lab")
    found.builtin(wlasl="json:loads")
    assert found.names() == ["our-lab", "wlasl"]
    assert found.get("our-lab") == "of our lab"
