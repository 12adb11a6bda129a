"""The view `crop`: keypoints, and pictures of both hands of the frames that need them most.

After Uni-Sign's second stage (Li et al., ICLR 2025): where the keypoints of a hand are uncertain,
its picture helps. Of the frames in which a hand is seen a share is drawn, for each hand by itself,
the more likely the less certain its least certain finger tip is; an evaluation takes the least
certain ones. All crops of a clip have one size, so that a hand does not seem to grow. Uncertain
joints stay where they were guessed: around them the picture is looked at.

| array | shape | what |
|---|---|---|
| `pose` | (T, K, C + 1) | as the view `pose` gives it |
| `crop` | (N, 2, S, S, 3) uint8 | left and right hand; black beyond the picture, or not chosen |
| `crop_joints` | (N, 2, 21, 3) | x, y in the crop from 0 to 1, score; 0 of a hand not chosen |
| `crop_place` | (N,) | where the frame stands in T |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import Layout
from sign_etl.stream.base import RngMaker, SampleError, SampleFacts, Use
from sign_etl.stream.index import Index
from sign_etl.stream.pictures import NORMS, named, resized
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.samplers import Sampler, sampler
from sign_etl.stream.signer_crop import Square, cut
from sign_etl.stream.transforms_pose import Mirror, Pose, Relayout
from sign_etl.stream.video import MEMBER, Video

HANDS = ("left_hand", "right_hand")
CERTAIN = 0.3
"""Mean score of a hand that is there."""
MARGIN = 1.2
"""Side of a crop, in extents of the largest hand."""
REACH = 1.5
"""How far from the middle of a picture a joint has a place, in its sides."""
LEAST = 1e-5
_LONG = 1000


class CropView:
    """Keypoints and hand crops.

    Args:
        pose: the view of the keypoints, which keeps all frames.
        sampler: which frames of the clip are looked at; default all.
        size: S in pixels.
        share: of the frames in which a hand is seen, those that get crops.
        normalise: one of `NORMS`.
        use: what it is for; only `train` draws.

    Raises:
        ConfigError: a transform of the keypoints moves frames or mirrors them.
    """

    def __init__(
        self,
        pose: PoseView,
        sampler: Sampler | None = None,
        size: int = 112,
        share: float = 0.1,
        normalise: str = "imagenet",
        use: Use = "train",
    ) -> None:
        if not 0 < share <= 1 or size < 8:
            raise ConfigError(
                f"`share` is above 0 and at most 1, `size` begins at 8, not {share:g} and {size}",
                hint="such as `share: 0.1, size: 112`",
            )
        self.pose, self.sampler, self.size, self.share, self.use = pose, sampler, size, share, use
        self.normalise = named("normalisation", normalise, tuple(NORMS))
        self.mean, self.std = NORMS[self.normalise]
        for step in pose.transforms:
            if isinstance(step, Mirror) or step.lengths(np.array([_LONG], np.int32))[0] != _LONG:
                raise ConfigError(
                    f"the transform `{type(step).__name__}` parts keypoints from their pictures",
                    hint="choose frames with `sampler` of the view `crop`",
                )

    @classmethod
    def for_recipe(
        cls,
        options: Mapping[str, Any],
        *,
        augment: Sequence[Mapping[str, Any]],
        noise: float,
        use: Use,
    ) -> CropView:
        """The view of a recipe; see `PoseView.for_recipe`, to which augmentations go."""
        given = dict(options)
        pose = PoseView.for_recipe(given.pop("pose", {}), augment=augment, noise=noise, use=use)
        rule = given.pop("sampler", None)
        return cls(pose, **given, sampler=sampler(rule) if rule else None, use=use)

    def policy(self) -> dict[str, Any]:
        """All settings.

        Runs of before hands were chosen each by itself have `share` there: they are refused.
        """
        return {
            "view": "crop",
            "pose": self.pose.policy(),
            "sampler": self.sampler.policy() if self.sampler else None,
            "size": self.size,
            "share_of_each_hand": self.share,
            "mean": list(self.mean),
            "std": list(self.std),
        }

    def members(self, index: Index) -> tuple[tuple[str, ...], ...]:
        """`mp4` and `BACKEND.npy` for each source."""
        return tuple((MEMBER, name) for name in self.pose.members(index))

    def lengths(self, index: Index) -> NDArray[np.int32]:
        """(N,) frames of the keypoints."""
        frames = self.pose.lengths(index)
        return self.sampler.lengths(frames) if self.sampler else frames

    def read(
        self, data: tuple[bytes, ...], facts: SampleFacts, rng: RngMaker
    ) -> dict[str, NDArray[Any]]:
        """The arrays, see above.

        Raises:
            SampleError: keypoints or video are damaged, or have not equally many frames.
        """
        film, keypoints = data
        pose = self.pose.decode(keypoints, facts)
        if not isinstance(pose, Pose):
            raise ConfigError(
                "the view `crop` needs keypoints of a known layout",
                hint="give its `pose` a `layout`",
            )
        total = len(pose.keypoints)
        numbers = np.arange(total)
        if self.sampler is not None:
            train = self.use == "train"
            numbers = self.sampler.choose(total, rng) if train else self.sampler.views(total, 1)[0]
        pose = pose.with_keypoints(pose.keypoints[numbers])
        steps = list(self.pose.transforms)
        if steps and isinstance(steps[0], Relayout):
            pose = steps.pop(0)(pose, rng)
        hands = np.stack([pose.keypoints[:, list(_hand(pose.layout, name))] for name in HANDS], 1)
        hands = hands[..., [0, 1, -1]]
        chosen = chosen_hands(hands[..., 2], self.share, rng if self.use == "train" else None)
        places = np.flatnonzero(chosen.any(axis=1))
        with Video(film) as video:
            if video.frames != total:
                raise SampleError("schema", MEMBER)
            pictures = video.take(numbers[places].tolist()) if len(places) else {}
            scale = np.array([video.width, video.height, 1], np.float32)
        films = [pictures[number] for number in numbers[places]]
        crops, joints = self._crops(films, hands[places] * scale, chosen[places])
        for step in steps:
            pose = step(pose, rng)
        return {
            "pose": pose.keypoints,
            "crop": crops,
            "crop_joints": joints,
            "crop_place": places.astype(np.float32),
        }

    def placeholder(self, index: Index) -> dict[str, NDArray[Any]]:
        """One frame of nothing and its crops."""
        return {
            "pose": self.pose.placeholder(index),
            "crop": np.zeros((1, 2, self.size, self.size, 3), np.uint8),
            "crop_joints": np.zeros((1, 2, 21, 3), np.float32),
            "crop_place": np.zeros(1, np.float32),
        }

    def _crops(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        hands: NDArray[np.float32],
        chosen: NDArray[np.bool_],
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Crops (N, 2, S, S, 3) and joints in them, of the `chosen` (N, 2) hands in pixels."""
        crops = np.zeros((len(pictures), 2, self.size, self.size, 3), np.uint8)
        joints = np.zeros(hands.shape, np.float32)
        if not len(pictures):
            return crops, joints
        # False for NaN too. One guess far away would make dots of all hands.
        away = np.abs(hands[..., :2] / pictures[0].shape[1::-1] - 0.5)
        near = (away <= REACH).all(axis=-1, keepdims=True)
        known = near & chosen[..., None, None]
        low = np.where(known, hands[..., :2], np.inf).min(axis=2)
        high = np.where(known, hands[..., :2], -np.inf).max(axis=2)
        there = known.any(axis=(2, 3))
        if not there.any():
            return crops, joints
        side = max(8.0, 2 * float(np.floor(MARGIN * (high - low)[there].max() / 2)))
        for number, hand in np.argwhere(there):
            middle = (low[number, hand] + high[number, hand]) / 2
            begin = np.rint(middle - side / 2)
            crops[number, hand] = cut_square(pictures[number], begin, int(side), self.size)
            inside = (hands[number, hand, :, :2] - begin) / side
            # A joint without a place looks at the middle.
            joints[number, hand, :, :2] = np.where(known[number, hand], inside, 0.5).clip(0, 1)
            joints[number, hand, :, 2] = np.nan_to_num(hands[number, hand, :, 2])
        return crops, joints


