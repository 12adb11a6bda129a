"""Two laboratories with one lock, and a revocation that is killed wherever it can be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from process import environment, sign_etl, tree
from tiny_run import write_videos
from trouble_server import TroubleServer

from sign_etl.reader import open_build

NAMES = ("00001", "00002", "00003", "00004")
KILLED = (
    "files.after-rename@*/revoked.json",
    "journal.after-append",
    "pack.removing",
    "files.before-rename@*.tar",
    "files.after-rename@*.tar",
    "files.before-rename@*/shards/*.json",
    "finish.before-tables",
    "files.after-rename@*/ledger.parquet",
    "files.after-rename@*/build.lock",
    "finish.before-manifest",
)
"""Where a revocation of one clip of a shard passes, and where one of a whole shard does."""


def annotations(path: Path, server: TroubleServer) -> Path:
    """A WLASL index with addresses on `server`."""
    rows = [
        {
            "bbox": [0, 0, 96, 64],
            "fps": 25,
            "frame_start": 1,
            "frame_end": -1,
            "instance_id": number,
            "signer_id": 1,
            "source": "x",
            "split": "train",
            "url": server.url(f"ok/{name}.mp4"),
            "variation_id": 0,
            "video_id": name,
        }
        for number, name in enumerate(NAMES)
    ]
    path.write_text(json.dumps([{"gloss": "book", "instances": rows}]))
    return path


def test_two_laboratories_build_the_same_subset(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", [f"{name}.mp4" for name in NAMES])
    common = ("--allow-private-hosts", "--set", "pose={}", "--jobs", "1")
    away = media / f"{NAMES[1]}.mp4"
    away.rename(tmp_path / "away.mp4")
    with TroubleServer(media) as server:
        common += ("--annotations", str(annotations(tmp_path / "index.json", server)))
        mine, theirs = tmp_path / "mine", tmp_path / "theirs"
        sign_etl("ingest", "wlasl", "--out", mine, "--store", tmp_path / "a", *common)
        asked = server.requests(f"/ok/{NAMES[1]}.mp4")
        # The other laboratory could have what the first could not, and must not.
        (tmp_path / "away.mp4").rename(away)
        sign_etl(
            *("ingest", "wlasl", "--out", theirs, "--store", tmp_path / "b", *common),
            *("--lock", mine / "build.lock"),
            env={"TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "7", "LC_ALL": "C"},
        )
        assert server.requests(f"/ok/{NAMES[1]}.mp4") == asked
    assert tree(mine) == tree(theirs)
    with open_build(theirs) as build:
        assert len(build) == len(NAMES) - 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("revoked")
    media = write_videos(folder / "media", [f"{name}.mp4" for name in NAMES[:3]])
    settings = ("--set", "pose={}", "--set", "pack.shard_clips=2", "--jobs", "1")
    places = ("--media", media, "--out", folder / "build", "--store", folder / "store")
    sign_etl("ingest", "folder", *places, *settings)
    return folder


@pytest.fixture(scope="module")
def quiet(built: Path) -> dict[str, str]:
    """The tree after a revocation that nobody disturbed."""
    shutil.copytree(built / "build", built / "quiet")
    sign_etl("revoke", built / "quiet", *revoked(built / "quiet"))
    return tree(built / "quiet")


def revoked(build: Path) -> list[str]:
    """All of one shard, and one clip of another."""
    with open_build(build) as opened:
        shards: dict[str, list[str]] = {}
        for sample in opened:
            shards.setdefault(sample.shard, []).append(sample.source_id)
    whole, part = sorted(shards.values(), key=len)
    return [*whole, part[0]]


@pytest.mark.parametrize("moment", KILLED)
def test_a_killed_revocation_is_finished_by_the_same_command(
    built: Path, quiet: dict[str, str], tmp_path: Path, moment: str
) -> None:
    build = shutil.copytree(built / "build", tmp_path / "build")
    names = revoked(build)
    fault = environment(SIGN_ETL_FAULT=f"{moment}:kill")
    killed = sign_etl("revoke", build, *names, expect=None, env=fault)
    assert killed.returncode == -9
    assert not (build / "manifest.json").exists()
    sign_etl("revoke", build, *names)
    assert tree(build) == quiet
