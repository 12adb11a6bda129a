"""`doctor` on machines with and without a GPU."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from tiny_run import write_videos

from sign_etl.app.doctor import doctor
from sign_etl.app.prepare import IngestRequest


def gpu() -> list[tuple[str, str]]:
    return [(part.state, part.detail) for part in doctor().checks if part.group == "gpu"]


def test_gpu_absent_broken_and_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))
    assert gpu() == [("absent", "none found; nothing here needs one")]
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\nexit 9\n")
    program.chmod(0o755)
    assert gpu() == [("absent", "nvidia-smi finds no working driver")]
    program.write_text("#!/bin/sh\necho 'Card A, 80 GiB'; echo 'Card B, 40 GiB'\n")
    assert gpu() == [("ok", "Card A, 80 GiB"), ("ok", "Card B, 40 GiB")]


def test_every_extra_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the checkout was installed before it had some of them."""
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path))
    told = {part.name: part.detail for part in doctor().checks if part.group == "extras"}
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8")
    wanted = tomllib.loads(text)["project"]["optional-dependencies"]
    assert set(told) == set(wanted) - {"all"}
    for extra, detail in told.items():
        names = [re.split(r"[^\w.-]", line)[0] for line in wanted[extra]]
        assert [part.split()[0] for part in detail.split(", ")] == names


def test_missing_libraries_only_matter_to_blazepose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sign_etl.app.doctor as module

    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "LIBRARIES", (("libnosuch.so.9", "libnosuch9"),))
    for installed, state in (("1.2", "bad"), (None, "absent")):
        monkeypatch.setattr(module, "_version", lambda _, version=installed: version)
        [part] = [part for part in doctor().checks if part.group == "libraries"]
        assert part.state == state
        assert part.hint is not None
        assert "apt-get install" in part.hint
        assert "libnosuch9" in part.hint


def build_checks(**request: object) -> dict[str, tuple[str, str]]:
    checks = doctor(request=IngestRequest(**request)).checks  # type: ignore[arg-type]
    return {part.name: (part.state, part.detail) for part in checks if part.group == "build"}


def test_a_build_that_can_run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))
    media = write_videos(tmp_path / "media", ["a/one.mp4", "b/two.mp4"])
    found = build_checks(
        pipeline="folder", media=media, out=tmp_path / "deep" / "build", settings=("pose={}",)
    )
    assert {state for state, _ in found.values()} == {"ok"}
    assert found["plan"][1].startswith("2 clips, 2 sources")
    assert not (tmp_path / "deep").exists(), "looking leaves nothing behind"


def test_everything_that_is_wrong_with_a_build_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SIGN_ETL_WEIGHTS", str(tmp_path / "no weights"))
    monkeypatch.setenv("PATH", str(tmp_path))
    found = build_checks(
        pipeline="folder",
        out=Path("/proc/build"),
        store=str(tmp_path / "store"),
        settings=("pools.pose.gpus=1",),
    )
    states = {name: state for name, (state, _) in found.items()}
    assert states == {
        "pipeline": "ok",
        "store": "ok",
        "pose blazepose": "bad",
        "plan": "bad",
        "out": "bad",
        "pools": "absent",
    }
    assert build_checks(pipeline="no-such-pipeline").keys() == {"pipeline"}


def test_a_disk_that_is_too_small_for_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))
    media = write_videos(tmp_path / "media", ["a/one.mp4"])
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = build_checks(pipeline="folder", media=media, out=tmp_path / "b", settings=("pose={}",))
    assert found["out"][0] == found["store"][0] == "bad"
