"""The media zoo: one build over a file of every kind; each has its outcome, and nothing hangs."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from media_zoo import ANIMALS, Animal, write_unreadable, write_zoo
from process import sign_etl
from zoo_makers import BOMB_BYTES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The ledger of the zoo by file name, with what the index says of written clips."""
    media, out = tmp_path_factory.mktemp("zoo"), tmp_path_factory.mktemp("out") / "build"
    write_zoo(media)
    write_unreadable(media)
    sign_etl(
        *("ingest", "folder", "--media", media, "--out", out, "--store", out.with_name("store")),
        *("--set", "pose={}", "--set", "normalise.short_side=64", "--set", "policy.max_failed=1"),
        *("--set", "policy.max_fetch_failed=1", "--set", "normalise.memory_mb=512"),
        env={"SIGN_ETL_CACHE": str(out.with_name("cache"))},
    )
    sign_etl("verify", out)
    index = {row["source_id"]: row for row in pq.read_table(out / "index.parquet").to_pylist()}
    ledger = pq.read_table(out / "ledger.parquet").to_pylist()
    return {row["source_id"]: {**index.get(row["source_id"], {}), **row} for row in ledger}


@pytest.mark.parametrize("animal", ANIMALS, ids=lambda animal: animal.name)
def test_each_has_its_outcome(built: dict[str, dict[str, Any]], animal: Animal) -> None:
    if animal.name not in built:
        pytest.skip(f"this PyAV has no encoder {animal.encoder}")
    row = built[animal.name]
    found = (row["stage"], row["reason"], row["detail"])
    if animal.reject is None:
        assert row["outcome"] == "written", found
        assert set(row["flags"]) >= set(animal.flags), row["flags"]
        assert animal.frames is None or row["frames"] == animal.frames
        assert animal.size is None or (row["width"], row["height"]) == animal.size
        return
    assert row["outcome"] in ("failed", "excluded")
    assert all(map(fnmatchcase, found, animal.reject)), found
    assert row["reason"] not in ("crashed", "hung", "out-of-memory")
    assert not row["retryable"], "the same bytes come to the same end"


def test_the_zoo_is_large_and_whole(built: dict[str, dict[str, Any]]) -> None:
    """What is no file at all has no row, and every file has one."""
    made = {animal.name for animal in ANIMALS}
    assert len(made) >= 40
    missing = made - set(built)
    assert all(animal.encoder for animal in ANIMALS if animal.name in missing)
    assert set(built) <= made


def test_a_built_clip_is_whole_or_flagged(built: dict[str, dict[str, Any]]) -> None:
    """The pictures are numbered: a clip without a flag shows all of them."""
    odd = {"one-frame.mp4", "variable.mp4", "edited.mp4", "negative.mp4", "negative.mkv"}
    for name, row in built.items():
        if row["outcome"] == "written" and not row["flags"]:
            assert row["frames"] == 25 or name in odd, name


def test_the_bomb_is_one(tmp_path: Path) -> None:
    [bomb] = [animal for animal in ANIMALS if animal.name == "bomb.swf"]
    bomb.make(tmp_path / "bomb.swf")
    assert (tmp_path / "bomb.swf").stat().st_size < BOMB_BYTES / 500
    assert json.dumps(bomb.reject)
