"""`sign-etl show` in characters and as a film: what strangers wrote moves no cursor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from forge import change_index, change_ledger
from tiny_build import write_tiny_build

HOSTILE = "\x1b[38;2;1;2;3m▀\x1b[2Jgone"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_tiny_build(tmp_path_factory.mktemp("show") / "build", clips=2)

    def spoil(rows: list[dict[str, object]]) -> None:
        for row in rows:
            row.update(label=HOSTILE)

    change_index(folder, spoil)
    change_ledger(folder, spoil)
    return folder


def test_no_label_moves_the_cursor(sign_etl: Any, build: Path) -> None:
    done = sign_etl("show", build, "--terminal", "--clips", "1", COLUMNS="70")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    title, *_, last = done.stdout.splitlines()
    assert title.startswith("\\x1b[38;2;1;2;3m▀\\x1b[2Jgone · ")
    assert last.startswith("blazepose right hand  ")
    wrong = sign_etl("show", build, "--terminal", "--json")
    assert wrong.returncode == 2


def test_a_film(reply: Any, build: Path, tmp_path: Path) -> None:
    data = reply("show", build, "--out", tmp_path / "x.gif")
    assert data == {"picture": str(tmp_path / "x.gif")}
    assert (tmp_path / "x.gif").read_bytes()[:6] == b"GIF89a"


def test_another_kind_of_file_is_refused(sign_etl: Any, build: Path, tmp_path: Path) -> None:
    done = sign_etl("show", build, "--out", tmp_path / "x.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing is drawn as .txt" in done.stderr
    assert not (tmp_path / "x.txt").exists()


def test_the_curves_of_a_run(sign_etl: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    from sign_etl.app.show_run import show_run
    from sign_etl.core.errors import UsageError

    run = tmp_path / "run"
    run.mkdir()
    lines = [
        f'{{"kind": "{kind}", "metrics": {{"loss": {1 / step}}}, "step": {step}}}\n'
        for step in (1, 2, 3)
        for kind in ("train", "val")
    ]
    (run / "metrics.jsonl").write_text("".join(lines) + '{"kind": "tr')
    done = sign_etl("show", run, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'run.png'}\n"
    with Image.open(tmp_path / "run.png") as picture:
        assert picture.format == "PNG"
    with pytest.raises(UsageError, match="as PNG"):
        show_run(run, tmp_path / "x.mp4")
    (run / "metrics.jsonl").write_text("")
    with pytest.raises(UsageError, match="nothing yet"):
        show_run(run, tmp_path / "y.png")
