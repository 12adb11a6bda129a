"""Where a training runs and whom it tells: accelerate's part, and the optimizer's state on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sign_etl.core.errors import AccessError, ConfigError, MissingExtraError, SignEtlError
from sign_etl.schema.training import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

EXTRAS = {"clearml": "clearml", "tensorboard": "train"}
"""Which extra brings a tracker; the others are the user's own."""


def make_accelerator(config: TrainConfig, run: Path) -> Accelerator:
    """What places model and optimizer on devices, and talks to the trackers.

    Raises:
        MissingExtraError: accelerate is not installed.
        AccessError: likewise a tracker's package; or a tracker knows no account or server.
        ConfigError: the processes have not found each other.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState, is_initialized
        from accelerate.tracking import get_available_trackers
        from accelerate.utils import ProjectConfiguration
    except ImportError:
        raise MissingExtraError("training", "train") from None
    run.mkdir(parents=True, exist_ok=True)
    present = {str(getattr(each, "value", each)) for each in get_available_trackers()}
    for name in config.trackers:
        if name not in present:
            raise _missing(name)
    precision = "no" if config.precision == "fp32" else config.precision
    if is_initialized() and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()  # else the first run of a process decides for the second
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),  # else processes without GPUs do not meet
        mixed_precision=precision,
        log_with=list(config.trackers) or None,
        project_config=ProjectConfiguration(str(run), str(run / "logs")),
    )
    if accelerator.num_processes != int(os.environ.get("WORLD_SIZE", "1")):
        raise ConfigError(
            f"{accelerator.num_processes} processes have met, "
            f"WORLD_SIZE is {os.environ.get('WORLD_SIZE', '1')}",
            hint="start the training with --nproc N or under torchrun; else unset WORLD_SIZE",
        )
    if config.trackers:
        _begin_trackers(accelerator, config, run)
    return accelerator


def _begin_trackers(accelerator: Accelerator, config: TrainConfig, run: Path) -> None:
    settings = dict(_flat(config.model_dump(mode="json")))
    try:
        # What has to lie somewhere lies in the run folder, not where the command was typed.
        accelerator.init_trackers(config.name, settings, {"wandb": {"dir": str(run)}})
    except Exception as error:  # each tracker has its own ones: no account, no server
        names = " or ".join(f"`{name}`" for name in config.trackers)
        said = next(iter(str(error).splitlines()), "")
        raise AccessError(
            f"the tracker {names} cannot begin: {type(error).__name__}: {said}".rstrip(" .:"),
            hint="log in to it, set its offline mode, or leave it out of `trackers`",
        ) from error


def _missing(tracker: str) -> SignEtlError:
    """What to say of a tracker whose package is not installed."""
    if tracker in EXTRAS:
        return MissingExtraError(f"the tracker `{tracker}`", EXTRAS[tracker])
    return AccessError(f"the tracker `{tracker}` is not installed", hint=f"pip install {tracker}")


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, str(value)
    elif value is not None:
        yield path, value


def prepared(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer_of: Callable[[nn.Module], torch.optim.Optimizer],
    *,
    sharded: bool,
) -> tuple[nn.Module, Any]:
    """Model and optimizer as the loop runs them.

    Args:
        accelerator: of the run.
        model: with its first weights.
        optimizer_of: makes the optimizer of a model.
        sharded: `parallel: fsdp`; alone, a process keeps all parts, and nothing is to be done.
    """
    if not sharded or accelerator.num_processes == 1:
        plain = optimizer_of(model)
        return tuple(accelerator.prepare(model, plain))
    placed = _sharded(accelerator, model)
    return placed, accelerator.prepare(optimizer_of(placed))


def scaler_state(accelerator: Accelerator) -> dict[str, Any]:
    """How much the losses of an fp16 training are scaled; empty where nothing is."""
    return dict(accelerator.scaler.state_dict()) if accelerator.scaler is not None else {}


def restore_scaler(accelerator: Accelerator, state: dict[str, Any]) -> None:
    """Take back what `scaler_state` gave, where there is anything to scale here."""
    if state and accelerator.scaler is not None:
        accelerator.scaler.load_state_dict(state)


def _sharded(accelerator: Accelerator, model: nn.Module) -> nn.Module:
    """The model with weights, gradients and the optimizer's state spread over processes (FSDP2).

    Weights come together for the length of a forward and backward pass. accelerate has the same,
    for GPUs alone; this also runs on CPUs, where it is tested.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    # As for evaluation: accelerate gives it a device and mixed precision, and wraps it in nothing.
    placed: nn.Module = accelerator.prepare_model(model, evaluation_mode=True)
    kind = accelerator.device.type
    fully_shard(placed, mesh=init_device_mesh(kind, (accelerator.num_processes,)))
    assert isinstance(placed, FSDPModule)
    if kind == "cpu":
        placed.set_force_sum_reduction_for_comms(True)  # gloo sums, and knows no mean
    if hasattr(placed, "generate"):
        register_fsdp_forward_method(placed, "generate")
    return placed


def is_sharded(model: nn.Module) -> bool:
    """Whether a process has only its part of the weights."""
    return hasattr(model, "set_requires_gradient_sync")


@contextmanager
def without_exchange(accelerator: Accelerator, model: nn.Module) -> Iterator[None]:
    """Keep gradients on each process while the block runs; a later pass exchanges their sum."""
    if not is_sharded(model):
        with accelerator.no_sync(model):
            yield
        return
    switch: Any = model.set_requires_gradient_sync
    switch(False)
    try:
        yield
    finally:
        switch(True)


def equal_buffers(model: nn.Module) -> None:
    """Give all ranks the first one's buffers, such as means of batches, where nothing else does."""
    if is_sharded(model):
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, 0)


def model_state(accelerator: Accelerator, model: nn.Module) -> dict[str, Any]:
    """All weights by name, on the first rank at least; collective where the model is sharded."""
    if not is_sharded(model):
        return dict(accelerator.get_state_dict(model))
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return dict(get_model_state_dict(model, options=options))


def optimizer_state(model: nn.Module, optimizer: Any, *, sharded: bool) -> dict[str, Any]:
    """The optimizer's whole state, on the first rank at least; collective where it is `sharded`."""
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
