"""`doctor` on machines with and without a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.app.doctor import doctor


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
