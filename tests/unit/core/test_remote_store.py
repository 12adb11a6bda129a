"""Stores on object storage: a real S3 server on the loopback interface, and one that misbehaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from object_storage import BUCKET, ENVIRONMENT, Trouble, object_storage

from sign_etl.core import remote as module
from sign_etl.core.errors import StorageError, UsageError
from sign_etl.core.remote import Remote
from sign_etl.core.remote_store import RemoteStore
from sign_etl.core.store import Store, open_store

pytest.importorskip("s3fs", reason="storage `s3://` needs the `s3` extra")
pytest.importorskip("moto.server", reason="the S3 server of these tests is not installed")


@pytest.fixture(scope="module")
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture(scope="module")
def endpoint(trouble: Trouble) -> Iterator[str]:
    with object_storage(trouble) as address:
        yield address


@pytest.fixture
def url(
    endpoint: str, trouble: Trouble, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    trouble.every, trouble.requests = 0, 0
    trouble.met.clear()
    yield f"s3://{BUCKET}/{request.node.name}"
    trouble.every = 0


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, name: str) -> Store:
    """The store as a machine with a cache of its own sees it."""
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / name))
    return open_store(url)


def put(store: Store, fingerprint: str, content: bytes) -> None:
    with store.scratch() as folder:
        (folder / "out").write_bytes(content)
        store.put("pose-x", fingerprint, facts={"n": 1}, files={"keypoints": folder / "out"})


def test_what_one_machine_makes_another_one_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    here = machine(tmp_path, monkeypatch, url, "here")
    assert isinstance(here, RemoteStore)
    assert here.get("pose-x", "f" * 64) is None
    put(here, "f" * 64, b"keypoints")
    there = machine(tmp_path, monkeypatch, url, "there")
    entry = there.get("pose-x", "f" * 64)
    assert entry is not None
    assert entry.facts == {"n": 1}
    blob = entry.blobs["keypoints"]
    assert there.complete(entry)
    assert there.read(blob) == b"keypoints"
    assert there.path(blob).read_bytes() == b"keypoints"
    assert machine(tmp_path, monkeypatch, url, "new").by_digest(blob.sha256) == b"keypoints"
    there.drop(blob)
    there.forget("pose-x", "f" * 64)
    third = machine(tmp_path, monkeypatch, url, "third")
    assert third.get("pose-x", "f" * 64) is None
    assert not third.has(blob)
    assert third.by_digest(blob.sha256) is None


@pytest.mark.parametrize("every", [1, 2, 3])
def test_errors_lost_replies_and_cut_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, trouble: Trouble, every: int
) -> None:
    here = machine(tmp_path, monkeypatch, url, "here")
    # Every request fails for a while, or every second or third one for ever.
    trouble.every = every
    if every == 1:
        trouble.kinds = ("500", "503", "lost", "cut")
        monkeypatch.setattr(module, "ATTEMPTS", 2)
        with pytest.raises(StorageError, match="does not answer") as caught:
            put(here, "a" * 64, b"bytes")
        assert "secret" not in str(caught.value)
        assert caught.value.exit_code == 75
        trouble.every = 0
    for number in range(6):
        put(here, f"{number:064}", b"bytes %d" % number)
    there = machine(tmp_path, monkeypatch, url, "there")
    for number in range(6):
        entry = there.get("pose-x", f"{number:064}")
        assert entry is not None
        assert there.read(entry.blobs["keypoints"]) == b"bytes %d" % number
    if every > 1:
        assert set(trouble.met) == {"500", "503", "lost", "cut"}


def test_of_two_machines_the_first_one_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Another type of CPU may give other bytes: both must then hold the same."""
    first = machine(tmp_path, monkeypatch, url, "first")
    second = machine(tmp_path, monkeypatch, url, "second")
    assert second.get("pose-x", "c" * 64) is None
    put(first, "c" * 64, b"mine")
    put(second, "c" * 64, b"other")
    entry = second.get("pose-x", "c" * 64)
    assert entry is not None
    assert second.read(entry.blobs["keypoints"]) == b"mine"


def test_an_entry_whose_bytes_are_lost_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    first = machine(tmp_path, monkeypatch, url, "first")
    put(first, "d" * 64, b"mine")
    entry = first.get("pose-x", "d" * 64)
    assert entry is not None
    first.drop(entry.blobs["keypoints"])
    second = machine(tmp_path, monkeypatch, url, "second")
    put(second, "d" * 64, b"other")
    again = machine(tmp_path, monkeypatch, url, "third").get("pose-x", "d" * 64)
    assert again is not None
    assert second.read(again.blobs["keypoints"]) == b"other"


def test_damaged_bytes_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    here = machine(tmp_path, monkeypatch, url, "here")
    put(here, "e" * 64, b"right")
    entry = here.get("pose-x", "e" * 64)
    assert entry is not None
    blob = entry.blobs["keypoints"]
    Remote(url).put(f"objects/{blob.sha256[:2]}/{blob.sha256[2:]}", b"wrong")
    there = machine(tmp_path, monkeypatch, url, "there")
    assert there.read(blob) is None


def test_storage_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(UsageError, match="not known"):
        open_store("nosuch://place")
    store = machine(tmp_path, monkeypatch, f"s3://no-such-bucket-{BUCKET}/x", "here")
    with pytest.raises((StorageError, FileNotFoundError)):
        put(store, "a" * 64, b"x")
