"""Checkpoints: a folder that is whole or not there.

    RUN/checkpoints/step-00000120/  model.safetensors  state.pt  cursor.json  config.yaml
                                    build.json  ema.safetensors  COMMITTED

A checkpoint is written into a temporary folder that is then renamed; `COMMITTED` is its last file
and holds the digests of the others. What lacks it does not count. `state.pt` holds tensors and
plain values only and is read with `weights_only`, so a strange checkpoint runs no code.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sign_etl.core.canonical import canonical_json, sha256_file
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.core.files import TEMP_PREFIX, disk_errors, scratch, sweep, write_bytes, write_json

FOLDER = "checkpoints"
MODEL, EMA, STATE = "model.safetensors", "ema.safetensors", "state.pt"
CURSOR, CONFIG, BUILD, MARKER = "cursor.json", "config.yaml", "build.json", "COMMITTED"
BEST = "best.json"
TWINS = "tied"
"""Metadata of the weights: name -> name of the tensor that it is tied to."""


def write_checkpoint(
    run: Path,
    step: int,
    *,
    weights: Mapping[str, Tensor],
    ema: Mapping[str, Tensor] | None,
    state: Mapping[str, Any],
    cursor: Mapping[str, Any],
) -> Path:
    """Write one checkpoint in one step; returns its folder.

    Args:
        run: the run folder, whose config and data digest go in too.
        step: optimizer steps done, its name.
        weights: of the model.
        ema: their moving average, if there is one.
        state: tensors, numbers, texts and containers of them.
        cursor: of the loader.

    Raises:
        DiskError: the disk is full; earlier checkpoints are as they were.
    """
    parent = run / FOLDER
    final = parent / f"step-{step:08d}"
    with scratch(parent) as folder, disk_errors(parent):
        _write_weights(weights, folder / MODEL)
        if ema is not None:
            _write_weights(ema, folder / EMA)
        torch.save(dict(state), folder / STATE)
        write_json(folder / CURSOR, dict(cursor))
        for name in (CONFIG, BUILD):
            shutil.copyfile(run / name, folder / name)
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(TEMP_PREFIX))
        for path in files:
            with path.open("rb") as file:
                os.fsync(file.fileno())
        write_json(folder / MARKER, {path.name: sha256_file(path) for path in files})
        # A folder of the same step is of the same training, and whole or an unmarked leftover.
        if final.exists():
            (final / MARKER).unlink(missing_ok=True)  # half removed, it must not look whole
            shutil.rmtree(final)
        folder.chmod(0o755)
        folder.rename(final)
    return final


def _write_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors; those that are tied to one another (embeddings of a T5) are written once."""
    from safetensors.torch import save_file

    first: dict[tuple[Any, ...], str] = {}
    twins: dict[str, str] = {}
    for name, tensor in weights.items():
        if tensor.numel():
            place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
            if first.setdefault(place, name) != name:
                twins[name] = first[place]
    plain = {name: _plain(tensor) for name, tensor in weights.items() if name not in twins}
    save_file(plain, path, metadata={TWINS: canonical_json(twins)})


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().clone()


def checkpoints(run: Path) -> list[Path]:
    """Whole checkpoints of a run, oldest first; those without a marker are passed over."""
    return sorted(path.parent for path in (run / FOLDER).glob(f"step-*/{MARKER}"))


def clean(run: Path, keep: int) -> None:
    """Remove all but the last `keep` checkpoints and the best one, and what killed writers left."""
    if not (run / FOLDER).is_dir():
        return
    sweep(run / FOLDER)
    best = best_of(run)
    kept = {*checkpoints(run)[-keep:], *([best] if best else [])}
    for folder in (run / FOLDER).glob("step-*"):
        if folder not in kept:
            # Without its marker first: half a checkpoint must not look whole.
            (folder / MARKER).unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def mark_best(run: Path, checkpoint: Path, metric: str, value: float) -> None:
    """Write down which checkpoint is the best one."""
    record = {"checkpoint": checkpoint.name, "metric": metric, "value": value}
    write_json(run / FOLDER / BEST, record)


def best_of(run: Path) -> Path | None:
    """The best checkpoint, or None where none was chosen or it is gone."""
    path = run / FOLDER / BEST
    if not path.is_file():
        return None
    folder = run / FOLDER / str(json.loads(path.read_text(encoding="utf-8"))["checkpoint"])
    return folder if (folder / MARKER).is_file() else None


def find_checkpoint(path: Path, *, last: bool = False) -> Path:
    """The checkpoint that a path on the command line means.

    Args:
        path: a checkpoint, or a run folder: its best one, or its last one.
        last: take the last one.

    Raises:
        UsageError: there is none.
        VerifyError: its files are not those that its marker names.
    """
    folder: Path | None = path
    if not (path / MARKER).is_file():
        known = checkpoints(path)
        folder = (None if last else best_of(path)) or (known[-1] if known else None)
    if folder is None:
        stages = sorted(found.parent for found in path.glob(f"*/{FOLDER}"))
        hint = "give the folder of a run; `sign-etl train NAME --data BUILD --out RUN` makes one"
        if stages:  # a chain's folder
            hint = f"give one of the runs in it: {', '.join(map(str, stages))}"
        raise UsageError(f"{path} holds no checkpoint", hint=hint)
    marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    for name, digest in marker.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != digest:
            raise VerifyError(
                f"{folder.name}: {name} is damaged",
                hint="remove this checkpoint; the one before it serves",
            )
    return folder


def read_weights(checkpoint: Path, *, ema: bool = True) -> dict[str, Tensor]:
    """The weights of a checkpoint: the moving average where there is one and `ema` is set."""
    from safetensors import safe_open

    path = checkpoint / EMA
    with safe_open(path if ema and path.is_file() else checkpoint / MODEL, framework="pt") as file:
        weights: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        twins = json.loads((file.metadata() or {}).get(TWINS, "{}"))
    return weights | {name: weights[of] for name, of in twins.items()}


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The state beside the weights; strange objects are refused."""
    state: dict[str, Any] = torch.load(checkpoint / STATE, map_location="cpu", weights_only=True)
    return state


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a run."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


class MetricsFile:
    """`metrics.jsonl`: one line for every `log_steps` steps and every evaluation.

    Args:
        path: the file.
        step: lines of later steps are cut off, since those steps are done again; likewise a line
            that a killed writer has torn.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.records = [record for record in read_records(path) if record["step"] <= step]
        text = "".join(canonical_json(record) + "\n" for record in self.records)
        write_bytes(path, text.encode("utf-8"))

    def add(self, record: Mapping[str, Any]) -> None:
        """Append one line."""
        self.records.append(dict(record))
        with self.path.open("ab") as file:
            file.write((canonical_json(dict(record)) + "\n").encode("utf-8"))


def read_records(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a `metrics.jsonl`; none where the file is missing."""
    if not path.is_file():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines if line.strip()]
