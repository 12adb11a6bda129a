"""Augmentations of clips: what a recipe names, in its order, for training only.

Some choose what is cut out of the source before a picture is decoded (`prepare`), some change the
pictures afterwards (`__call__`). All frames of a clip get the same. Randomness comes from the
generator of the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.core.registry import Registry
from sign_etl.stream.base import RngMaker, by_name, recipe_name
from sign_etl.stream.pictures import Box
from sign_etl.stream.transforms_time import SpeedRange

Clip = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Look:
    """How a source is looked at.

    Attributes:
        width: of the source in pixels.
        height: of the source in pixels.
        size: H, W of the pictures.
        box: what is cut out of it; None for what the resize policy says.
        speed: the source is played so much faster.
        mirrored: left and right are exchanged.
    """

    width: int
    height: int
    size: tuple[int, int]
    box: Box | None = None
    speed: float = 1.0
    mirrored: bool = False


class ClipTransform(Protocol):
    """One step; must pickle."""

    def prepare(self, look: Look, rng: RngMaker) -> Look:
        """How the source is looked at, before anything is decoded."""
        ...

    def __call__(self, clip: Clip, rng: RngMaker) -> Clip:
        """Pictures (T, H, W, 3) changed."""
        ...

    def policy(self) -> dict[str, Any]:
        """Its settings."""
        ...


class Step:
    """Base: changes nothing."""

    def prepare(self, look: Look, rng: RngMaker) -> Look:
        """See `ClipTransform`."""
        return look

    def __call__(self, clip: Clip, rng: RngMaker) -> Clip:
        """See `ClipTransform`."""
        return clip

    def policy(self) -> dict[str, Any]:
        """See `ClipTransform`."""
        settings: Any = self
        return {"name": recipe_name(self), **asdict(settings)}


def share(name: str, given: float) -> None:
    """Refuse what is no probability.

    Raises:
        ConfigError: it is below 0 or above 1.
    """
    if not 0 <= given <= 1:
        raise ConfigError(
            f"`{name}` is from 0 to 1, not {given:g}", hint=f"such as `{name}: 0.5` for one half"
        )


def _two(name: str, given: Sequence[float], most: float = np.inf) -> tuple[float, float]:
    """The least and the greatest of something.

    Raises:
        ConfigError: these are not two numbers in their order.
    """
    two = tuple(given)
    if len(two) != 2 or not 0 < two[0] <= two[1] <= most:
        limit = "" if most == np.inf else f" and at most {most:g}"
        raise ConfigError(
            f"`{name}` is two numbers above 0{limit}, the least first, not {list(two)}",
            hint=f"such as `{name}: [0.5, 1]`",
        )
    return two[0], two[1]


@dataclass(frozen=True)
class Speed(SpeedRange, Step):
    """Plays the source faster or slower, before the sampler chooses: see `SpeedRange`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        share("probability", self.probability)

    def prepare(self, look: Look, rng: RngMaker) -> Look:
        """See `ClipTransform`."""
        factor = self.factor(rng)
        return look if factor is None else replace(look, speed=look.speed * factor)


