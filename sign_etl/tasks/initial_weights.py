"""The weights that a training begins with: of another run, or published ones.

Published files are pickles that often hold more than weights: the command line of a training, the
state of its optimizer. Nothing in them is imported or called; what is no tensor, no number and no
text becomes an object that does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.models.published import from_published
from sign_etl.schema.training import InitConfig
from sign_etl.tasks.checkpoint import BUILD, find_checkpoint, read_json, read_weights

COLOURS = ("mean", "std", "channels")
"""Of a preprocessing: what numbers a colour becomes. Weights know no other ones."""
PICTURES = ("size", "resize", "short", "signer")
"""What part of a picture is seen, and how large."""


def initialise(
    model: nn.Module,
    init: InitConfig,
    say: Callable[[str], None],
    preprocessing: Mapping[str, Any] | None = None,
) -> None:
    """Load the weights that a recipe starts from.

    Args:
        model: gets them.
        init: which.
        say: told what was taken.
        preprocessing: what the model will see, see `build.json`.

    Raises:
        ConfigError: nothing of them fits, or they have learned from pictures normalised otherwise.
        UsageError: there are none.
    """
    if init.published is not None:
        state = _read_published(Path(init.published).expanduser())
        before = model.state_dict()
        given = from_published(state, before)
        model.load_state_dict(given)
        own = {name for name in before if given[name] is before[name]}
        told = f"took {len(before) - len(own)} of {len(before)} tensors from {init.published}"
        parts = ", ".join(sorted({f"`{name.partition('.')[0]}`" for name in own}))
        say(f"{told}; begins anew: {parts}" if own else told)
    if init.run is None:
        return
    try:
        best = find_checkpoint(Path(init.run).expanduser())
    except UsageError as error:
        raise UsageError(
            f"`init.run`: {error.message}",
            hint="train that run first, or name it: --set init.run=RUN (null for random weights); "
            "of others: --set init.run=null --set init.published=FILE",
        ) from None
    _compare(read_json(best / BUILD).get("preprocessing", {}), preprocessing or {}, init.run, say)
    found = read_weights(best)
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


def _compare(
    there: Mapping[str, Any], here: Mapping[str, Any], run: str, say: Callable[[str], None]
) -> None:
    differ = [name for name in (*COLOURS, *PICTURES) if name in there and name in here]
    differ = [name for name in differ if there[name] != here[name]]
    words = ", ".join(f"`{name}`" for name in differ)
    if set(differ) & set(COLOURS):
        raise ConfigError(
            f"`init.run`: {run} has learned with another preprocessing: {words}",
            hint=f"set `data.view.normalise: {{mean: {there['mean']}, std: {there['std']}}}`",
        )
    if differ:
        say(f"note: {run} has learned with another preprocessing: {words}")


class _Nothing:
    """Stands for an object that a published file holds beside its weights."""

    def __new__(cls, *_: Any, **__: Any) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Takes whatever its like was made of."""

    def __setstate__(self, _: Any) -> None:
        """Keeps nothing of it."""


def _read_published(path: Path) -> Mapping[str, torch.Tensor]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file", hint="`init.published` names a state dict")
    try:
        loaded = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    except Exception as error:  # of strange bytes torch's reader makes whatever they lead it to
        said = str(error).partition("\n")[0].rstrip(" .")
        raise ConfigError(
            f"{path.name} cannot be read as weights: {said}",
            hint="where you trust the file, load it yourself, `torch.save` its state dict alone",
        ) from None
    inner = loaded
    for name in ("state_dict", "model", "module"):  # as timm, VideoMAE and DeepSpeed call it
        if isinstance(inner, dict) and isinstance(inner.get(name), dict):
            inner = inner[name]
    if not isinstance(inner, dict) or not all(torch.is_tensor(v) for v in inner.values()):
        raise ConfigError(
            f"{path.name}: no state dict of tensors",
            hint="`torch.save(model.state_dict(), FILE)` writes one",
        )
    return inner


def _safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _pickled(path: Path) -> Any:
    try:
        others = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except ValueError:  # of the form before torch 1.6, in which nobody can look for names
        others = ["argparse.Namespace"]
    inert: list[Any] = [(_Nothing, name) for name in others]
    with torch.serialization.safe_globals(inert):
        return torch.load(path, map_location="cpu", weights_only=True)
