"""RandAugment against the one of timm, whose settings `rand-m7-n4-mstd0.5-inc1` are published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image
from short_clip import rng

from sign_etl.models.vision import guard_torchvision
from sign_etl.stream.rand_augment import GREY, MOST, ONE_WAY, TWO_WAYS, RandAugment

THEIRS = {
    "auto-contrast": "AutoContrast",
    "equalise": "Equalize",
    "invert": "Invert",
    "posterise": "PosterizeIncreasing",
    "solarise": "SolarizeIncreasing",
    "solarise-add": "SolarizeAdd",
    "rotate": "Rotate",
    "colour": "ColorIncreasing",
    "contrast": "ContrastIncreasing",
    "brightness": "BrightnessIncreasing",
    "sharpness": "SharpnessIncreasing",
    "shear-x": "ShearX",
    "shear-y": "ShearY",
    "shift-x": "TranslateXRel",
    "shift-y": "TranslateYRel",
}


def picture() -> Image.Image:
    """Smooth shapes, so that a shift of a pixel shows."""
    across, down = np.meshgrid(np.linspace(0, 6, 48), np.linspace(0, 4, 32))
    waves = [np.sin(across + k) * np.cos(down * (k + 1)) for k in range(3)]
    return Image.fromarray((np.stack(waves, -1) * 110 + 128).astype(np.uint8))


@pytest.fixture(scope="module")
def augment() -> Any:
    guard_torchvision()
    return pytest.importorskip("timm.data.auto_augment")


def test_there_are_the_published_operations(augment: Any) -> None:
    assert set(THEIRS) == {*ONE_WAY, *TWO_WAYS}
    assert sorted(THEIRS.values()) == sorted(augment._RAND_INCREASING_TRANSFORMS)


@pytest.mark.parametrize("name", sorted(THEIRS))
def test_an_operation_does_as_much_as_theirs(
    name: str, augment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: Any = THEIRS[name]
    for magnitude in (1.0, 6.7, 9.0):
        for sign in (1.0, -1.0):
            monkeypatch.setattr(augment.random, "random", lambda s=sign: 0.9 if s < 0 else 0.1)
            to_argument = augment.LEVEL_TO_ARG[theirs]
            arguments = to_argument(magnitude, {"translate_pct": 0.45}) if to_argument else ()
            wanted = augment.NAME_TO_OP[theirs](
                picture(), *arguments, fillcolor=GREY, resample=Image.Resampling.BICUBIC
            )
            level = magnitude / MOST
            change = ONE_WAY.get(name) or TWO_WAYS[name]
            found = change(picture(), level if name in ONE_WAY else sign * level)
            assert np.array_equal(np.asarray(found), np.asarray(wanted)), (magnitude, sign)


def test_magnitudes_and_shares_are_the_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of four changes are made; magnitudes are normal about 7 with a deviation of 0.5."""
    seen: list[float] = []

    def note(picture: Image.Image, level: float) -> Image.Image:
        seen.append(abs(level) * MOST)
        return picture

    for table in (ONE_WAY, TWO_WAYS):
        for name in table:
            monkeypatch.setitem(table, name, note)
    clip = np.zeros((1, 4, 4, 3), np.uint8)
    visits = 600
    for visit in range(visits):
        RandAugment()(clip, rng("a", visit))
    assert len(seen) / visits == pytest.approx(2.0, abs=0.15)
    assert np.mean(seen) == pytest.approx(7.0, abs=0.06)
    assert np.std(seen) == pytest.approx(0.5, abs=0.05)
