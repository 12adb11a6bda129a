"""Columns of builds, filters, united labels, and where data sets may be."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import numpy as np
import pytest
from pose_build import write_pose_build
from tiny_build import write_tiny_build

from sign_etl.core.errors import ConfigError, MissingExtraError, UsageError
from sign_etl.reader import open_build
from sign_etl.stream.base import Filters
from sign_etl.stream.dataset import SampleDataset
from sign_etl.stream.index import open_index
from sign_etl.stream.pose_view import PoseView


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("index") / "b", clips=8, keep_video=False)


def test_columns_say_what_the_build_says(build: Path) -> None:
    index = open_index([build])
    opened = open_build(build)
    assert len(index) == len(opened) == 8
    for row, sample in enumerate(opened):
        assert index.column("key")[row].as_py() == sample.key
        assert index.shards[index.shard[row]] == sample.shard
        assert index.labels[index.label_id[row]] == sample.label
        assert (index.frames[row], index.width[row]) == (sample.frames, sample.width)
        for name, member in sample.members.items():
            columns = index.members[name]
            found = (columns.offset[row], columns.size_bytes[row], columns.crc32[row])
            assert found == (member.offset, member.size_bytes, member.crc32)


def test_the_hash_follows_the_bytes_not_the_place(build: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(build, tmp_path / "elsewhere")
    one, other = open_index([build]), open_index([tmp_path / "elsewhere"])
    assert one.dataset_hash == other.dataset_hash
    more = open_index([build, write_pose_build(tmp_path / "p", [5])])
    assert more.dataset_hash != one.dataset_hash


def test_filters(build: Path) -> None:
    index = open_index([build])
    splits = index.column("split").to_pylist()
    rows = index.rows(Filters(splits=("val",)))
    assert rows.tolist() == [row for row, split in enumerate(splits) if split == "val"]
    some = index.rows(Filters(labels=("ahoj",), signers=("s1",), filled="label", min_frames=12))
    assert {index.labels[index.label_id[row]] for row in some} == {"ahoj"}
    with pytest.raises(ConfigError, match="no split `vla`") as error:
        index.rows(Filters(splits=("vla",)))
    assert error.value.hint == "did you mean `val`?"
    for filters in (Filters(filled="text"), Filters(max_frames=5), Filters(min_frames=99)):
        with pytest.raises(UsageError, match=r"no sample (passes|has a text)"):
            index.rows(filters)


def test_labels_of_several_builds_are_united(tmp_path: Path) -> None:
    one = write_pose_build(tmp_path / "one", [5] * 3, classes=3)
    two = write_tiny_build(tmp_path / "two", clips=3, keep_video=False)
    index = open_index([one, two, one])
    assert len(index.labels) == 3 + 6
    names = [index.labels[number] for number in index.label_id]
    assert names == index.column("label").to_pylist()
    assert index.source.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    # Only samples that have the member of their own source count.
    assert index.has(("made.npy", "blazepose.npy", "none")).tolist() == [True] * 6 + [False] * 3


def test_remote_builds_are_read_through_the_cache(build: Path, tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    for path in build.rglob("*"):
        if path.is_file():
            files.pipe_file(f"/far/b/{path.relative_to(build).as_posix()}", path.read_bytes())
    index = open_index(["memory://far/b"], cache=tmp_path)
    assert index.dataset_hash == open_index([build]).dataset_hash
    assert not list(tmp_path.rglob("*.tar"))
    far, near = (SampleDataset(i, {"pose": PoseView()}) for i in (index, open_index([build])))
    assert np.array_equal(far[3]["pose"], near[3]["pose"], equal_nan=True)
    assert len(list(tmp_path.rglob("*.tar"))) == 1
    with pytest.raises(UsageError, match="neither a build"):
        open_index(["memory://far/nothing"], cache=tmp_path)
    with pytest.raises(UsageError, match="no kind of address"):
        open_index(["gopher://far/b"], cache=tmp_path)


def test_clearml_data_sets(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingExtraError) as error:
        monkeypatch.setitem(sys.modules, "clearml", None)
        open_index(["clearml://signs/wlasl"])
    assert error.value.exit_code == 3
    asked: list[Any] = []

    def get(**names: str) -> Any:
        asked.append(names)
        return SimpleNamespace(get_local_copy=lambda: str(build))

    # The service needs an account; its client's two calls are what the address stands for.
    client = SimpleNamespace(Dataset=SimpleNamespace(get=get))
    monkeypatch.setitem(sys.modules, "clearml", client)
    assert len(open_index(["clearml://signs/sub/wlasl"])) == 8
    assert asked == [{"dataset_project": "signs/sub", "dataset_name": "wlasl"}]
    with pytest.raises(UsageError, match="names no data set"):
        open_index(["clearml://wlasl"])


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data set given"):
        open_index([])
    with pytest.raises(UsageError, match="there is no"):
        open_index([tmp_path / "missing"])
    (tmp_path / "a.tar").write_bytes(bytes(1024))
    with pytest.raises(UsageError, match="has tars but no index") as error:
        open_index([tmp_path])
    assert "sign-etl index" in str(error.value.hint)
