"""RandAugment on clips: a few random changes of colour and geometry, the same in all frames.

Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space"
(2020), with its operations in the form in which a greater magnitude always changes more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import RngMaker
from sign_etl.stream.transforms_clip import Clip, Step, share

MOST = 10.0
"""Greatest magnitude."""
GREY = (128, 128, 128)
Change: TypeAlias = Callable[[Image.Image, float], Image.Image]
"""A picture and a level: 0 to 1, or -1 to 1 for what goes two ways."""


@dataclass(frozen=True)
class RandAugment(Step):
    """Makes `layers` changes, each drawn from a list.

    Attributes:
        layers: how many changes.
        magnitude: how great, from 0 to 10.
        spread: standard deviation of the magnitude.
        probability: of each change.
    """

    layers: int = 4
    magnitude: float = 7.0
    spread: float = 0.5
    probability: float = 0.5

    def __post_init__(self) -> None:
        share("probability", self.probability)
        if not self.spread >= 0:
            raise ConfigError(f"`spread` begins at 0, not {self.spread:g}", hint="0 for none")
        if not 0 <= self.magnitude <= MOST or self.layers < 1:
            raise ConfigError(
                f"`magnitude` is from 0 to {MOST:g} and `layers` begin at 1, "
                f"not {self.magnitude:g} and {self.layers}",
                hint="such as `magnitude: 7, layers: 4`",
            )

    def __call__(self, clip: Clip, rng: RngMaker) -> Clip:
        """See `ClipTransform`."""
        draw, steps = rng(), []
        names = [*ONE_WAY, *TWO_WAYS]
        for _ in range(self.layers):
            name = names[int(draw.integers(len(names)))]
            level = float(np.clip(draw.normal(self.magnitude, self.spread), 0, MOST)) / MOST
            sign = -1.0 if draw.random() < 0.5 else 1.0
            if draw.random() < self.probability:
                change = ONE_WAY.get(name)
                steps.append((change or TWO_WAYS[name], level if change else sign * level))
        if not steps:
            return clip
        out = np.empty_like(clip)
        for number, frame in enumerate(clip):
            picture = Image.fromarray(frame)
            for step, level in steps:
                picture = step(picture, level)
            out[number] = np.asarray(picture)
        return out


def _moved(picture: Image.Image, *matrix: float) -> Image.Image:
    return picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        matrix,
        resample=Image.Resampling.BICUBIC,
        fillcolor=GREY,
    )


def _rotated(picture: Image.Image, level: float) -> Image.Image:
    return picture.rotate(30 * level, resample=Image.Resampling.BICUBIC, fillcolor=GREY)


def _added(picture: Image.Image, level: float) -> Image.Image:
    """Dark pixels become lighter by up to 110."""
    table = [min(255, value + int(110 * level)) if value < 128 else value for value in range(256)]
    return picture.point(table * 3)


def _enhanced(make: Callable[[Image.Image], ImageEnhance._Enhance]) -> Change:
    return lambda picture, level: make(picture).enhance(max(0.1, 1 + 0.9 * level))


ONE_WAY: dict[str, Change] = {
    "auto-contrast": lambda picture, _: ImageOps.autocontrast(picture),
    "equalise": lambda picture, _: ImageOps.equalize(picture),
    "invert": lambda picture, _: ImageOps.invert(picture),
    "posterise": lambda picture, level: ImageOps.posterize(picture, max(1, 4 - int(4 * level))),
    "solarise": lambda picture, level: ImageOps.solarize(picture, min(255, 256 - int(256 * level))),
    "solarise-add": _added,
}
TWO_WAYS: dict[str, Change] = {
    "rotate": _rotated,
    "colour": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear-x": lambda picture, level: _moved(picture, 1, 0.3 * level, 0, 0, 1, 0),
    "shear-y": lambda picture, level: _moved(picture, 1, 0, 0, 0.3 * level, 1, 0),
    "shift-x": lambda p, level: _moved(p, 1, 0, 0.45 * level * p.width, 0, 1, 0),
    "shift-y": lambda p, level: _moved(p, 1, 0, 0, 0, 1, 0.45 * level * p.height),
}
