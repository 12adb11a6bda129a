"""Every data set, from its fixture to a build that verifies: nobody needs access for that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sign_etl.app.ingest import ingest
from sign_etl.app.prepare import IngestRequest
from sign_etl.recipes.base import RECIPES
from sign_etl.shard.verify import verify


@pytest.mark.parametrize("name", RECIPES.names())
def test_fixture_to_build(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))
    recipe = RECIPES.get(name)
    given = dict(recipe.fixture(tmp_path / "fixture"))
    request = IngestRequest(
        pipeline=name,
        out=tmp_path / "build",
        media=given.pop("media", None),
        annotations=given.pop("annotations", None),
        media_kind=given.pop("media_kind", None),
        jobs=1,
        settings=(
            *("pose={}", "normalise.short_side=64", "quality.max_frozen=1", "policy.max_failed=1"),
            *(f"dataset.{option}={_yaml(value)}" for option, value in given.items()),
        ),
    )
    made = ingest(request)
    assert made.counts.get("written"), made.reasons
    assert verify(tmp_path / "build").problems == ()


def _yaml(value: object) -> str:
    return json.dumps(value, default=str)
