"""Where a training runs and whom it tells: accelerate's part, and the optimizer's state on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sign_etl.core.errors import ConfigError, MissingExtraError
from sign_etl.schema.training import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator


def make_accelerator(config: TrainConfig, run: Path) -> Accelerator:
    """What places model and optimizer on devices, and talks to the trackers.

    Raises:
        MissingExtraError: accelerate is not installed.
        ConfigError: a tracker's package is not installed.
    """
    try:
        from accelerate import Accelerator
        from accelerate.tracking import filter_trackers
        from accelerate.utils import FullyShardedDataParallelPlugin, ProjectConfiguration
    except ImportError:
        raise MissingExtraError("training", "train") from None
    run.mkdir(parents=True, exist_ok=True)
    wanted = list(config.trackers)
    present = [str(getattr(t, "value", t)) for t in filter_trackers(wanted, run)]
    for name in wanted:
        if name not in present:
            raise ConfigError(f"tracker `{name}` is not installed", hint=f"pip install {name}")
    sharded = config.parallel == "fsdp"
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),  # else processes without GPUs do not meet
        mixed_precision="no" if config.precision == "fp32" else config.precision,
        log_with=present or None,
        project_config=ProjectConfiguration(str(run), str(run / "logs")),
        fsdp_plugin=FullyShardedDataParallelPlugin(fsdp_version=2) if sharded else None,
    )
    if accelerator.num_processes != int(os.environ.get("WORLD_SIZE", "1")):
        raise ConfigError("the processes of this training have not found each other")
    if sharded and accelerator.num_processes > 1 and accelerator.device.type == "cpu":
        raise ConfigError("`parallel: fsdp` needs GPUs", hint="set `parallel: ddp`")
    if present:
        accelerator.init_trackers(config.name, config=dict(_flat(config.model_dump(mode="json"))))
    return accelerator


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, str(value)
    elif value is not None:
        yield path, value


def optimizer_state(model: nn.Module, optimizer: Any, *, sharded: bool) -> dict[str, Any]:
    """The optimizer's whole state, on every rank; collective where it is `sharded` over them."""
    if not sharded:
        return dict(optimizer.state_dict())
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return dict(get_optimizer_state_dict(model, optimizer.optimizer, options=options))


def restore_optimizer(
    model: nn.Module, optimizer: Any, state: dict[str, Any], *, sharded: bool
) -> None:
    """Take back what `optimizer_state` gave, whatever the number of ranks was; collective."""
    if not sharded:
        optimizer.load_state_dict(state)
        return
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_optimizer_state_dict

    options = StateDictOptions(full_state_dict=True)
    set_optimizer_state_dict(model, optimizer.optimizer, state, options=options)
