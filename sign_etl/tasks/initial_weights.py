"""The weights that a training begins with: of another run, or published ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.models.published import from_published
from sign_etl.schema.training import InitConfig
from sign_etl.tasks.checkpoint import find_checkpoint, read_weights


def initialise(model: nn.Module, init: InitConfig, say: Callable[[str], None]) -> None:
    """Load the weights that a recipe starts from.

    Raises:
        ConfigError: nothing of them fits.
        UsageError: there are none.
    """
    if init.published is not None:
        state = _read_published(Path(init.published).expanduser())
        model.load_state_dict(from_published(state, model.state_dict()))
        say(f"took all weights from {init.published}")
    if init.run is None:
        return
    found = read_weights(find_checkpoint(Path(init.run).expanduser()))
    wanted = model.state_dict()
    taken = {
        name: tensor
        for name, tensor in found.items()
        if name.startswith(init.part) and name in wanted and wanted[name].shape == tensor.shape
    }
    expected = [name for name in wanted if name.startswith(init.part)]
    if init.part and len(taken) < len(expected):
        lacking = next(name for name in expected if name not in taken)
        raise ConfigError(
            f"`init.run`: {len(expected) - len(taken)} parameters do not fit, first `{lacking}`",
            hint="sizes and positions of both recipes must be the same",
        )
    if not taken:
        raise ConfigError(
            f"`init.run`: none of its weights fits this model, {init.run}",
            hint="name a run of the same `model.name` and sizes",
        )
    model.load_state_dict(taken, strict=False)
    say(f"took {len(taken)} of {len(wanted)} tensors from {init.run}")


def _read_published(path: Path) -> Mapping[str, torch.Tensor]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file", hint="`init.published` names a state dict")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        loaded: Any = load_file(path)
    else:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    inner = (
        loaded.get("state_dict", loaded.get("model", loaded)) if isinstance(loaded, dict) else None
    )
    if not isinstance(inner, dict) or not all(torch.is_tensor(v) for v in inner.values()):
        raise ConfigError(
            f"{path.name}: no state dict of tensors",
            hint="`torch.save(model.state_dict(), FILE)` writes one",
        )
    return inner
