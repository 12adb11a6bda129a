"""Augmentations of clips."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from short_clip import LONG, every, facts, rng

from sign_etl.core.errors import ConfigError
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.pictures import resized
from sign_etl.stream.transforms_clip import CLIP_TRANSFORMS, Look, clip_transforms

AUGMENT = {
    "speed": {"slowest": 0.5, "fastest": 2.0},
    "flip": {"probability": 1.0},
    "multi-scale-crop": {},
    "random-resized-crop": {},
    "erasing": {"probability": 1.0},
    "rand-augment": {"probability": 1.0, "magnitude": 9.0},
}


def test_every_augmentation_is_tried_here() -> None:
    assert set(AUGMENT) == set(CLIP_TRANSFORMS.names())


@pytest.mark.parametrize("name", sorted(AUGMENT))
def test_augmentations_draw_by_seed_visit_and_clip(name: str, clip: bytes) -> None:
    options = {"sampler": {"name": "linspace", "frames": 4}, "size": 32}
    plain = ClipView.for_recipe(options, augment=[], noise=0, use="train")
    view = ClipView.for_recipe(
        options, augment=[{"name": name, **AUGMENT[name]}], noise=0, use="train"
    )
    view = pickle.loads(pickle.dumps(view))
    made = [view.read(clip, facts(LONG), rng("a", visit)) for visit in range(4)]
    assert {each.shape for each in made} == {(4, 32, 32, 3)}
    assert {each.dtype for each in made} == {np.dtype(np.uint8)}
    assert np.array_equal(made[2], view.read(clip, facts(LONG), rng("a", 2)))
    before = plain.read(clip, facts(LONG), rng())
    if name == "speed":  # evenly spaced frames are the same at any speed
        assert np.array_equal(made[0], before)
    else:
        assert any(not np.array_equal(each, before) for each in made)
    if name == "flip":
        assert np.array_equal(made[0], before[:, :, ::-1])
    policy = view.policy()["augment"][0]
    assert {key: policy[key] for key in AUGMENT[name]} == AUGMENT[name]
    assert policy["name"] == name


def test_a_faster_clip_spans_more_of_the_source(clip: bytes) -> None:
    whole = every(clip)
    for factor, frames in ((2.0, [0, 8, 16]), (0.5, [0, 2, 4])):
        view = ClipView.for_recipe(
            {"sampler": {"name": "circle", "frames": 3, "stride": 4}, "size": 16},
            augment=[{"name": "speed", "slowest": factor, "fastest": factor}],
            noise=0,
            use="train",
        )
        found = view.read(clip, facts(LONG), rng())
        spans = {
            tuple(int(n) for n in np.arange(3) * (frames[1]) + first)
            for first in range(LONG - frames[2])
        }
        matches = []
        for span in spans:
            cut = [resized(whole[n], (16, 0, 80, 64), 16, 16).astype(int) for n in span]
            matches.append(np.abs(np.stack(cut) - found).max() <= 24)
        assert any(matches)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"name": "flip", "probability": 25}, "from 0 to 1, not 25"),
        ({"name": "flip", "probability": "high"}, "not supported"),
        ({"name": "speed", "probability": 7}, "from 0 to 1, not 7"),
        ({"name": "erasing", "probability": -1}, "from 0 to 1, not -1"),
        ({"name": "erasing", "area": [0.5, 0.1]}, "`area` is two numbers above 0 and at most 1"),
        ({"name": "erasing", "ratio": 0}, "`ratio` is two numbers above 0"),
        ({"name": "rand-augment", "probability": 50}, "from 0 to 1, not 50"),
        ({"name": "rand-augment", "spread": -1}, "`spread` begins at 0"),
        ({"name": "random-resized-crop", "scale": [0.5]}, r"least first, not \[0.5\]"),
        ({"name": "random-resized-crop", "scale": [0.5, 3]}, "at most 1"),
        ({"name": "random-resized-crop", "ratio": [2, 1]}, "`ratio` is two numbers"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_a_training_begins(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        clip_transforms([settings])


def test_crops_stay_inside() -> None:
    look = Look(120, 90, (32, 32))
    for name in ("multi-scale-crop", "random-resized-crop"):
        [step] = clip_transforms([{"name": name}])
        boxes = [step.prepare(look, rng("a", visit)).box for visit in range(60)]
        assert len(set(boxes)) > 10
        for box in boxes:
            assert box is not None
            assert 0 <= box[0] < box[2] <= 120 + 1e-9
            assert 0 <= box[1] < box[3] <= 90 + 1e-9
