"""Pictures to the size that a model wants: boxes of the source, resized.

Both scalers are bilinear and widen their filter where a picture becomes smaller, against aliasing.
`torch` takes boxes of whole pixels, the nearest, and nothing beyond them; `pillow` takes parts of
pixels and lets a pixel at the edge see its neighbour beyond. Inside a box of whole pixels they
agree within one level of 255. Torch's takes a fifth of the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sign_etl.core.errors import ConfigError, near_or_all

Resize = Literal["short-side", "stretch", "letterbox"]
"""`short-side`: to `short`, then cut in the middle; `stretch`: the sides are not kept in their
proportion; `letterbox`: all of it, with grey bars."""
Scaler = Literal["torch", "pillow"]
"""What resizes."""
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the source."""
Triple: TypeAlias = tuple[float, float, float]

GREY = 114
"""Of the bars of `letterbox`."""
NORMS: dict[str, tuple[Triple, Triple]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "half": ((0.45, 0.45, 0.45), (0.225, 0.225, 0.225)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
"""Mean and standard deviation of the channels in [0, 1]. `half` is 114.75 and 57.375 of 255."""


def named(kind: str, name: str, known: Sequence[str]) -> str:
    """`name`, where it is known.

    Raises:
        ConfigError: it is not.
    """
    if name not in known:
        raise ConfigError(f"unknown {kind} `{name}`", hint=near_or_all(name, known))
    return name


@dataclass(frozen=True, slots=True)
class Frame:
    """How a source of some size comes into a picture of another one.

    Attributes:
        size: H, W of the picture in pixels.
        resize: the policy.
        short: short side of the source before the cut, in pixels.
        scaler: what resizes.
    """

    size: tuple[int, int]
    resize: Resize = "short-side"
    short: int = 224
    scaler: Scaler = "pillow"

    def __post_init__(self) -> None:
        named("scaler", self.scaler, get_args(Scaler))
        named("resize policy", self.resize, get_args(Resize))
        if self.resize == "short-side" and self.short < max(self.size):
            raise ConfigError(
                f"a short side of {self.short} pixels is below {max(self.size)}",
                hint="raise `short`, or leave it out",
            )

    def boxes(self, width: int, height: int, crops: int = 1) -> list[Box]:
        """What is cut out of a source: one box in the middle, or three along its long side."""
        if self.resize != "short-side":
            return [(0.0, 0.0, float(width), float(height))] * crops
        scale = min(width, height) / self.short
        tall, wide = self.size[0] * scale, self.size[1] * scale
        spare = (width - wide, height - tall)
        places = (0.5,) if crops == 1 else (0.0, 0.5, 1.0)
        found: list[Box] = []
        for place in places:
            across, down = (place, 0.5) if width >= height else (0.5, place)
            left, top = spare[0] * across, spare[1] * down
            found.append((left, top, left + wide, top + tall))
        return found

    def picture(self, source: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
        """The box of a source (H', W', 3) as a picture (H, W, 3)."""
        height, width = self.size
        scale_to = resized_by_torch if self.scaler == "torch" else resized
        if self.resize != "letterbox":
            return scale_to(source, box, width, height)
        wide, tall = box[2] - box[0], box[3] - box[1]
        scale = min(width / wide, height / tall)
        inner = (max(1, round(wide * scale)), max(1, round(tall * scale)))
        out = np.full((height, width, 3), GREY, np.uint8)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        out[top : top + inner[1], left : left + inner[0]] = scale_to(source, box, *inner)
        return out


def resized(source: NDArray[np.uint8], box: Box, width: int, height: int) -> NDArray[np.uint8]:
    """The box of a picture in another size, by Pillow."""
    tall, wide = source.shape[:2]
    left, top = max(0.0, box[0]), max(0.0, box[1])
    inside = (left, top, min(float(wide), box[2]), min(float(tall), box[3]))
    picture = Image.fromarray(source)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=inside))


def resized_by_torch(
    source: NDArray[np.uint8], box: Box, width: int, height: int
) -> NDArray[np.uint8]:
    """The box of a picture in another size, by torch, on bytes."""
    import torch

    tall, wide = source.shape[:2]
    left, right = _whole(box[0], box[2], wide)
    top, bottom = _whole(box[1], box[3], tall)
    picture = torch.from_numpy(source[top:bottom, left:right]).permute(2, 0, 1)[None]
    found = torch.nn.functional.interpolate(
        picture, (height, width), mode="bilinear", antialias=True
    )
    array: NDArray[np.uint8] = found[0].permute(1, 2, 0).numpy()
    return array


def _whole(begin: float, end: float, most: int) -> tuple[int, int]:
    """The nearest whole pixels that are there; equally many for boxes of one extent."""
    extent = min(most, max(1, round(end - begin)))
    first = min(max(0, round(begin)), most - extent)
    return first, first + extent
