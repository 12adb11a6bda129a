"""What the tests of exports share: an export taken in again, and what must come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sign_etl.app.ingest import IngestRequest, ingest
from sign_etl.reader import Build, Sample, open_build
from sign_etl.schema.conversions import convert


def again(folder: Path, recipe: str, out: Path, **options: Any) -> Build:
    """Ingest an export, each with a store of its own."""
    flags = {key: folder / options.pop(key, "") for key in ("media", "annotations")}
    settings = [f"dataset.{key}={value}" for key, value in options.items()]
    done = ingest(
        IngestRequest(
            recipe,
            out=out,
            store=str(out.with_name("store")),
            settings=(
                "pose={}",
                "normalise.fps=25",
                "quality.max_frozen=1",
                "policy.max_failed=1",
                *settings,
            ),
            jobs=1,
            media=flags["media"],
            annotations=flags["annotations"],
            media_kind="trimmed" if recipe in ("slovo",) else None,
        )
    )
    assert done.counts.keys() == {"written"}, done.reasons
    return open_build(done.build)


def rounded(one: Any, other: Any) -> None:
    """Equal within a step of float16."""
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    np.testing.assert_allclose(
        np.asarray(one, np.float32), np.asarray(other, np.float32), rtol=2**-10, atol=2**-10
    )


def known(build: Build, sample: Sample, target: str) -> Any:
    """Keypoints of a sample in a layout."""
    name = build.backends[0]
    source = build.manifest.poses[name].layout
    found = build.keypoints(sample)
    return found if source == target else convert(found, source, target)


def twin(build: Build, annotation_id: str) -> Sample:
    """The sample of this annotation id."""
    return next(one for one in build if one.annotation_id == annotation_id)


def same_clips(one: Build, other: Build, fields: tuple[str, ...]) -> None:
    """Every clip of `one` stands in `other` under its key, with the same facts."""
    assert len(one) == len(other)
    for sample in one:
        found = twin(other, sample.key)
        for field in fields:
            assert getattr(found, field) == getattr(sample, field), field
