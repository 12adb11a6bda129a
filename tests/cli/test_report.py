"""`sign-etl report`: what it tells, as text and as JSON, and when it ends with 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hygiene_build import motion, write_build


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips in three splits; the first and the second are near-identical."""
    folder = tmp_path_factory.mktemp("report") / "build"
    clips = [motion(seed) for seed in range(6)]
    clips[1] = clips[0][4:] + 0.001
    index = {"clip 0": {"signer": None}, "clip 4": {"start_s": 9.0, "end_s": 11.0}}
    write_build(folder, clips, index=index, lock={"clip 4": {"sha256": "source of clip 0"}})
    return folder


def test_it_tells_everything(sign_etl: Any, build: Path) -> None:
    done = sign_etl("report", build)
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "requested    7",
        "after fetch  6  link-dead 1",
        "written      6",
        "near-identical clips (within 0.075 shoulder widths): 1 pair of 2 clips, 1 across splits",
        "sources in more than one split: 1, with 2 clips",
        "0.mp4 (train: 1, val: 1)",
        "signers in more than one split: 2",
        "unknown in 1 clip\n",
        "classes missing in val: 4",
        "CC0-1.0",
    ):
        assert words in done.stdout, words


def test_json(reply: Any, build: Path) -> None:
    data = reply("report", build)
    assert (data["requested"], data["outcomes"]) == (7, {"failed": 1, "written": 6})
    assert data["funnel"] == [{"stage": "fetch", "rejected": {"link-dead": 1}, "left": 6}]
    assert [split["split"] for split in data["splits"]] == ["train", "val", "test"]
    assert sum(split["requested"] for split in data["splits"]) == 7
    assert sum(split["written"] for split in data["splits"]) == 6
    assert data["classes"]["total"] == 6
    assert data["seconds"] == pytest.approx(sum(split["seconds"] for split in data["splits"]))
    assert data["without_signer"] == 1
    assert data["hygiene"]["leaks"] == 2
    [pair] = data["hygiene"]["near"]["copies"]["examples"]
    assert set(pair["splits"]) == {"train", "val"}
    quick = reply("report", build, "--quick", "--examples", "0")["hygiene"]
    assert (quick["near"], quick["leaks"]) == (None, 1)
    assert quick["sources"] == {"total": 1, "clips": 2, "examples": []}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("leaks", "splits share content: 1 source, 1 pair of near-identical clips"),
        ("signers", "splits share 2 signers"),
        ("classes", "classes without a clip in a split: "),
    ],
)
def test_it_fails_on_what_it_is_told_to(sign_etl: Any, build: Path, kind: str, words: str) -> None:
    done = sign_etl("report", build, "--fail-on", kind)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {words}")
    assert "licence" in done.stdout


def test_it_passes_what_is_clean(sign_etl: Any, tmp_path: Path) -> None:
    write_build(tmp_path / "b", [motion(seed) for seed in range(6)], lock={})
    done = sign_etl("report", tmp_path / "b", "--fail-on", "leaks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "identical clips: none" in done.stdout


def test_a_page_beside_the_build_and_elsewhere(
    reply: Any, sign_etl: Any, build: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    before = reply("verify", build, code=1)  # a clip of it was moved by hand
    data = reply("report", build, "--html", "--against", build, "--samples", "2")
    assert data["page"] == str(build / "report.html")
    assert data["drift"]["moved"] == {}
    assert {curve["part"] for curve in data["poses"][0]["curves"]} >= {"body", "left_hand"}
    assert reply("verify", build, code=1) == before
    done = sign_etl("report", build, "--quick", "--out", tmp_path / "deep" / "x.html")
    assert done.returncode == 0, done.stderr
    assert f"page: {tmp_path / 'deep' / 'x.html'}" in done.stdout
    assert (tmp_path / "deep" / "x.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_wrong_words(sign_etl: Any, build: Path, tmp_path: Path) -> None:
    wrong = sign_etl("report", build, "--fail-on", "leak")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "error: a report has no finding `leak`\nhint: did you mean `leaks`?\n"
    assert sign_etl("report", tmp_path).returncode == 2
