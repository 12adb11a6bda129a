"""Two builds held against each other: bytes, or keypoints within a tolerance."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forge import change_member
from tiny_build import HEIGHT, WIDTH, write_tiny_build

from sign_etl.app.verify import verify_against
from sign_etl.core.errors import UsageError
from sign_etl.reader import open_build
from sign_etl.shard.compare import compare_bytes, compare_keypoints, pixel_distances, tree_digest
from sign_etl.shard.rewrite import without

FRAME, POINT = 3, 11


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("compare") / "mine", dtype="float32")


@pytest.fixture
def copy(build: Path, tmp_path: Path) -> Path:
    return shutil.copytree(build, tmp_path / "theirs")


def change(build: Path, shift: Callable[[Any], None]) -> str:
    """Change the keypoints of the first sample, and index and manifest with it; gives its key."""
    with open_build(build) as opened:
        sample = next(iter(opened))

    def shifted(data: bytes) -> bytes:
        keypoints = np.load(io.BytesIO(data), allow_pickle=False)
        shift(keypoints)
        buffer = io.BytesIO()
        np.save(buffer, keypoints, allow_pickle=False)
        return buffer.getvalue()

    change_member(build, sample.key, "blazepose.npy", shifted)
    return sample.key


def test_the_same_is_the_same(build: Path, copy: Path) -> None:
    exact = compare_bytes(build, copy)
    near = compare_keypoints(build, copy, 0.0)
    assert (exact.problems, exact.compared) == ((), 6)
    assert (near.problems, near.compared) == ((), 6)
    assert {found.px for found in near.worst} == {0.0}
    with open_build(build) as one, open_build(copy) as other:
        assert tree_digest(one.manifest) == tree_digest(other.manifest)


def test_a_moved_point_is_found_and_measured(build: Path, copy: Path) -> None:
    def shift(keypoints: Any) -> None:
        keypoints[FRAME, POINT, :2] += np.array([3 / WIDTH, 4 / HEIGHT], np.float32)

    key = change(copy, shift)
    assert compare_keypoints(build, copy, 5.01).problems == ()
    near = compare_keypoints(build, copy, 4.99)
    assert near.problems == (f"{key}: blazepose differs by 5.00 px (left_shoulder, frame {FRAME})",)
    worst = near.worst[0]
    assert (worst.key, worst.frame, worst.point) == (key, FRAME, "left_shoulder")
    assert worst.px == pytest.approx(5.0, abs=1e-3)
    told = compare_bytes(build, copy).problems
    assert any(f"{key}.blazepose.npy has other bytes" in line for line in told)
    assert "index.parquet: other bytes" in told
    assert not any(f"{key}.mp4" in line for line in told)


def test_a_point_that_only_one_has_found_is_never_within(build: Path, copy: Path) -> None:
    def lose(keypoints: Any) -> None:
        keypoints[FRAME, POINT] = np.nan
        keypoints[FRAME, POINT, -1] = 0

    key = change(copy, lose)
    near = compare_keypoints(build, copy, 1000.0)
    assert near.problems == (
        f"{key}: blazepose differs by 0.00 px (nose, frame 0), 1 points in one build only",
    )


def test_a_clip_that_only_one_has(tmp_path: Path, build: Path) -> None:
    smaller = write_tiny_build(tmp_path / "less", clips=5, dtype="float32")
    told = compare_keypoints(build, smaller, 0.0).problems
    assert sum(f"only in {build}" in line for line in told) == 1
    exact = compare_bytes(build, smaller).problems
    assert any(line.startswith("ledger.parquet: other bytes") for line in exact)
    assert compare_bytes(smaller, build).problems


def test_distances_are_pixels_of_the_clip() -> None:
    first = np.zeros((1, 2, 3), np.float16)
    second = first.copy()
    second[0, 0, :2] = (0.5, 0.25)
    second[0, 1] = np.nan
    distances = pixel_distances(first, second, 640, 480)
    assert distances[0, 0] == pytest.approx(np.hypot(320, 120))
    assert np.isnan(distances[0, 1])


def test_against_a_digest(build: Path, tmp_path: Path) -> None:
    digest = verify_against(build).digest
    for given, same in ((digest, True), (digest[:12], True), ("0" * 64, False)):
        found = verify_against(build, given).comparison
        assert found is not None
        assert (not found.problems) == same
    with pytest.raises(UsageError, match="there is no build at"):
        verify_against(build, str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="cannot be compared with a digest"):
        verify_against(build, digest, tolerance_px=1.0)


def test_a_shard_without_a_sample_keeps_the_bytes_of_the_others(copy: Path) -> None:
    with open_build(copy) as build:
        gone, kept = (s for s in build if s.shard == next(iter(build)).shard)
        before = {name: build.read(kept, name) for name in kept.members}
    assert without(copy, gone.shard, frozenset({gone.key}), lambda _: {}, dtype="float32")
    with tarfile.open(copy / gone.shard) as tar:
        names = tar.getnames()
        after = {name: tar.extractfile(name) for name in names}
        assert names == [f"{kept.key}.{name}" for name in sorted(before)]
        for name, data in before.items():
            file = after[f"{kept.key}.{name}"]
            assert file is not None
            assert file.read() == data
    assert not without(copy, gone.shard, frozenset({gone.key}), lambda _: {}, dtype="float32")
