"""Optimizers, learning rates and the moving average of weights.

The learning rate is a pure function of progress (0 to 1), so there is nothing to resume but the
state of `plateau`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sign_etl.schema.training import OptimizerConfig


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], depth: Callable[[str], int], config: OptimizerConfig
) -> list[dict[str, Any]]:
    """Parameters in groups of one learning rate and one weight decay.

    Args:
        named: names and parameters of the model.
        depth: see `ModelPlugin.depth`.
        config: of the optimizer; `layer_decay` multiplies the rate for every layer below the head.

    Returns:
        Groups with `params`, `lr`, `base_lr` and `weight_decay`; what has one dimension (biases,
        norms), positions and queries do not decay.
    """
    trained = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    top = max(depth(name) for name, _ in trained)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in trained:
        lr = config.lr * config.layer_decay ** (top - depth(name))
        free = sum(side > 1 for side in parameter.shape) < 2 or "position" in name
        groups.setdefault((lr, 0.0 if free else config.weight_decay), []).append(parameter)
    return [
        {"params": parameters, "lr": lr, "base_lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in sorted(groups.items())
    ]


def make_optimizer(groups: list[dict[str, Any]], config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimizer that the config names."""
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, betas=config.betas, eps=config.eps)


@dataclass
class Rate:
    """The learning rate as a share of its peak.

    Attributes:
        config: of the optimizer.
        mode: `max` or `min`, for `plateau`.
        scale: what `plateau` has left of it.
        best: of the metric, for `plateau`.
        waited: evaluations without progress.
    """

    config: OptimizerConfig
    mode: str = "max"
    scale: float = 1.0
    best: float | None = None
    waited: int = 0

    def at(self, progress: float) -> float:
        """The share at a point of the training.

        Args:
            progress: 0 at the first step, 1 after the last one.
        """
        config = self.config
        if progress < config.warmup:
            return self.scale * (progress + 1e-3) / (config.warmup + 1e-3)
        rest = min(1.0, (progress - config.warmup) / (1.0 - config.warmup))
        if config.schedule == "cosine":
            fallen = 0.5 * (1.0 + math.cos(math.pi * rest))
        elif config.schedule == "linear":
            fallen = 1.0 - rest
        else:
            return max(self.scale, config.min_lr)
        return config.min_lr + (1.0 - config.min_lr) * fallen

    def apply(self, optimizer: torch.optim.Optimizer, progress: float) -> float:
        """Set the rate of every group; returns the share."""
        share = self.at(progress)
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * share
        return share

    def judge(self, value: float) -> None:
        """Tell an evaluation; matters for `plateau` only."""
        if self.best is None or better(value, self.best, self.mode):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.config.schedule == "plateau" and self.waited >= self.config.plateau_patience:
            self.scale, self.waited = self.scale * self.config.plateau_factor, 0

    def state(self) -> dict[str, Any]:
        """What `load` takes back."""
        return {"scale": self.scale, "best": self.best, "waited": self.waited}

    def load(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.scale, self.best, self.waited = state["scale"], state["best"], state["waited"]


def better(value: float, than: float, mode: str) -> bool:
    """Whether a metric has improved; NaN is never better, and everything is better than NaN."""
    if than != than:
        return value == value
    return value > than if mode == "max" else value < than


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of `model` that follows its weights slowly; buffers are copied."""
    rule = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=rule)
    average.eval()
    return average
