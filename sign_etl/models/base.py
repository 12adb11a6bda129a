"""What a model promises to the tasks, and the registry of models.

A model maps keypoints `(B, T, K, C)` and a mask `(B, T)`, True where a frame is real, to its
outputs. Padded frames change nothing, which `tests/unit/models` proves for every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from sign_etl.core.registry import Registry

if TYPE_CHECKING:
    import torch

    State = Mapping[str, "torch.Tensor"]


class ModelPlugin(Protocol):
    """A family of networks."""

    name: str
    title: str

    def options(self, raw: Mapping[str, Any]) -> BaseModel:
        """The model's settings, checked.

        Raises:
            ValidationError: of pydantic, for a wrong one.
        """
        ...

    def build(
        self, options: BaseModel, *, points: int, channels: int, outputs: int
    ) -> torch.nn.Module:
        """A network with random weights, from torch's generator.

        Args:
            options: what `options` returned.
            points: K, keypoints of a frame.
            channels: C, numbers of a keypoint.
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
