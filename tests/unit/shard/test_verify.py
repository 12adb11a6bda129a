"""`verify` finds whatever is done to a build, and names where."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forge import change_index, change_ledger, change_member
from tiny_build import reseal, write_tiny_build
from verified import TAR, change_manifest, only

from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.core.files import write_json
from sign_etl.reader import open_build
from sign_etl.shard.verify import verify


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"keep_video": False, "dtype": "float32"},
        {"backends": ("blazepose", "truth"), "clips": 3},
        {"backends": (), "clips": 2},
    ],
    ids=["plain", "no video", "two backends", "no keypoints"],
)
def test_a_good_build_has_no_problems(tmp_path: Path, options: dict[str, Any]) -> None:
    build = write_tiny_build(tmp_path / "build", **options)
    result = verify(build)
    assert result.problems == ()
    assert result.ok
    assert result.samples == options.get("clips", 6)
    assert result.shards == len(list(build.rglob("*.tar")))


def test_a_flipped_byte_in_a_member(build: Path, key: str) -> None:
    where = open_build(build).sample(key).members["mp4"]
    data = bytearray((build / TAR).read_bytes())
    data[where.offset + where.size_bytes // 2] ^= 1
    (build / TAR).write_bytes(data)
    assert verify(build).problems == (
        f"{TAR}: sha256 is not the manifest's",
        f"{TAR}: {key}: {key}.mp4 has another crc32 than the index says",
    )


def test_a_truncated_tar(build: Path) -> None:
    data = (build / TAR).read_bytes()
    (build / TAR).write_bytes(data[: len(data) // 2])
    problems = verify(build).problems
    assert problems[0] == f"{TAR}: has {len(data) // 2:,} bytes, the manifest says {len(data):,}"
    assert any(
        problem.startswith(TAR) and problem.endswith(("breaks off", "to its end", "mp4`"))
        for problem in problems[1:]
    )


def test_a_missing_shard(build: Path) -> None:
    (build / TAR).unlink()
    assert only(verify(build)) == f"{TAR}: is missing"


def test_a_stray_tar(build: Path) -> None:
    shutil.copy(build / TAR, build / "val" / "tiny-val-000009.tar")
    assert only(verify(build)) == "val/tiny-val-000009.tar: the manifest does not name it"


@pytest.mark.parametrize("name", ["index.parquet", "ledger.parquet", "labels.json"])
def test_a_file_beside_the_shards(build: Path, name: str) -> None:
    with (build / name).open("ab") as file:
        file.write(b"\n")
    problems = verify(build).problems
    assert problems[0].startswith(f"{name}: has ")
    (build / name).unlink()
    assert verify(build).problems[0] == f"{name}: is missing"


def test_an_edited_ledger(build: Path, key: str) -> None:
    def lie(rows: list[dict[str, Any]]) -> None:
        rows[0].update(outcome="failed", stage="pose", reason="no-person")

    change_ledger(build, lie)
    assert set(verify(build).problems) == {
        "manifest.json: clips by outcome: 1 failed, but there are 2",
        "manifest.json: clips by outcome: 6 written, but there are 5",
        "manifest.json: rejects by reason: 0 no-person, but there are 1",
        f"ledger.parquet: does not say written, in the index: {key}",
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows.pop(), "ledger.parquet: has 6 rows, the manifest counts 7 clips"),
        (lambda rows: rows.append(rows[0]), "ledger.parquet: has keys twice: {key}"),
        (
            lambda rows: rows[0].update(signer="somebody"),
            "ledger.parquet: signer differs from the index: {key}",
        ),
        (
            lambda rows: rows[-1].update(reason="bad-luck"),
            "ledger.parquet: `bad-luck` is no reason",
        ),
    ],
    ids=["row lost", "row twice", "other signer", "unknown reason"],
)
def test_a_forged_ledger(
    build: Path, key: str, change: Callable[[list[dict[str, Any]]], Any], problem: str
) -> None:
    change_ledger(build, change)
    assert problem.format(key=key) in verify(build).problems


def test_a_wrong_label(build: Path, key: str) -> None:
    def swap(rows: list[dict[str, Any]]) -> None:
        rows[0]["label_id"] = 0

    change_index(build, swap)
    problems = verify(build).problems
    assert f"{TAR}: {key}: has label 'water', labels.json says 'ahoj' for 0" in problems
    assert f"{TAR}: {key}: label_id is 1 in the record and 0 in the index" in problems
    assert f"ledger.parquet: label_id differs from the index: {key}" in problems


def test_labels_in_another_order(build: Path) -> None:
    labels = json.loads((build / "labels.json").read_bytes())
    labels["labels"].reverse()
    write_json(build / "labels.json", labels)
    reseal(build)
    problems = verify(build).problems
    assert problems[0] == "labels.json: says that the names are sorted, but they are not"
    assert sum("labels.json says" in problem for problem in problems) == 6


def test_wrong_normal_labels(build: Path) -> None:
    labels = json.loads((build / "labels.json").read_bytes())
    labels["normal"] = ["AHOJ (2)", *labels["normal"][2:]]
    write_json(build / "labels.json", labels)
    reseal(build)
    assert verify(build).problems == (
        "labels.json: has 5 normal labels of 6 classes",
        "labels.json: 'AHOJ (2)' is no normal label",
    )


def test_a_row_lost_from_the_index(build: Path, key: str) -> None:
    change_index(build, lambda rows: rows.pop(0))
    problems = verify(build).problems
    assert f"{TAR}: has 1 rows in the index, 2 samples" in problems
    assert f"ledger.parquet: says written, not in the index: {key}" in problems
    assert any(problem.startswith(f"{TAR}: ") and key in problem for problem in problems)


def test_swapped_members(build: Path) -> None:
    first, second = (sample.key for sample in list(open_build(build))[:2])
    with tarfile.open(build / TAR) as tar:
        contents = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
    change_member(build, first, "blazepose.npy", lambda _: contents[f"{second}.json"])
    assert f"{TAR}: {first}: blazepose.npy cannot be read as an array of numbers" in (
        verify(build).problems
    )


def test_swapped_records(build: Path) -> None:
    built = open_build(build)
    first, second = (sample.key for sample in list(built)[:2])
    other = built.read(second, "json")
    change_member(build, first, "json", lambda _: other)
    problem = f"{TAR}: {first}: key is {second!r} in the record and {first!r} in the index"
    assert problem in verify(build).problems


def test_a_tar_with_times_and_owners(build: Path, key: str) -> None:
    with tarfile.open(build / TAR) as tar:
        contents = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    with tarfile.open(build / TAR, "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in contents:
            info.mtime, info.uid = 1_700_000_000, 1000
            tar.addfile(info, io.BytesIO(data))
    reseal(build)
    problems = verify(build).problems
    assert len(problems) == 12
    assert f"{TAR}: {key}: {key}.json has mtime 1700000000 instead of 0" in problems
    assert f"{TAR}: {key}: {key}.json has uid 1000 instead of 0" in problems


def test_a_member_that_the_index_does_not_name(build: Path) -> None:
    with tarfile.open(build / TAR, "a", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("extra.txt")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    reseal(build)
    assert only(verify(build)) == f"{TAR}: has `extra.txt`, which the index does not name"


def test_a_member_less_than_the_pipeline_keeps(build: Path) -> None:
    change_manifest(build, lambda manifest: manifest["pipeline"]["pack"].update(keep_video=False))
    problems = verify(build).problems
    assert len(problems) == 6
    assert all("the manifest wants blazepose.npy, json" in problem for problem in problems)


def test_weights_that_the_manifest_does_not_name(build: Path) -> None:
    def other(manifest: dict[str, Any]) -> None:
        manifest["poses"]["blazepose"]["weights"] = {"pose.task": "cd" * 32}

    change_manifest(build, other)
    problems = verify(build).problems
    assert len(problems) == 6
    assert all("another layout, version or weights" in problem for problem in problems)


def test_a_manifest_without_its_schema(build: Path) -> None:
    change_manifest(build, lambda manifest: manifest.pop("licence"))
    assert only(verify(build)) == "manifest.json is damaged: licence: Field required"


def test_a_shard_that_is_wrong_all_over_is_summed_up(tmp_path: Path) -> None:
    build = write_tiny_build(
        tmp_path / "build", clips=30, shard_clips=30, splits=("train",), keep_video=False
    )
    change_manifest(build, lambda manifest: manifest.update(dataset="other"))
    problems = verify(build).problems
    assert len(problems) == 21
    assert problems[-1] == f"{TAR}: 10 more problems"


def test_no_build_is_a_wrong_word(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a build"):
        verify(tmp_path)


def test_an_unfinished_build_is_not_verified(build: Path) -> None:
    (build / "manifest.json").unlink()
    with pytest.raises(VerifyError, match="did not finish"):
        verify(build)
