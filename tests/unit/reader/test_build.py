"""A build read back: by our reader, and by webdataset with none of our code."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forge import change_member
from tiny_build import FRAMES, HEIGHT, LABELS, WIDTH, signer_keypoints, write_tiny_build

from sign_etl.core.errors import MissingExtraError, UsageError, VerifyError
from sign_etl.core.files import write_json
from sign_etl.reader import Build, Sample, open_build
from sign_etl.reader.shards import ShardFiles
from sign_etl.schema.tables import INDEX


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("reader") / "build", clips=6)


@pytest.fixture
def build(folder: Path) -> Build:
    return open_build(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


PROC = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts files through /proc")


def open_handles(path: Path) -> int:
    links = (Path("/proc/self/fd") / name for name in Path("/proc/self/fd").iterdir())
    return sum(str(path) in str(link.readlink()) for link in links if link.is_symlink())


def test_what_the_manifest_says(build: Build) -> None:
    assert len(build) == 6
    assert build.splits == {"train": 3, "val": 3}
    assert build.labels == tuple(sorted(LABELS))
    assert build.backends == ("blazepose",)
    assert "6 samples" in repr(build)


def test_tables(build: Build) -> None:
    assert build.index.num_rows == 6
    assert build.ledger["outcome"].to_pylist().count("failed") == 1


def test_a_sample_has_every_column_of_the_index() -> None:
    assert [field.name for field in fields(Sample)] == INDEX.names


def test_samples_by_iteration_and_by_key(build: Build) -> None:
    samples = list(build)
    assert [sample.key for sample in samples] == build.index["key"].to_pylist()
    assert [build.sample(sample.key) for sample in samples] == samples
    assert all(build.labels[sample.label_id or 0] == sample.label for sample in samples)
    assert samples[0].extra == {"view": "front"}
    assert samples[0].quality["body"] == 1.0
    assert samples[0].backends == ("blazepose",)
    assert samples[0].key in build
    assert "tiny-nobody" not in build
    assert None not in build


def test_keypoints_and_record(build: Build) -> None:
    for sample in build:
        keypoints = build.keypoints(sample.key)
        number = int(sample.annotation_id.split()[1])
        np.testing.assert_array_equal(
            keypoints, signer_keypoints(FRAMES, float(number)).astype(np.float16)
        )
        assert build.record(sample)["key"] == sample.key


def test_frames(build: Build) -> None:
    key = next(iter(build)).key
    whole = list(build.frames(key))
    assert len(whole) == FRAMES
    assert all(frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8 for frame in whole)
    some = list(build.frames(key, [2, 7]))
    assert len(some) == 2
    np.testing.assert_array_equal(some[0], whole[2])
    np.testing.assert_array_equal(some[1], whole[7])
    assert list(build.frames(key, [])) == []


def test_webdataset_reads_it_with_none_of_our_code(build: Build) -> None:
    wds = pytest.importorskip("webdataset")
    urls = [str(path) for path in sorted(build.path.glob("*/*.tar"))]
    samples = {entry["__key__"]: entry for entry in wds.WebDataset(urls, shardshuffle=False)}
    assert set(samples) == {sample.key for sample in build}
    for key, entry in samples.items():
        array = np.load(io.BytesIO(entry["blazepose.npy"]))
        np.testing.assert_array_equal(array, build.keypoints(key))
        assert json.loads(entry["json"]) == build.record(key)
        assert entry["mp4"] == build.read(key, "mp4")


def test_webdataset_in_one_line(build: Build) -> None:
    pytest.importorskip("webdataset")
    assert sum(1 for _ in build.webdataset()) == 6
    samples = list(build.webdataset("val"))
    assert len(samples) == 3
    assert samples[0]["blazepose.npy"].shape == (FRAMES, 75, 4)
    assert samples[0]["json"]["split"] == "val"
    assert isinstance(samples[0]["mp4"], bytes)


def test_webdataset_without_the_package(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    with pytest.raises(MissingExtraError, match="`export` extra"):
        build.webdataset()


def test_pandas(build: Build) -> None:
    pytest.importorskip("pandas")
    frame = build.to_pandas()
    assert list(frame["key"]) == [sample.key for sample in build]
    assert frame["extra"][0] == {"view": "front"}


def test_shard_paths(build: Build) -> None:
    assert len(build.shard_paths()) == 4
    assert {path.parent.name for path in build.shard_paths("val")} == {"val"}
    with pytest.raises(UsageError, match="no split `vall`") as caught:
        build.shard_paths("vall")
    assert caught.value.hint == "did you mean `val`?"


def test_unknown_words(build: Build) -> None:
    key = next(iter(build)).key
    with pytest.raises(UsageError, match="no sample `nobody`") as caught:
        build.sample("nobody")
    assert key in str(caught.value.hint)
    with pytest.raises(UsageError, match="no member `mp3`") as caught:
        build.read(key, "mp3")
    assert caught.value.hint == "did you mean `mp4`?"
    with pytest.raises(UsageError, match="no keypoints of `blazpose`"):
        build.keypoints(key, "blazpose")


def test_a_rejected_clip_says_why(build: Build) -> None:
    dead = next(row["key"] for row in build.ledger.to_pylist() if row["outcome"] == "failed")
    with pytest.raises(UsageError, match=r"is failed \(fetch, link-dead, 404\)"):
        build.sample(dead)


def test_opening_reads_the_manifest_only(copy: Path) -> None:
    for path in [*copy.glob("*.parquet"), copy / "labels.json", *copy.glob("*/*.tar")]:
        path.unlink()
    build = open_build(copy)
    assert len(build) == 6
    with pytest.raises(VerifyError, match=r"index\.parquet is missing"):
        _ = build.index


def test_pickled_it_brings_no_open_files_and_no_tables(build: Build) -> None:
    key = next(iter(build)).key
    before = build.keypoints(key)
    data = pickle.dumps(build)
    assert len(data) < 20_000
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.keypoints(key), before)


@PROC
def test_open_shards_are_bounded_and_closed(copy: Path) -> None:
    build = open_build(copy)
    sizes = {shard.path: shard.size_bytes for shard in build.manifest.shards}
    files = ShardFiles(copy, sizes, limit=2)
    for path in sizes:
        assert len(files.read(path, 0, 100)) == 100
        assert open_handles(copy) <= 2
    files.close()
    assert open_handles(copy) == 0
    assert len(files.read(next(iter(sizes)), 0, 100)) == 100
    del files
    assert open_handles(copy) == 0


@PROC
def test_threads_share_a_small_cache(copy: Path) -> None:
    build = open_build(copy)
    shards = {shard.path: (copy / shard.path).read_bytes() for shard in build.manifest.shards}
    files = ShardFiles(copy, {path: len(data) for path, data in shards.items()}, limit=1)

    def read(number: int) -> bool:
        path = list(shards)[number % len(shards)]
        offset = number * 37 % 4096
        return files.read(path, offset, 512) == shards[path][offset : offset + 512]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(2000)))
    files.close()
    assert open_handles(copy) == 0


def test_a_shard_of_another_size(copy: Path) -> None:
    build = open_build(copy)
    sample = next(iter(build))
    with (copy / sample.shard).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(VerifyError, match="the manifest says") as caught:
        build.read(sample, "json")
    assert "sign-etl verify" in str(caught.value.hint)


def test_a_damaged_member(copy: Path) -> None:
    build = open_build(copy)
    sample = next(iter(build))
    data = bytearray((copy / sample.shard).read_bytes())
    data[sample.members["blazepose.npy"].offset + 200] ^= 1
    (copy / sample.shard).write_bytes(data)
    with pytest.raises(VerifyError, match=f"{sample.key}.blazepose.npy is damaged"):
        build.keypoints(sample)
    assert len(build.read(sample, "blazepose.npy", check=False)) > 0


def test_a_missing_shard(copy: Path) -> None:
    build = open_build(copy)
    sample = next(iter(build))
    (copy / sample.shard).unlink()
    with pytest.raises(VerifyError, match="is missing"):
        build.record(sample.key)


def test_an_edited_index(copy: Path) -> None:
    data = bytearray((copy / "index.parquet").read_bytes())
    data[20] ^= 1
    (copy / "index.parquet").write_bytes(data)
    with pytest.raises(VerifyError, match="not the file that the manifest names"):
        _ = open_build(copy).index


def test_what_is_no_build(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        open_build(tmp_path / "nothing")
    with pytest.raises(UsageError, match="is not a build"):
        open_build(tmp_path)


def test_an_unfinished_build(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    with pytest.raises(VerifyError, match="the run did not finish") as caught:
        open_build(copy)
    assert f"sign-etl status {copy}" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"schema": "sign-etl/manifest/2"}, "version 2, this sign-etl reads version 1", "upgrade"),
        ({"schema": "sign-etl/manifest/0"}, "version 0, this sign-etl reads version 1", "again"),
        ({"schema": "something/else"}, "its schema is not", "ingest"),
        ({"counts": "many"}, "manifest.json is damaged: counts", "ingest"),
        ({"mood": "good"}, "manifest.json is damaged: mood", "ingest"),
    ],
)
def test_a_manifest_that_cannot_be_trusted(
    copy: Path, values: dict[str, Any], message: str, hint: str
) -> None:
    manifest = json.loads((copy / "manifest.json").read_bytes())
    write_json(copy / "manifest.json", manifest | values)
    with pytest.raises(VerifyError, match=message) as caught:
        open_build(copy)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("path", ["../secret.tar", "/etc/passwd", "train/../../x.tar"])
def test_a_manifest_that_leads_out_of_its_folder(copy: Path, path: str) -> None:
    manifest = json.loads((copy / "manifest.json").read_bytes())
    manifest["shards"][0]["path"] = path
    write_json(copy / "manifest.json", manifest)
    with pytest.raises(VerifyError, match="not a path inside of the build"):
        open_build(copy)


def test_a_manifest_that_is_no_json(copy: Path) -> None:
    (copy / "manifest.json").write_text("{")
    with pytest.raises(VerifyError, match="it is not JSON"):
        open_build(copy)


def test_a_build_without_keypoints_or_video(tmp_path: Path) -> None:
    build = open_build(write_tiny_build(tmp_path / "bare", clips=2, backends=(), keep_video=False))
    key = next(iter(build)).key
    with pytest.raises(UsageError, match="the build has no keypoints"):
        build.keypoints(key)
    with pytest.raises(UsageError, match="no member `mp4`"):
        next(build.frames(key))


def test_frames_of_a_damaged_video(tmp_path: Path) -> None:
    folder = write_tiny_build(tmp_path / "build", clips=1)
    sample = next(iter(open_build(folder)))
    change_member(folder, sample.key, "mp4", lambda data: b"ffconcat version 1.0\n" + data)
    with pytest.raises(VerifyError, match=f"the video of {sample.key} cannot be decoded"):
        next(open_build(folder).frames(sample.key))
