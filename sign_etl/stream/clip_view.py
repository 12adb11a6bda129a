"""The view `clip`: pictures of a clip, chosen, cut out, resized; still as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import Arrays, MemberNames, RngMaker, SampleError, SampleFacts, Use
from sign_etl.stream.index import Index
from sign_etl.stream.pictures import NORMS, Box, Frame, Resize, Scaler, named
from sign_etl.stream.samplers import Numbers, Sampler, sampler
from sign_etl.stream.signer_crop import SignerCrop, cut
from sign_etl.stream.spans import SPAN, SpanColumns, read_spans, seen_of
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
        scaler: `torch`, or `pillow`: nearly the same pixels, slower; see
            `sign_etl.stream.pictures`.
        signer: cut the signer out first, see `SignerCrop`; True for its defaults.
        spans: tell where in the window the sign is, see `SpanColumns`; True for its defaults.
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
        scaler: Scaler = "torch",
        signer: bool | Mapping[str, Any] = False,
        spans: bool | Mapping[str, Any] = False,
    ) -> None:
        sides = (size, size) if isinstance(size, int) else tuple(size)
        if len(sides) != 2 or min(sides) < 1:
            raise ConfigError(
                f"`size` of the view is one number, or height and width, not {list(sides)}",
                hint="such as `size: 224`, or `size: [224, 224]`",
            )
        if views < 1 or crops not in (1, 3):
            raise ConfigError(
                f"`views` begin at 1 and `crops` are 1 or 3, not {views} and {crops}",
                hint="such as `views: 2, crops: 3`",
            )
        self.sampler, self.use, self.decoder = sampler, use, _installed(decoder)
        self.size = (int(sides[0]), int(sides[1]))
        self.frame = Frame(self.size, resize, short or max(self.size), scaler)
        self.mean, self.std = _norm(normalise)
        self.augment = tuple(augment)
        self.signer, self.spans = SignerCrop.of(signer), SpanColumns.of(spans)
        self._spans: NDArray[np.float64] | None = None
        self._spans_of = ""
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
            "scaler": self.frame.scaler,
            "mean": list(self.mean),
            "std": list(self.std),
            "channels": "RGB",
            "views": self._views[0],
            "crops": self._views[1],
            "signer": self.signer.policy() if self.signer else None,
            "spans": self.spans.policy() if self.spans else None,
            "augment": [step.policy() for step in self.augment],
        }

    def members(self, index: Index) -> MemberNames:
        """`mp4` for each source, and `BACKEND.npy` where the signer is cut out.

        Raises:
            ConfigError: a build lacks keypoints, or nobody says where signs begin.
        """
        if self.spans is not None and self._spans_of != index.dataset_hash:
            self._spans, self._spans_of = read_spans(index, self.spans), index.dataset_hash
        if self.signer is None:
            return (MEMBER,) * len(index.sources)
        return tuple((MEMBER, name) for name in self.signer.members(index))

    def lengths(self, index: Index) -> NDArray[np.int32]:
        """(N,) frames, of all views together."""
        return self.sampler.lengths(np.maximum(index.frames, 1)) * np.int32(self.clips)

    def placeholder(self, index: Index) -> Arrays:
        """One black picture."""
        black = np.zeros((1, *self.size, 3), np.uint8)
        return {"clip": black, SPAN: np.zeros((1, 4), np.float32)} if self.spans else black

    def read(self, data: bytes | tuple[bytes, ...], facts: SampleFacts, rng: RngMaker) -> Arrays:
        """(T, H, W, 3) uint8; with `spans` a `clip` of them, and (V, 4) for V windows of it.

        Raises:
            SampleError: no video, or another number of frames than the index has.
        """
        film, *keypoints = (data,) if isinstance(data, bytes) else data
        with Video(film) as video:
            if facts.frames and video.frames != facts.frames:
                raise SampleError("schema", MEMBER)
            width, height, square = video.width, video.height, None
            if self.signer is not None:
                square = self.signer.square(keypoints[0], facts, width, height)
                width = height = square.side
            look = Look(width, height, self.size)
            if self.use == "train":
                for step in self.augment:
                    look = step.prepare(look, rng)
                windows = [self._chosen(video.frames, look.speed, rng)]
            else:
                windows = self.sampler.views(video.frames, self.clips // self._crops)
            boxes = [look.box] if look.box else self.frame.boxes(width, height, self._crops)
            pictures = self._take(video, film, windows)
        if square is not None:
            pictures = {number: cut(each, square) for number, each in pictures.items()}
        clip: NDArray[Any] = self._cut(pictures, windows, boxes)
        if look.mirrored:
            clip = np.ascontiguousarray(clip[:, :, ::-1])
        if self.use == "train":
            for step in self.augment:
                clip = step(clip, rng)
        return clip if self._spans is None else {"clip": clip, SPAN: self._seen(windows, facts)}

    def _seen(self, windows: Sequence[Numbers], facts: SampleFacts) -> NDArray[np.float32]:
        assert self._spans is not None
        span = self._spans[facts.id] * facts.fps
        return np.stack([seen_of(window, span) for window in windows for _ in range(self._crops)])

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
        numbers = sorted(pictures)
        made = [self.frame.pictures([pictures[n] for n in numbers], box) for box in boxes]
        places = [np.searchsorted(numbers, window) for window in windows]
        return np.concatenate([ready[place] for place in places for ready in made])


def _installed(decoder: Decoder) -> Decoder:
    named("decoder", decoder, get_args(Decoder))
    if decoder == "decord" and find_spec("decord") is None:
        raise ConfigError(
            "decord is not installed here",
            hint="leave `decoder` out: PyAV gives the same pixels, sooner",
        )
    return decoder


def _norm(given: str | Mapping[str, Sequence[float]]) -> tuple[Any, Any]:
    if isinstance(given, str):
        return NORMS[named("normalisation", given, tuple(NORMS))]
    mean, std = (tuple(map(float, given.get(name, ()))) for name in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ConfigError(
            f"`normalise` has a `mean` and a `std` above 0 of three numbers, not {mean} and {std}",
            hint=f"choose one of {', '.join(NORMS)}, or give both",
        )
    if max(*mean, *std) > 1:
        raise ConfigError(
            f"`normalise` counts colours from 0 to 1, and {max(*mean, *std):g} is beyond",
            hint="divide `mean` and `std` by 255",
        )
    return mean, std
