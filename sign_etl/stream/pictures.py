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
Picture: TypeAlias = NDArray[np.uint8]

GREY = 114
"""Of the bars of `letterbox`."""
TOGETHER = 16
"""Pictures that torch resizes at once: their weights are made once, and they stay in the cache."""
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

    def picture(self, source: Picture, box: Box) -> Picture:
        """The box of a source (H', W', 3) as a picture (H, W, 3)."""
        found: Picture = self.pictures([source], box)[0]
        return found

    def pictures(self, sources: Sequence[Picture], box: Box) -> Picture:
        """The box of each of N sources of one size, as (N, H, W, 3)."""
        height, width = self.size
        scale_to = all_resized_by_torch if self.scaler == "torch" else all_resized
        if self.resize != "letterbox":
            return scale_to(sources, box, width, height)
        wide, tall = box[2] - box[0], box[3] - box[1]
        scale = min(width / wide, height / tall)
        inner = (max(1, round(wide * scale)), max(1, round(tall * scale)))
        out = np.full((len(sources), height, width, 3), GREY, np.uint8)
        left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
        out[:, top : top + inner[1], left : left + inner[0]] = scale_to(sources, box, *inner)
        return out


def resized(source: Picture, box: Box, width: int, height: int) -> Picture:
    """The box of a picture in another size, by Pillow."""
    tall, wide = source.shape[:2]
    left, top = max(0.0, box[0]), max(0.0, box[1])
    inside = (left, top, min(float(wide), box[2]), min(float(tall), box[3]))
    picture = Image.fromarray(source)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=inside))


def all_resized(sources: Sequence[Picture], box: Box, width: int, height: int) -> Picture:
    """The same of N pictures, as (N, H, W, 3)."""
    return np.stack([resized(source, box, width, height) for source in sources])


def resized_by_torch(source: Picture, box: Box, width: int, height: int) -> Picture:
    """The box of a picture in another size, by torch, on bytes."""
    found: Picture = all_resized_by_torch([source], box, width, height)[0]
    return found


def all_resized_by_torch(sources: Sequence[Picture], box: Box, width: int, height: int) -> Picture:
    """The same of N pictures of one size, as (N, H, W, 3)."""
    import torch

    tall, wide = sources[0].shape[:2]
    left, right = _whole(box[0], box[2], wide)
    top, bottom = _whole(box[1], box[3], tall)
    parts = []
    for first in range(0, len(sources), TOGETHER):
        # Torch takes pictures that lie close together as they are, and copies all others apart.
        close = np.stack([s[top:bottom, left:right] for s in sources[first : first + TOGETHER]])
        given = torch.from_numpy(close).permute(0, 3, 1, 2)
        found = torch.nn.functional.interpolate(
            given, (height, width), mode="bilinear", antialias=True
        )
        parts.append(found.permute(0, 2, 3, 1).numpy())
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _whole(begin: float, end: float, most: int) -> tuple[int, int]:
    """The nearest whole pixels that are there; equally many for boxes of one extent."""
    extent = min(most, max(1, round(end - begin)))
    first = min(max(0, round(begin)), most - extent)
    return first, first + extent