@dataclass(frozen=True)
class Flip(Step):
    """Mirrors left and right, so a right hand becomes a left one.

    Off unless a recipe names it: in many data sets a mirrored sign is the one of a left-handed
    signer, in others (directions, finger spelling, signs that differ by the hand) another sign.

    Attributes:
        probability: of doing it.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        share("probability", self.probability)

    def prepare(self, look: Look, rng: RngMaker) -> Look:
        """See `ClipTransform`."""
        return replace(look, mirrored=look.mirrored ^ bool(rng().random() < self.probability))


FIXED = (
    *((0, 0), (4, 0), (0, 4), (4, 4), (2, 2), (0, 2), (4, 2), (2, 4), (2, 0)),
    *((1, 1), (3, 1), (1, 3), (3, 3)),
)
"""Places of a cut in quarters of what is to spare: corners, middle, middles of sides, quarters."""


@dataclass(frozen=True)
class MultiScaleCrop(Step):
    """Cuts out a part of the short side times one of `scales`, each side its own, in a fixed place.

    Attributes:
        scales: shares of the short side, largest first.
        distortion: how many places in `scales` the two sides may be apart.
    """

    scales: tuple[float, ...] = (1.0, 0.875, 0.75, 0.66)
    distortion: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))
        if not self.scales or not all(0 < scale <= 1 for scale in self.scales):
            raise ConfigError(
                f"`scales` are above 0 and at most 1, not {list(self.scales)}",
                hint="such as `scales: [1, 0.875, 0.75]`",
            )

    def prepare(self, look: Look, rng: RngMaker) -> Look:
        """See `ClipTransform`."""
        base = min(look.width, look.height)
        pairs = [
            (across, down)
            for i, across in enumerate(self.scales)
            for j, down in enumerate(self.scales)
            if abs(i - j) <= self.distortion
        ]
        across, down = pairs[int(rng().integers(len(pairs)))]
        wide, tall = base * across, base * down
        place = FIXED[int(rng().integers(len(FIXED)))]
        left, top = (look.width - wide) * place[0] / 4, (look.height - tall) * place[1] / 4
        return replace(look, box=(left, top, left + wide, top + tall))


@dataclass(frozen=True)
class RandomResizedCrop(Step):
    """Cuts out a box of random area and proportion, of which the picture is made.

    Attributes:
        scale: least and greatest share of the area.
        ratio: least and greatest width over height; its logarithm is evenly distributed.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (0.75, 4 / 3)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _two("scale", self.scale, 1.0))
        object.__setattr__(self, "ratio", _two("ratio", self.ratio))

    def prepare(self, look: Look, rng: RngMaker) -> Look:
        """See `ClipTransform`."""
        width, height, draw = look.width, look.height, rng()
        for _ in range(10):
            area = width * height * draw.uniform(*self.scale)
            ratio = float(np.exp(draw.uniform(*np.log(self.ratio))))
            wide, tall = float(np.sqrt(area * ratio)), float(np.sqrt(area / ratio))
            if wide <= width and tall <= height:
                left, top = draw.uniform(0, width - wide), draw.uniform(0, height - tall)
                return replace(look, box=(left, top, left + wide, top + tall))
        return look


@dataclass(frozen=True)
class Erasing(Step):
    """Puts noise into a random box, the same one in all frames.

    Attributes:
        probability: of doing it.
        area: least and greatest share of the picture.
        ratio: least height over width, and least width over height.
    """

    probability: float = 0.25
    area: tuple[float, float] = (0.02, 1 / 3)
    ratio: float = 0.3

    def __post_init__(self) -> None:
        share("probability", self.probability)
        _two("ratio", (self.ratio, 1.0))
        object.__setattr__(self, "area", _two("area", self.area, 1.0))

    def __call__(self, clip: Clip, rng: RngMaker) -> Clip:
        """See `ClipTransform`."""
        draw = rng()
        if draw.random() >= self.probability:
            return clip
        height, width = clip.shape[1:3]
        edge = np.log(self.ratio)
        for _ in range(10):
            area = height * width * draw.uniform(*self.area)
            ratio = float(np.exp(draw.uniform(edge, -edge)))
            tall, wide = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
            if 0 < tall < height and 0 < wide < width:
                top = int(draw.integers(height - tall + 1))
                left = int(draw.integers(width - wide + 1))
                # Normal noise about the middle grey: what it is after a normalisation.
                noise = draw.normal(0.45, 0.225, (len(clip), tall, wide, 3)) * 255
                changed = clip.copy()
                changed[:, top : top + tall, left : left + wide] = noise.clip(0, 255)
                return changed
        return clip


CLIP_TRANSFORMS: Registry[Callable[..., ClipTransform]] = Registry(
    "clip transform", "sign_etl.clip_transforms"
)
"""Makers of transforms by name; keyword arguments are their options in a recipe."""
_HERE = "sign_etl.stream.transforms_clip"
CLIP_TRANSFORMS.builtin(
    speed=f"{_HERE}:Speed",
    flip=f"{_HERE}:Flip",
    multi_scale_crop=f"{_HERE}:MultiScaleCrop",
    random_resized_crop=f"{_HERE}:RandomResizedCrop",
    erasing=f"{_HERE}:Erasing",
    rand_augment="sign_etl.stream.rand_augment:RandAugment",
)


def clip_transforms(settings: Sequence[Mapping[str, Any]]) -> tuple[ClipTransform, ...]:
    """Transforms as a recipe lists them: `{name: erasing, probability: 0.25}`.

    Raises:
        ConfigError: an unknown name or option.
    """
    return tuple(by_name(CLIP_TRANSFORMS, each) for each in settings)
