"""What a model promises to the tasks, and the registry of models.

A model maps one of these and a mask `(B, T)`, True where a time step is real, to its outputs.
Padded steps change nothing, which `tests/unit/models` proves for every one of them.

| view | what goes in | told by |
|---|---|---|
| `pose` | keypoints (B, T, K, C), without their score | `Keypoints` |
| `clip` | pictures (B, T, 3, H, W), float, normalised | `Frames` |
| `feat` | features (B, T, D) | `Features` |
| `crop` | keypoints, and pictures of the hands of some frames | `Crops` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel

from sign_etl.core.errors import ConfigError
from sign_etl.core.registry import Registry

if TYPE_CHECKING:
    import torch

    State = Mapping[str, "torch.Tensor"]


Triple: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Keypoints:
    """What the view `pose` gives.

    Attributes:
        points: K, keypoints of a frame.
        channels: C, coordinates of a keypoint (the score is not among them).
    """

    points: int
    channels: int


@dataclass(frozen=True, slots=True)
class Frames:
    """What the view `clip` gives.

    Attributes:
        frames: T of one clip; 0 where it depends on the video.
        height: H in pixels.
        width: W in pixels.
        clips: views of multi-view testing: an evaluation sees `clips` times T frames of a video,
            clip after clip, and takes the mean of what the task says of them.
        mean: of the channels in [0, 1], taken off before the model.
        std: what they are divided by afterwards.
        spans: a batch tells where in its windows the signs are, see `sign_etl.stream.spans`.
    """

    frames: int
    height: int
    width: int
    clips: int = 1
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)
    spans: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """What the view `feat` gives.

    Attributes:
        size: D, numbers of a time step.
        made: what made them: `backend`, `options` and `weights`, as a manifest has them; empty
            where nobody tells.
    """

    size: int
    made: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Crops:
    """What the view `crop` gives.

    Attributes:
        keypoints: of all frames.
        size: side of a crop in pixels.
        hands: crops of a frame.
        mean: of the channels in [0, 1], taken off before the model.
        std: what they are divided by afterwards.
    """

    keypoints: Keypoints
    size: int
    hands: int = 2
    mean: Triple = (0.485, 0.456, 0.406)
    std: Triple = (0.229, 0.224, 0.225)


Inputs: TypeAlias = Keypoints | Frames | Features | Crops
Kind = TypeVar("Kind", Keypoints, Frames, Features, Crops)


def fitting_heads(width: int) -> str:
    """A hint for heads that do not divide the width of their attention."""
    fitting = [str(heads) for heads in range(1, 33) if width % heads == 0]
    return f"these divide it: {', '.join(fitting)}"


def expect(inputs: Inputs, kind: type[Kind], model: str) -> Kind:
    """`inputs`, where they are of a kind.

    Raises:
        ConfigError: they are not.
    """
    if not isinstance(inputs, kind):
        raise ConfigError(
            f"the model `{model}` takes {kind.__name__}, the view gives {type(inputs).__name__}",
            hint="change `data.view`; the recipes of `sign-etl train list` show which goes with it",
        )
    return inputs


class ModelPlugin(Protocol):
    """A family of networks."""

    name: str
    title: str

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the views that it can read."""
        ...

    def options(self, raw: Mapping[str, Any]) -> BaseModel:
        """The model's settings, checked.

        Raises:
            ValidationError: of pydantic, for a wrong one.
        """
        ...

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> torch.nn.Module:
        """A network with random weights, from torch's generator.

        Args:
            options: what `options` returned.
            inputs: what goes in.
            outputs: classes, or the size of the embedding.

        Raises:
            ConfigError: the options do not fit these sizes.
        """
        ...

    def depth(self, parameter: str, options: BaseModel) -> int:
        """How deep a parameter lies, for layer decay: 0 at the input, the greatest at the head."""
        ...


MODELS: Registry[ModelPlugin] = Registry("model", "sign_etl.models")
MODELS.builtin(spoter="sign_etl.models.spoter:MODEL")
MODELS.builtin(pose_mae="sign_etl.models.pose_mae:MODEL")
MODELS.builtin(unisign="sign_etl.models.unisign:MODEL")
MODELS.builtin(signvlm="sign_etl.models.signvlm:MODEL")
MODELS.builtin(clip_zero_shot="sign_etl.models.clip_zero_shot:MODEL")
MODELS.builtin(video_mae="sign_etl.models.video_mae:MODEL")
MODELS.builtin(slovo="sign_etl.models.slovo:MODEL")
