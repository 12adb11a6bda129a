"""The store forgets nothing that is whole and believes nothing that is not."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from sign_etl.core.errors import UsageError
from sign_etl.core.store import Blob, Entry, Store, open_store

FINGERPRINT = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, data: bytes = b"video", fingerprint: str = FINGERPRINT) -> Entry:
    with store.scratch() as folder:
        (folder / "out.mp4").write_bytes(data)
        return store.put(
            "normalise", fingerprint, facts={"frames": 75}, files={"mp4": folder / "out.mp4"}
        )


def action_file(store: Store) -> Path:
    (path,) = (store.root / "actions").rglob("*.json")
    return path


def test_what_was_put_is_found(store: Store) -> None:
    entry = put(store)
    assert store.get("normalise", FINGERPRINT) == entry
    assert entry.facts == {"frames": 75}
    blob = entry.blobs["mp4"]
    assert blob == Blob(hashlib.sha256(b"video").hexdigest(), 5)
    assert store.read(blob) == b"video"
    assert store.complete(entry)
    assert list((store.root / "scratch").iterdir()) == []


def test_another_stage_or_fingerprint_is_another_entry(store: Store) -> None:
    put(store)
    assert store.get("pose", FINGERPRINT) is None
    assert store.get("normalise", "cd" * 32) is None


def test_a_reject_is_an_entry(store: Store) -> None:
    reject = {"stage": "normalise", "reason": "no-video-stream", "detail": "audio only"}
    store.put("normalise", FINGERPRINT, facts={}, reject=reject)
    entry = store.get("normalise", FINGERPRINT)
    assert entry is not None
    assert entry.reject == reject
    assert store.complete(entry), "nothing is missing from an entry without files"


def test_equal_bytes_are_kept_once(store: Store) -> None:
    first = put(store)
    second = put(store, fingerprint="cd" * 32)
    assert first.blobs == second.blobs
    assert sum(path.is_file() for path in (store.root / "objects").rglob("*")) == 1


def test_a_dropped_blob_makes_its_entry_incomplete(store: Store) -> None:
    entry = put(store)
    store.drop(entry.blobs["mp4"])
    store.drop(entry.blobs["mp4"])
    assert store.get("normalise", FINGERPRINT) == entry
    assert not store.complete(entry)
    assert store.read(entry.blobs["mp4"]) is None
    assert store.complete(put(store))


@pytest.mark.parametrize("damage", [b"", b"vide0", b"video and more"])
def test_a_damaged_blob_is_not_given_out(store: Store, damage: bytes) -> None:
    blob = put(store).blobs["mp4"]
    store.path(blob).write_bytes(damage)
    assert store.has(blob) == (len(damage) == blob.size_bytes)
    assert store.read(blob) is None
    assert not store.path(blob).exists(), "it is removed, so that it is made again"


@pytest.mark.parametrize(
    "damage", [b"", b'{"facts":{', b"\0" * 40, b"{}", b"[]", b"null", b"\xff\xfe", b'{"blobs":[]}']
)
def test_a_damaged_action_counts_as_absent(store: Store, damage: bytes) -> None:
    put(store)
    action_file(store).write_bytes(damage)
    assert store.get("normalise", FINGERPRINT) is None
    entry = put(store)
    assert store.get("normalise", FINGERPRINT) == entry


def test_two_processes_write_the_same_entry(store: Store) -> None:
    program = (
        "import sys; from itertools import count; from pathlib import Path\n"
        "from sign_etl.core.store import Store\n"
        "store = Store(sys.argv[1])\n"
        "for turn in count():\n"
        "    if turn >= 100 and Path(sys.argv[3]).exists():\n"
        "        break\n"
        "    with store.scratch() as folder:\n"
        "        (folder / 'out.mp4').write_bytes(b'video' * 10_000)\n"
        "        store.put('normalise', sys.argv[2], facts={'frames': 75},\n"
        "                  files={'mp4': folder / 'out.mp4'})\n"
    )
    enough = store.root.with_name("enough")  # they go on until the reader has looked often enough
    command = [sys.executable, "-c", program, str(store.root), FINGERPRINT, str(enough)]
    writers = [subprocess.Popen(command) for _ in range(2)]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        entry = store.get("normalise", FINGERPRINT)
        if entry is not None:
            seen += 1
            if seen == 100:
                enough.touch()
            assert store.read(entry.blobs["mp4"]) == b"video" * 10_000
        else:
            assert seen == 0, "an entry that was there has gone"
    assert [writer.returncode for writer in writers] == [0, 0]
    entry = store.get("normalise", FINGERPRINT)
    assert entry is not None
    assert store.complete(entry)
    assert seen >= 100


def test_urls(tmp_path: Path) -> None:
    assert Store(f"file://{tmp_path}/s").root == tmp_path / "s"
    assert Store("relative").root == Path.cwd() / "relative"
    with pytest.raises(UsageError, match="nosuch"):
        open_store("nosuch://bucket/store")
