"""A build whose store and whose finished form lie on object storage that misbehaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_storage import BUCKET, ENVIRONMENT, Trouble, object_storage
from process import sign_etl, tree
from tiny_run import write_videos

from sign_etl.core.canonical import sha256_bytes
from sign_etl.core.remote import Remote

pytest.importorskip("s3fs", reason="storage `s3://` needs the `s3` extra")
pytest.importorskip("moto.server", reason="the S3 server of these tests is not installed")

NAMES = [f"{label}/v{number}.mp4" for label in ("one", "two") for number in range(3)]
SETTINGS = ("--set", "pose={}", "--set", "normalise.short_side=64", "--set", "pack.shard_clips=2")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("media"), NAMES)


@pytest.fixture(scope="module")
def trouble() -> Trouble:
    return Trouble(every=7)


@pytest.fixture(scope="module")
def endpoint(trouble: Trouble) -> Iterator[str]:
    with object_storage(trouble) as address:
        yield address


def environment(endpoint: str, cache: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint, "SIGN_ETL_CACHE": str(cache)}


def here(build: Path) -> dict[str, str]:
    """Digests of the files of a build."""
    return {name: sha256_bytes((build / name).read_bytes()) for name in tree(build)}


def read_back(url: str, build: Path) -> dict[str, str]:
    """Digests of the files there that are here, as a reader there sees them."""
    remote = Remote(url)
    found = {name: remote.get(name) for name in tree(build)}
    return {name: sha256_bytes(data) for name, data in found.items() if data is not None}


@pytest.mark.slow
def test_store_and_build_on_object_storage(
    tmp_path: Path,
    media: Path,
    endpoint: str,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ("ingest", "folder", "--media", media, *SETTINGS)
    quiet = tmp_path / "quiet"
    sign_etl(*command, "--out", quiet, env={"SIGN_ETL_CACHE": str(tmp_path / "cache")})
    store = f"s3://{BUCKET}/store"
    first = environment(endpoint, tmp_path / "first")
    sign_etl(*command, "--out", tmp_path / "first-build", "--store", store, env=first)
    assert tree(tmp_path / "first-build") == tree(quiet)
    assert sum(trouble.met.values()) > 5

    # Another machine takes all from the store: nothing is decoded a second time.
    second = environment(endpoint, tmp_path / "second")
    build = tmp_path / "second-build"
    sign_etl(*command, "--out", build, "--store", store, env=second)
    assert tree(build) == tree(quiet)
    scratch = tmp_path / "second" / "near"
    assert not list(scratch.glob("*/scratch/*"))

    # A third one, with an empty cache, looks for what the lock names.
    third = environment(endpoint, tmp_path / "third")
    locked = json.loads(sign_etl("lock", "check", build, "--json", env=third).stdout)["data"]
    assert (locked["store"], locked["stored"], locked["missing"]) == (store, len(NAMES), 0)

    for name, value in second.items():
        monkeypatch.setenv(name, value)
    url = f"s3://{BUCKET}/build"
    pushed = json.loads(sign_etl("push", build, url, "--json").stdout)["data"]
    assert (pushed["kept"], pushed["removed"]) == (0, 0)
    assert read_back(url, build) == here(build)
    again = json.loads(sign_etl("push", build, url, "--json").stdout)["data"]
    assert (again["sent"], again["size_bytes"]) == (0, 0)

    # Another pipeline: what is no longer named goes, and the manifest was away in between.
    sign_etl(*command, "--out", build, "--store", store, "--limit", "4", "--update")
    changed = json.loads(sign_etl("push", build, url, "--json").stdout)["data"]
    assert changed["removed"] == 1
    assert read_back(url, build) == here(build)


def test_a_half_finished_push_shows_nobody_a_build(
    tmp_path: Path, media: Path, endpoint: str, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sign_etl.app.push import push
    from sign_etl.core import remote as module
    from sign_etl.core.errors import StorageError, VerifyError

    for name, value in environment(endpoint, tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    build = tmp_path / "build"
    sign_etl("ingest", "folder", "--media", media, *SETTINGS, "--out", build)
    url = f"s3://{BUCKET}/half"
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    seen = []

    def fail_at_the_third(name: str) -> None:
        seen.append(name)
        trouble.every, trouble.kinds = (1, ("cut",)) if len(seen) == 3 else (0, ())

    with pytest.raises(StorageError):
        push(build, url, tell=fail_at_the_third)
    trouble.every = 0
    assert Remote(url).get("manifest.json") is None
    assert Remote(url).get(seen[0]) is not None
    push(build, url)
    assert read_back(url, build) == here(build)

    shard = next(build.rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(VerifyError, match="manifest says"):
        push(build, url)
    assert Remote(url).get("manifest.json") is not None, "the sound build there stays"
