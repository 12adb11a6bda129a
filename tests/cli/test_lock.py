"""`ingest --locked`, `lock check | diff | merge` and `verify --against`, as a user has them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sign_etl.media import normalise

NO_POSE = ("--set", "pose={}", "--jobs", 1)


def made(sign_etl: Any, videos: Path, out: Path, *more: object, code: int = 0) -> Any:
    done = sign_etl("ingest", "folder", "--media", videos, "--out", out, *NO_POSE, *more)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def build(sign_etl: Any, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locks") / "mine"
    made(sign_etl, videos, folder)
    return folder


@pytest.fixture
def drifted(videos: Path, tmp_path: Path) -> Path:
    """The same folder with another video under the name of one."""
    folder = shutil.copytree(videos, tmp_path / "videos")
    shutil.copy(folder / "b.mp4", folder / "a.mp4")
    return folder


def test_drift_is_a_reject_and_ends_with_one(
    sign_etl: Any, reply: Any, build: Path, drifted: Path, tmp_path: Path
) -> None:
    out, store = tmp_path / "theirs", ("--store", tmp_path / "store")
    done = made(sign_etl, drifted, out, *store, "--lock", build, code=1)
    assert "lock-drift  1" in done.stdout
    assert "1 clip did not end as in the lock: lock-drift 1" in done.stderr
    told = sign_etl("lock", "diff", build, out)
    assert told.returncode == 1
    assert "written -> failed (lock-drift, sha256 " in told.stdout
    data = reply("lock", "diff", build, out, code=1)
    assert (data["counts"], data["head"], len(data["clips"])) == ({"outcome": 1}, [], 1)
    assert reply("lock", "diff", build, out, "--examples", 0, code=1)["clips"] == []
    assert reply("lock", "diff", build, build)["same"] is True


def test_the_lock_builds_the_same_tree_elsewhere(
    sign_etl: Any, reply: Any, build: Path, videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "theirs"
    made(sign_etl, videos, out, "--store", tmp_path / "store", "--lock", build / "build.lock")
    exact = reply("verify", build, "--against", out, "--exact")
    assert (exact["same"], exact["compared"]) == (True, 3)
    digest = exact["digest"]
    told = sign_etl("verify", out, "--against", digest)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        f"{out} is sound: 3 samples in 1 shard, digest {digest[:12]}",
        f"{digest}: the same bytes",
    ]
    again = made(sign_etl, videos, out, "--store", tmp_path / "store", "--locked")
    assert "in the lock" not in again.stderr


def test_another_pipeline_is_refused_before_anything_runs(
    sign_etl: Any, build: Path, videos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "theirs"
    done = made(sign_etl, videos, out, "--set", "normalise.fps=5", "--lock", build, code=2)
    assert "pipeline.normalise.fps: 25.0 in the lock, 5.0 here" in done.stderr
    assert not out.exists()
    head, *lines = (build / "build.lock").read_text().splitlines()
    other = json.loads(head)
    other["stages"]["normalise"] = "0"
    (tmp_path / "old.lock").write_text("\n".join([json.dumps(other), *lines]) + "\n")
    done = made(sign_etl, videos, out, "--lock", tmp_path / "old.lock", code=2)
    assert f"stages.normalise: 0 in the lock, {normalise.VERSION} here" in done.stderr
    pending = [json.dumps({"key": json.loads(lines[0])["key"], "outcome": "pending"}), *lines[1:]]
    (tmp_path / "half.lock").write_text("\n".join([head, *pending]) + "\n")
    done = made(sign_etl, videos, out, "--lock", tmp_path / "half.lock", code=2)
    assert "1 of 4 clips have no end" in done.stderr
    done = made(sign_etl, videos, out, "--locked", code=2)
    assert "hint: name one with --lock FILE" in done.stderr


def test_check(sign_etl: Any, reply: Any, build: Path, tmp_path: Path, videos: Path) -> None:
    data = reply("lock", "check", build, "--media")
    assert (data["sound"], data["samples"], data["stored"], data["missing"]) == (True, 3, 3, 0)
    alone = reply("lock", "check", build / "build.lock", "--store", tmp_path / "empty")
    assert (alone["samples"], alone["stored"], alone["missing"]) == (0, 0, 3)
    copy = shutil.copytree(build, tmp_path / "copy")
    text = (copy / "build.lock").read_text()
    lines = text.splitlines()
    number, line = next(
        (number, json.loads(line)) for number, line in enumerate(lines) if '"video"' in line
    )
    lines[number] = json.dumps(line | {"video": "ab" * 32})
    (copy / "build.lock").write_text("\n".join(lines) + "\n")
    done = sign_etl("lock", "check", copy)
    assert done.returncode == 1
    assert f"{line['key']}: its video is not the one in the lock" in done.stderr
    (copy / "build.lock").write_text(text.replace('"written"', '"failed"', 1))
    assert "written in the ledger, failed in the lock" in sign_etl("lock", "check", copy).stderr


def test_merge(sign_etl: Any, reply: Any, build: Path, tmp_path: Path) -> None:
    head, *lines = (build / "build.lock").read_text().splitlines()
    half = tmp_path / "half.lock"
    first = json.loads(next(line for line in lines if '"written"' in line))
    dead = {"key": first["key"], "source_id": first["source_id"], "outcome": "failed"}
    dead |= {"stage": "fetch", "reason": "link-dead"}
    rest = [json.dumps(dead) if json.loads(line) == first else line for line in lines]
    half.write_text("\n".join([head, *rest]) + "\n")
    out = tmp_path / "both.lock"
    told = sign_etl("lock", "merge", half, build, "--out", out)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == f"{out}: 4 clips (failed 1, written 3), 1 of them from {build} alone\n"
    assert reply("lock", "diff", out, build)["same"] is True
    forged = json.dumps(first | {"sha256": "ab" * 32})
    rest = [forged if first["key"] in line else line for line in lines]
    half.write_text("\n".join([head, *rest]) + "\n")
    out.unlink()
    data = reply("lock", "merge", half, build, "--out", out, code=1)
    assert [each["key"] for each in data["conflicts"]] == [first["key"]]
    assert not out.exists()


def test_verify_needs_something_to_compare_with(sign_etl: Any, build: Path) -> None:
    for option in (("--exact",), ("--tolerance", 1)):
        done = sign_etl("verify", build, *option)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--against BUILD" in done.stderr
    assert (
        sign_etl("verify", build, "--against", build, "--exact", "--tolerance", 1).returncode == 2
    )
