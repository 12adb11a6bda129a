"""What a model sees of the data: sizes of its input, and the preprocessing that made it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Crops, Features, Frames, Inputs, Keypoints
from sign_etl.reader.manifest import MANIFEST, read_manifest
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
        return Features(int(sample.shape[1]), made_by(view, index))
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


def check_features(
    view: View, index: Index, learned: Iterable[Mapping[str, Any]], whose: str
) -> None:
    """Refuse features that another network has made, whatever the set is called.

    Args:
        view: that reads them; others are not looked at.
        index: the data.
        learned: facts about other data, see `sources` in `build.json`.
        whose: these are, for messages.

    Raises:
        ConfigError: a build has others.
    """
    if not isinstance(view, FeatView):
        return
    name = view.features
    known = {source["features"][name] for source in learned if name in source.get("features", ())}
    for source in index.sources:
        # Tars of others do not tell.
        if known and name in source.networks and source.networks[name] not in known:
            raise ConfigError(
                f"the features `{name}` of {source.name} are of another network than those of "
                f"{whose}",
                hint="compare `features` in the manifest.json of the builds, and build one anew",
            )


def made_by(view: View, index: Index) -> dict[str, Any]:
    """What made the features that a view reads, as the first build tells it that has them."""
    if not isinstance(view, FeatView):
        return {}
    for source in index.sources:
        if (source.root / MANIFEST).is_file():
            made = read_manifest(source.root).features.get(view.features)
            if made is not None:
                return made.model_dump(include={"backend", "options", "weights"})
    return {}


def other_rates(index: Index, fps: float) -> str:
    """What to tell of builds whose frames lie closer or farther apart than was learned.

    Args:
        index: of the builds.
        fps: frames a second of most clips that were learned from, 0 where it is not known.

    Returns:
        A sentence; empty where all are alike. A tenth more or less is.
    """
    odd = []
    for number, source in enumerate(index.sources):
        told = index.fps[(index.source == number) & (index.fps > 0)]
        rate = float(np.median(told)) if len(told) else fps
        if fps and not 0.9 <= rate / fps <= 1.1:
            odd.append(f"{source.name} has {rate:g}")
    if not odd:
        return ""
    return (
        f"frames a second: {', '.join(odd)}, most that was learned from {fps:g}; "
        "so many frames apart is another time there"
    )


def _agree(kept: Any, now: Any) -> bool:
    """Whether what was written down holds; settings that were unknown then may have come since."""
    if isinstance(kept, Mapping) and isinstance(now, Mapping):
        return all(_agree(value, now.get(name)) for name, value in kept.items())
    if isinstance(kept, list) and isinstance(now, list):
        return len(kept) == len(now) and all(map(_agree, kept, now))
    return bool(kept == now)