def chosen_hands(
    scores: NDArray[np.float32], share: float, rng: RngMaker | None
) -> NDArray[np.bool_]:
    """Which hands (T, 2) get crops, each chosen by itself.

    With s the score of the least certain finger tip in a frame, the frame is drawn with a
    probability in proportion to max(s) - s + 0.00001, without being put back.

    Args:
        scores: (T, 2, 21) of the joints of both hands.
        share: of the frames in which the hand is seen (mean score above 0.3); rounded up.
        rng: draws them; None takes the least certain ones.
    """
    scores = np.nan_to_num(scores)
    chosen = np.zeros(scores.shape[:2], np.bool_)
    for hand in range(scores.shape[1]):
        candidates = np.flatnonzero(scores[:, hand].mean(axis=-1) > CERTAIN)
        if not len(candidates):
            continue
        least = scores[candidates, hand][:, TIPS].min(axis=-1)
        doubt = least.max() - least + LEAST
        count = int(np.ceil(share * len(candidates)))
        if rng is None:
            places = np.argsort(-doubt, kind="stable")[:count]
        else:
            places = rng().choice(len(candidates), count, replace=False, p=doubt / doubt.sum())
        chosen[candidates[places], hand] = True
    return chosen


TIPS = [4, 8, 12, 16, 20]
"""Finger tips of a hand whose joints go from the wrist out, finger by finger."""


def cut_square(
    picture: NDArray[np.uint8], begin: NDArray[Any], side: int, size: int
) -> NDArray[np.uint8]:
    """A square of a picture, black beyond its edges, as (size, size, 3).

    Args:
        picture: (H, W, 3).
        begin: (2,) x and y of its left upper corner, whole numbers, also below 0.
        side: in pixels of the picture.
        size: of what comes out.
    """
    square = cut(picture, Square(int(begin[0]), int(begin[1]), side))
    return resized(square, (0, 0, side, side), size, size)


def _hand(kind: Layout, name: str) -> tuple[int, ...]:
    points = tuple(kind.parts.get(name, ()))
    if len(points) != 21:
        raise ConfigError(
            f"the layout `{kind.name}` has no hands of 21 joints",
            hint="give `pose` of the view a `layout` that has, as unisign-69",
        )
    return points
