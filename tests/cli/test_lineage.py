"""`why`, `retry` and `revoke`, as a user has them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

POSE = ("--set", "pose={truth: {}}", "--jobs", 1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def demo(sign_etl: Any, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lineage") / "demo"
    done = sign_etl("ingest", "demo", "--limit", 6, "--out", folder, "--store", store, *POSE)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def build(demo: Path, tmp_path: Path) -> Path:
    return shutil.copytree(demo, tmp_path / "demo")


def written(reply: Any, build: Path) -> dict[str, Any]:
    """The first clip of the build that is a sample."""
    from sign_etl.reader import open_build

    with open_build(build) as opened:
        data: dict[str, Any] = reply("why", build, next(iter(opened)).key)
    return data


def test_why_tells_everything_of_a_clip(sign_etl: Any, reply: Any, demo: Path) -> None:
    told = written(reply, demo)
    assert told["outcome"] == "written"
    member = told["members"]["mp4"]
    with (demo / told["sample"]["shard"]).open("rb") as shard:
        shard.seek(member["offset"])
        assert shard.read(member["size_bytes"])[4:8] == b"ftyp"
    assert told["frames"]["frames"] == told["sample"]["frames"]
    assert told["frames"]["last_s"] > told["frames"]["first_s"]
    assert len(told["source"]["sha256"]) == 64
    assert told["digests"]["poses"].keys() == {"truth"}
    assert told["poses"]["truth"]["layout"] == "holistic-75"
    assert told["pipeline"]["normalise"]["fps"] == 25.0
    assert told["versions"]["stages"]["normalise"]
    assert told["times"]["published_at"].startswith("20")
    text = sign_etl("why", demo, told["key"])
    assert text.returncode == 0
    assert text.stdout.startswith(f"{told['key']}  written\n")
    assert f"shard    {told['sample']['shard']}" in text.stdout


def test_why_of_a_source(sign_etl: Any, reply: Any, demo: Path) -> None:
    told = written(reply, demo)
    source = told["source"]["id"]
    data = reply("why", demo, "--source", source)
    assert [clip["key"] for clip in data["clips"]] == [told["key"]]
    assert data["outcomes"] == {"written": 1}
    text = sign_etl("why", demo, "--source", source).stdout
    assert f"written to {told['sample']['shard']}" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{key}x",), "did you mean `{key}`?"),
        (("{annotation}",), "clips of that annotation: {key}"),
        (("{source}",), "it is a source"),
        (("--source", "{source}x"), "did you mean `{source}`?"),
        (("--source", "{key}"), "it is a clip"),
        ((), "name one clip, or one source"),
    ],
)
def test_why_of_nothing_helps(
    sign_etl: Any, reply: Any, demo: Path, arguments: tuple[str, ...], said: str
) -> None:
    told = written(reply, demo)
    words = {
        "key": told["key"],
        "annotation": told["clip"]["annotation_id"],
        "source": told["source"]["id"],
    }
    done = sign_etl("why", demo, *(argument.format(**words) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert said.format(**words) in done.stderr


def test_revoke_takes_out_for_good(sign_etl: Any, reply: Any, build: Path, store: Path) -> None:
    told = written(reply, build)
    (build / "report.html").write_text("<p>with pictures of them")
    data = reply("revoke", build, told["source"]["id"])
    assert not (build / "report.html").exists()
    assert (data["clips"], data["shards"]) == ([told["key"]], [told["sample"]["shard"]])
    assert (data["store_objects"], data["published"]) == (2, True)
    assert sign_etl("verify", build).returncode == 0
    gone = reply("why", build, told["key"])
    assert (gone["outcome"], gone["reason"], gone["sample"]) == ("excluded", "revoked", None)
    same = ("ingest", "demo", "--limit", 6, "--out", build, "--store", store, *POSE)
    for more in ((), ("--update", "--set", "normalise.short_side=96")):
        done = sign_etl(*same, *more)
        assert done.returncode == 0, done.stderr
        assert reply("why", build, told["key"])["reason"] == "revoked"
    key = written(reply, build)["key"]
    words = sign_etl("revoke", build, "--clip", key)
    assert words.returncode == 0
    assert f"1 clip out of {build}: 1 shard written anew" in words.stdout
    again = sign_etl("revoke", build, "--clip", key)
    assert f"1 clip was out of {build} already: 0 shards written anew" in again.stdout


def test_revoke_of_nothing_changes_nothing(sign_etl: Any, demo: Path) -> None:
    before = (demo / "manifest.json").read_bytes()
    for arguments, said in (
        ((), "nothing is named"),
        (("nosuch.mp4",), "has no source `nosuch.mp4`"),
        (("--clip", "nosuch"), "has no clip `nosuch`"),
    ):
        done = sign_etl("revoke", demo, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    assert (demo / "manifest.json").read_bytes() == before


def test_retry(sign_etl: Any, reply: Any, videos: Path, tmp_path: Path) -> None:
    media = shutil.copytree(videos, tmp_path / "videos")
    table = tmp_path / "clips.csv"
    table.write_text("file,label\na.mp4,x\nb.mp4,x\nc.mp4,y\n")
    (media / "c.mp4").rename(tmp_path / "c.mp4")
    build = tmp_path / "build"
    arguments = ("--media", media, "--annotations", table, "--out", build, "--jobs", 1)
    done = sign_etl("ingest", "folder", *arguments, "--set", "pose={}")
    assert "media-missing  1" in done.stdout, done.stderr
    assert reply("retry", build, "--only", "timeout")["tried"] == 0
    assert reply("retry", build)["came_back"] == 0
    (tmp_path / "c.mp4").rename(media / "c.mp4")
    text = sign_etl("retry", build, "--only", "media-missing")
    assert text.returncode == 0, text.stderr
    assert text.stdout.startswith("1 of 1 clip came back\nBuilt 3 clips")
    assert sign_etl("retry", build).stdout == "no clip to try again\n"


@pytest.mark.parametrize(
    ("reason", "said"), [("tiemout", "did you mean `timeout`?"), ("revoked", "stays out")]
)
def test_retry_knows_its_reasons(sign_etl: Any, demo: Path, reason: str, said: str) -> None:
    done = sign_etl("retry", demo, "--only", reason)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize("verb", ["retry", "revoke", "why"])
def test_a_folder_that_is_no_build(sign_etl: Any, tmp_path: Path, verb: str) -> None:
    done = sign_etl(verb, tmp_path, *(() if verb == "retry" else ("x",)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no build" in done.stderr or "not a build" in done.stderr


def test_a_build_whose_settings_are_gone_is_ingested_again(sign_etl: Any, build: Path) -> None:
    """What an earlier version wrote down may hold a setting that there is no more."""
    path = build / ".sign-etl" / "setup.json"
    known = json.loads(path.read_bytes())
    known["setup"]["pipeline"]["pools"]["pack"] = {"workers": 2}
    path.write_text(json.dumps(known), encoding="utf-8")
    done = sign_etl("retry", build)
    assert done.returncode == 2
    assert "was made by another version of sign-etl" in done.stderr
    assert "run its `sign-etl ingest` once more" in done.stderr
