"""What a model sees of the data: sizes of its input, and the preprocessing that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Crops, Features, Frames, Inputs, Keypoints
from sign_etl.stream.base import View
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.crop_view import CropView
from sign_etl.stream.feat_view import FeatView
from sign_etl.stream.index import Index


def inputs_of(view: View, index: Index) -> Inputs:
    """The sizes of what a view gives.

    Raises:
        ConfigError: the data lack what it reads.
    """
    if isinstance(view, ClipView):
        return frames_of(view)
    sample = view.placeholder(index)
    if isinstance(view, CropView) and isinstance(sample, Mapping):
        return crops_of(view, sample["pose"].shape)
    if isinstance(sample, Mapping):
        raise ConfigError(
            f"no model knows what a {type(view).__name__} gives",
            hint="set `data.view.name` to pose, clip, crop or feat",
        )
    if isinstance(view, FeatView):
        return Features(int(sample.shape[1]))
    return keypoints_of(sample.shape)


def frames_of(view: ClipView) -> Frames:
    """What a clip view gives; it needs no data to know."""
    height, width = view.size
    spans = view.spans is not None
    return Frames(view.frames, height, width, view.clips, view.mean, view.std, spans)


def crops_of(view: CropView, shape: tuple[int, ...]) -> Crops:
    """What a view of hands gives, whose keypoints have `shape` (T, K, C + 1)."""
    return Crops(keypoints_of(shape), view.size, mean=view.mean, std=view.std)


def keypoints_of(shape: tuple[int, ...]) -> Keypoints:
    """Sizes of keypoints (T, K, C + 1), their score last."""
    return Keypoints(int(shape[1]), int(shape[2]) - 1)


def policy_of(view: View) -> dict[str, Any]:
    """All settings of a view with their defaults, as JSON has them; empty where it tells none."""
    told = getattr(view, "policy", None)
    found: dict[str, Any] = json.loads(json.dumps(told() if told else {}, default=str))
    return found


def check_policy(view: View, kept: Mapping[str, Any], run: str) -> None:
    """Refuse to look at data in another way than the run has learned to.

    Args:
        view: as the recipe of the run makes it now.
        kept: what the run has written down about it; empty for older ones.
        run: its name.

    Raises:
        ConfigError: they differ.
    """
    now = policy_of(view)
    differ = sorted(name for name, value in kept.items() if not _agree(value, now.get(name)))
    if differ:
        raise ConfigError(
            f"the run `{run}` was trained with another preprocessing: "
            f"{', '.join(f'`{name}`' for name in differ)}",
            hint="use the version of sign-etl that trained it, named in its README.md",
        )


def _agree(kept: Any, now: Any) -> bool:
    """Whether what was written down holds; settings that were unknown then may have come since."""
    if isinstance(kept, Mapping) and isinstance(now, Mapping):
        return all(_agree(value, now.get(name)) for name, value in kept.items())
    if isinstance(kept, list) and isinstance(now, list):
        return len(kept) == len(now) and all(map(_agree, kept, now))
    return bool(kept == now)
