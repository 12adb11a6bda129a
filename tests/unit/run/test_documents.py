"""README.md and croissant.json of a build: what they say, who checks them, when they change."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml
from process import tree
from tiny_run import TinyRun, make_clip, tiny_run, write_videos

from sign_etl.reader import open_build
from sign_etl.run.documents import DOCUMENTS
from sign_etl.run.revoke import revoke
from sign_etl.shard.compare import tree_digest
from sign_etl.shard.verify import verify

CARD, CROISSANT = DOCUMENTS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """Five clips: two splits, two signers and one who is not known, one broken file."""
    folder = tmp_path_factory.mktemp("documents")
    media = write_videos(folder / "media", ["a.mp4", "b.mp4", "c.mp4", "d.mp4"])
    (media / "page.mp4").write_text("<!DOCTYPE html><html></html>")
    clips = [
        make_clip("a", label="λ|<b>", split="train", signer="anna"),
        make_clip("b", label="λ|<b>", split="val", signer="anna"),
        make_clip("c", label="μ", split="train", signer="Čeněk"),
        make_clip("d", label="μ", split="train"),
        make_clip("page", label="ν", split="train", signer="nobody"),
    ]
    run = tiny_run(folder / "run", clips, media, pack={"shard_clips": 2})
    run.run()
    run.publish()
    return run


@pytest.fixture
def run(made: TinyRun, tmp_path: Path) -> TinyRun:
    return made.copy(tmp_path / "run")


def read(run: TinyRun, name: str) -> str:
    return (run.build / name).read_text(encoding="utf-8")


def test_the_card_says_what_is_in_the_build(run: TinyRun) -> None:
    _, head, text = read(run, CARD).split("---\n", 2)
    assert yaml.safe_load(head)["configs"][0]["data_files"] == [
        {"split": "train", "path": "train/*.tar"},
        {"split": "validation", "path": "val/*.tar"},
    ]
    assert "| Clips | 4 of 5 requested |" in text
    assert re.search(r"\| train \| 3 \| 3 \| 2 \| 2 \| 0:00:0\d \|", text)
    assert re.search(r"\| val \| 1 \| 1 \| 1 \| 1 \| 0:00:00 \|", text)
    assert "| λ\\|&lt;b> | 1 | 1 | 2 |" in text
    assert "| μ | 2 | 0 | 2 |" in text
    assert "| anna | 1 | 1 | 2 |" in text
    assert "| Čeněk | 1 | 0 | 1 |" in text
    for limit in (
        "1 of the requested clips is not in it (not-media 1)",
        "1 of 3 classes has no clip",
        "`val` has no clip of 1 class",
        "Who signs is not known for 1 clip",
        "1 signer stands in more than one split",
    ):
        assert f"* {limit}" in text
    assert "nobody" not in text
    with open_build(run.build) as build:
        assert not any(sample.key in text for sample in build)


def test_the_lines_of_the_card_run(
    run: TinyRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "script.py"
    script.write_text(read(run, CARD).partition("```python\n")[2].partition("```")[0])
    monkeypatch.chdir(run.build)
    runpy.run_path(str(script))
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_mlcroissant_reads_the_build(run: TinyRun) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    found = mlcroissant.Dataset(run.build / CROISSANT)
    assert not found.metadata.ctx.issues.errors
    with open_build(run.build) as build:
        names = {*build.manifest.files, *(shard.path for shard in build.manifest.shards)}
        assert {each["@id"] for each in json.loads(read(run, CROISSANT))["distribution"]} == names
        keys = [row["clips/key"].decode() for row in found.records("clips")]
        assert keys == build.index["key"].to_pylist()


def test_they_change_no_digest_of_the_build(run: TinyRun) -> None:
    with open_build(run.build) as build:
        manifest = build.manifest
    assert set(manifest.documents) == set(DOCUMENTS)
    bare = manifest.model_copy(update={"documents": {}})
    assert tree_digest(bare) == tree_digest(manifest)
    assert not set(DOCUMENTS) & set(manifest.files)


def test_a_foreign_change_is_named_and_mended(run: TinyRun) -> None:
    before = tree(run.build)
    (run.build / CARD).write_text("mine", encoding="utf-8")
    (run.build / CROISSANT).unlink()
    named = [problem.partition(":")[0] for problem in verify(run.build).problems]
    assert sorted(named) == sorted(DOCUMENTS)
    run.publish()
    assert tree(run.build) == before
    assert verify(run.build).ok


def test_a_build_of_an_earlier_version_is_sound(run: TinyRun) -> None:
    manifest = json.loads((run.build / "manifest.json").read_bytes())
    del manifest["documents"]
    (run.build / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (run.build / CROISSANT).unlink()
    (run.build / CARD).write_text("notes of somebody", encoding="utf-8")
    assert verify(run.build).ok


def test_the_manifest_is_withdrawn_before_they_change(run: TinyRun) -> None:
    (run.build / CROISSANT).unlink()
    (run.build / CROISSANT).mkdir()  # it cannot be written, as on a disk that fills up there
    with pytest.raises(OSError, match="directory"):
        run.publish()
    assert not (run.build / "manifest.json").exists()


def test_who_is_revoked_is_named_no_more(run: TinyRun) -> None:
    keys = [
        row["key"]
        for row in run.plan.table.select(["key", "signer"]).to_pylist()
        if row["signer"] == "Čeněk"
    ]
    old = json.loads(read(run, CROISSANT))
    revoke(run.plan, run.setup, run.build, run.journal, keys=keys)
    assert not any((run.build / name).exists() for name in DOCUMENTS)
    run.publish()
    assert "Čeněk" not in read(run, CARD)
    assert "| Clips | 3 of 5 requested |" in read(run, CARD)
    new = json.loads(read(run, CROISSANT))
    stale = {each["sha256"] for each in old["distribution"] if each["@id"].startswith("train/")}
    assert not stale <= {each["sha256"] for each in new["distribution"]}
    assert verify(run.build).ok
