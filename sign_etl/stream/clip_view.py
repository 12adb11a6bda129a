"""The view `clip`: pictures of a clip, chosen, cut out, resized; still as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import RngMaker, SampleError, SampleFacts, Use
from sign_etl.stream.index import Index
from sign_etl.stream.pictures import NORMS, Box, Frame, Resize, named
from sign_etl.stream.samplers import Numbers, Sampler, sampler
from sign_etl.stream.transforms_clip import ClipTransform, Look, clip_transforms
from sign_etl.stream.video import MEMBER, Decoder, Pictures, Video, with_decord

SIZE = 224
UNIT = {"name": "stride"}


class ClipView:
    """Pictures (T, H, W, 3) uint8 RGB; the task divides and normalises them.

    Args:
        sampler: which frames, see `sign_etl.stream.samplers`.
        size: side of a picture in pixels, or height and width.
        resize: see `sign_etl.stream.pictures`.
        short: for `short-side`, the short side before the cut; default `size`.
        normalise: one of `NORMS`, or mean and standard deviation of each channel in [0, 1].
        views: temporal views of an evaluation.
        crops: spatial crops of an evaluation, 1 or 3.
        augment: random transforms, for training.
        use: what it is for; `train` draws, `evaluate` gives all views, one after the other.
        decoder: `pyav`, or `decord`: the same pixels, slower.
    """

    def __init__(
        self,
        sampler: Sampler,
        size: int | Sequence[int] = SIZE,
        resize: Resize = "short-side",
        short: int | None = None,
        normalise: str | Mapping[str, Sequence[float]] = "imagenet",
        views: int = 1,
        crops: int = 1,
        augment: Sequence[ClipTransform] = (),
        use: Use = "train",
        decoder: Decoder = "pyav",
    ) -> None:
        sides = (size, size) if isinstance(size, int) else tuple(size)
        if len(sides) != 2 or min(sides) < 1:
            raise ConfigError("`size` of the view is one number, or height and width")
        if views < 1 or crops not in (1, 3):
            raise ConfigError("`views` begin at 1 and `crops` are 1 or 3")
        self.sampler, self.use, self.decoder = sampler, use, decoder
        self.size = (int(sides[0]), int(sides[1]))
        self.frame = Frame(self.size, resize, short or max(self.size))
        self.mean, self.std = _norm(normalise)
        self.augment = tuple(augment)
        self._views = (views, crops)
        if views * crops > 1:
            if not sampler.frames:
                raise ConfigError(
                    "several views need a sampler with a fixed number of frames",
                    hint="take `circle`, `last` or `uniform`",
                )
            sampler.views(2 * sampler.frames, views)

    @classmethod
    def for_recipe(
        cls,
        options: Mapping[str, Any],
        *,
        augment: Sequence[Mapping[str, Any]],
        noise: float,
        use: Use,
    ) -> ClipView:
        """The view of a recipe; see `PoseView.for_recipe`."""
        if noise:
            raise ConfigError("`data.noise` is for keypoints", hint="leave it out")
        given = dict(options)
        rule = sampler(given.pop("sampler", UNIT))
        return cls(rule, **given, augment=clip_transforms(augment), use=use)

    @property
    def frames(self) -> int:
        """T of one clip, 0 where it depends on the video."""
        return self.sampler.frames

    @property
    def clips(self) -> int:
        """Clips of a video, one after the other on the axis of time."""
        views, crops = self._views
        return views * crops if self.use == "evaluate" else 1

    def policy(self) -> dict[str, Any]:
        """All settings."""
        return {
            "view": "clip",
            "sampler": self.sampler.policy(),
            "size": list(self.size),
            "resize": self.frame.resize,
            "short": self.frame.short,
            "mean": list(self.mean),
            "std": list(self.std),
            "channels": "RGB",
            "views": self._views[0],
            "crops": self._views[1],
            "augment": [step.policy() for step in self.augment],
        }

    def members(self, index: Index) -> tuple[str, ...]:
        """`mp4` for each source."""
        return (MEMBER,) * len(index.sources)

    def lengths(self, index: Index) -> NDArray[np.int32]:
        """(N,) frames, of all views together."""
        return self.sampler.lengths(np.maximum(index.frames, 1)) * np.int32(self.clips)

    def placeholder(self, index: Index) -> NDArray[Any]:
        """One black picture."""
        return np.zeros((1, *self.size, 3), np.uint8)

    def read(self, data: bytes, facts: SampleFacts, rng: RngMaker) -> NDArray[Any]:
        """(T, H, W, 3) uint8.

        Raises:
            SampleError: no video, or another number of frames than the index has.
        """
        with Video(data) as video:
            if facts.frames and video.frames != facts.frames:
                raise SampleError("schema", MEMBER)
            if self.use != "train":
                windows = self.sampler.views(video.frames, self.clips // self._crops)
                boxes = self.frame.boxes(video.width, video.height, self._crops)
                return self._cut(self._take(video, data, windows), windows, boxes)
            look = Look(video.width, video.height, self.size)
            for step in self.augment:
                look = step.prepare(look, rng)
            chosen = self._chosen(video.frames, look.speed, rng)
            pictures = self._take(video, data, [chosen])
            boxes = [look.box] if look.box else self.frame.boxes(video.width, video.height)
            clip = self._cut(pictures, [chosen], boxes)
        if look.mirrored:
            clip = np.ascontiguousarray(clip[:, :, ::-1])
        for step in self.augment:
            clip = step(clip, rng)
        return clip

    @property
    def _crops(self) -> int:
        return self._views[1] if self.use == "evaluate" else 1

    def _chosen(self, frames: int, speed: float, rng: RngMaker) -> Numbers:
        """Frames as the sampler takes them from a source that is played faster."""
        if speed == 1:
            return self.sampler.choose(frames, rng)
        played = max(1, round(frames / speed))
        chosen = self.sampler.choose(played, rng)
        most = self.sampler.lengths(np.array([frames], np.int32))[0]
        even: Numbers = np.rint(chosen * ((frames - 1) / max(1, played - 1))).astype(np.int64)
        return np.asarray(even[:most])

    def _take(self, video: Video, data: bytes, windows: Sequence[Numbers]) -> Pictures:
        wanted = np.unique(np.concatenate(windows)).tolist()
        return with_decord(data, wanted) if self.decoder == "decord" else video.take(wanted)

    def _cut(
        self, pictures: Pictures, windows: Sequence[Numbers], boxes: Sequence[Box]
    ) -> NDArray[np.uint8]:
        parts = []
        made: list[dict[int, NDArray[np.uint8]]] = [
            {number: self.frame.picture(picture, box) for number, picture in pictures.items()}
            for box in boxes
        ]
        for window in windows:
            for cut in made:
                parts += [cut[number] for number in window.tolist()]
        return np.stack(parts)


def _norm(given: str | Mapping[str, Sequence[float]]) -> tuple[Any, Any]:
    if isinstance(given, str):
        return NORMS[named("normalisation", given, tuple(NORMS))]
    mean, std = (tuple(map(float, given.get(name, ()))) for name in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ConfigError("`normalise` has a `mean` and a `std` of three numbers")
    return mean, std
