"""Tars that others wrote: with dots in keys, interleaved, truncated, in other tar formats."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pose_build import write_pose_build

from sign_etl.core.errors import UsageError
from sign_etl.stream.dataset import SampleDataset
from sign_etl.stream.foreign import index_folder
from sign_etl.stream.index import open_index
from sign_etl.stream.pose_view import PoseView


def array(frames: int, value: float = 1.0) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.full((frames, 54, 3), value, np.float32))
    return buffer.getvalue()


def write_tar(
    path: Path, members: list[tuple[str, bytes]], kind: int = tarfile.USTAR_FORMAT
) -> None:
    with tarfile.open(path, "w", format=kind) as tar:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_samples_of_any_tar_format(tmp_path: Path, kind: int) -> None:
    long = "very-" * 30 if kind != tarfile.USTAR_FORMAT else "short"
    members = []
    for number in range(3):
        about = json.dumps({"caption": "hello", "fps": 25, "signer": "anna"}).encode()
        members += [
            (f"./{long}/{number}.npy", array(number + 2, number)),
            (f"./{long}/{number}.cls", str(number).encode()),
            (f"./{long}/{number}.json", about),
        ]
    write_tar(tmp_path / "set-val-0.tar", [("__meta__", b"x"), *members], kind)
    found = index_folder(tmp_path, checksums=True)
    assert (found.samples, found.shards, found.labels, found.problems) == (3, 1, 3, ())
    index = open_index([tmp_path])
    assert index.frames.tolist() == [2, 3, 4]
    assert index.label_id.tolist() == [0, 1, 2]
    assert index.column("text").to_pylist() == ["hello"] * 3
    assert index.column("split").to_pylist() == ["val"] * 3
    data = SampleDataset(index, {"pose": PoseView()}, check="always")
    assert [float(data[row]["pose"].mean()) for row in range(3)] == [0, 1, 2]


def test_a_foreign_copy_of_our_own_shards(tmp_path: Path) -> None:
    build = write_pose_build(tmp_path / "b", [4, 5, 6, 7])
    ours = open_index([build])
    for name in ("manifest.json", "index.parquet", "labels.json", "ledger.parquet"):
        (build / name).unlink()
    index_folder(build)
    index = open_index([build])
    assert index.frames.tolist() == ours.frames.tolist()
    assert index.labels == ours.labels
    assert index.label_id.tolist() == ours.label_id.tolist()
    assert np.array_equal(index.members["made.npy"].offset, ours.members["made.npy"].offset)


def test_t4_interleaved_keys_are_joined_and_told(tmp_path: Path) -> None:
    members = [("a.npy", array(2)), ("b.npy", array(3)), ("a.txt", b"one"), ("b.txt", b"two")]
    write_tar(tmp_path / "x.tar", members)
    found = index_folder(tmp_path)
    assert [p.problem for p in found.problems] == ["interleaved"] * 2
    assert open_index([tmp_path]).column("text").to_pylist() == ["one", "two"]


def test_t4_dots_in_keys(tmp_path: Path) -> None:
    members = [
        (f"clip.{number:03d}.{ext}", array(2) if ext == "npy" else b"text")
        for number in range(20)
        for ext in ("npy", "txt")
    ]
    write_tar(tmp_path / "x.tar", members)
    with pytest.raises(UsageError, match="keys hold dots") as error:
        index_folder(tmp_path)
    assert "--dots last" in str(error.value.hint)
    found = index_folder(tmp_path, dots="last")
    assert (found.samples, dict(found.members)) == (20, {"npy": 20, "txt": 20})


def test_t4_missing_and_double_members(tmp_path: Path) -> None:
    members = [("a.npy", array(2)), ("a.cls", b"0"), ("a.cls", b"1"), ("b.npy", array(2))]
    write_tar(tmp_path / "x.tar", [*members, ("c.npy", array(2)), ("c.cls", b"0"), ("README", b"")])
    write_tar(tmp_path / "y.tar", [("a.npy", array(2)), ("a.cls", b"0")])
    found = {(p.shard, p.key, p.problem, p.ext) for p in index_folder(tmp_path).problems}
    assert found == {
        ("x.tar", "a", "duplicate-member", "cls"),
        ("x.tar", "b", "missing-member", "cls"),
        ("x.tar", "README", "no-extension", ""),
        ("x.tar", "a", "duplicate-key", ""),
        ("y.tar", "a", "duplicate-key", ""),
    }


def test_t4_a_truncated_tar_keeps_its_whole_samples(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", [(f"{n}.npy", array(4)) for n in range(5)])
    whole = (tmp_path / "x.tar").read_bytes()
    block = 512 + len(array(4)) + -len(array(4)) % 512
    for size, samples in ((3 * block + 100, 3), (3 * block + 700, 3), (3 * block, 3), (100, 0)):
        (tmp_path / "x.tar").write_bytes(whole[:size])
        if not samples:
            with pytest.raises(UsageError):
                index_folder(tmp_path)
            continue
        found = index_folder(tmp_path)
        assert found.samples == samples
        assert [p.problem for p in found.problems] == ["truncated"]


def test_what_changed_since_is_noticed(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", [("a.npy", array(4))])
    index_folder(tmp_path)
    before = open_index([tmp_path]).dataset_hash
    with (tmp_path / "x.tar").open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(UsageError, match="is not what it was"):
        open_index([tmp_path])
    index_folder(tmp_path)
    assert open_index([tmp_path]).dataset_hash != before


def test_an_index_does_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar", [("a.npy", array(4))])
    sidecar = index_folder(tmp_path).sidecar
    table = pq.read_table(sidecar)
    metadata = dict(table.schema.metadata)
    metadata[b"facts"] = metadata[b"facts"].replace(b"x.tar", b"../x.tar")
    pq.write_table(table.replace_schema_metadata(metadata), sidecar)
    with pytest.raises(UsageError, match="not a path inside"):
        open_index([tmp_path])


def test_what_cannot_be_indexed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        index_folder(tmp_path / "none")
    with pytest.raises(UsageError, match="has no tars"):
        index_folder(tmp_path)
    write_tar(tmp_path / "x.tar", [("a.npy", array(4))])
    (tmp_path / "x.tar").write_bytes(gzip.compress((tmp_path / "x.tar").read_bytes()))
    with pytest.raises(UsageError, match="compressed or no tar"):
        index_folder(tmp_path)
    with pytest.raises(UsageError, match="is a build"):
        index_folder(write_pose_build(tmp_path / "b", [3]))


def test_the_command(tmp_path: Path, capsys: Any) -> None:
    from sign_etl.cli import main as cli

    write_tar(tmp_path / "x.tar", [("a.npy", array(4)), ("b.npy", array(4))])
    assert cli.run(["index", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["data"]
    assert (said["samples"], said["problems"]) == (2, [])
    with (tmp_path / "x.tar").open("r+b") as file:
        file.truncate(4000)
    assert cli.run(["index", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "samples  1" in printed.out
    assert "truncated" in printed.err
