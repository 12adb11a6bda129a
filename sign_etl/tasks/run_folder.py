"""A run folder belongs to one training at a time, and to one recipe and one data set for good."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import yaml

from sign_etl.core.errors import ConfigError, UsageError, VerifyError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.schema.document import read_document
from sign_etl.schema.training import TrainConfig, parse_training
from sign_etl.tasks.checkpoint import BUILD, CONFIG, checkpoints, read_json


@contextmanager
def hold_run(run: Path, *, alone: bool) -> Iterator[None]:
    """Keep every other training out of a run folder while the block runs.

    Args:
        run: the folder; created.
        alone: False for ranks whose first one holds it.

    Raises:
        UsageError: another process trains there. The kernel frees the lock when it dies.
    """
    run.mkdir(parents=True, exist_ok=True)
    if not alone:
        yield
        return
    with (run / ".lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another process trains in {run}", hint="wait for it, or give another --out"
            ) from None
        with _kept_from_children(file):
            yield


_held: list[IO[bytes]] = []


@contextmanager
def _kept_from_children(file: IO[bytes]) -> Iterator[None]:
    """Forked processes close `file`, so that its lock ends with this process and not with theirs.

    Workers of the loader live on for seconds where their trainer was killed.
    """
    _held.append(file)
    try:
        yield
    finally:
        _held.remove(file)


def _let_go() -> None:
    for file in _held:
        file.close()


os.register_at_fork(after_in_child=_let_go)


def claim_run(config: TrainConfig, facts: Mapping[str, Any], folder: Path, *, resume: bool) -> None:
    """Write what the run is made of; a resumed one must be made of the same.

    Raises:
        UsageError: the folder holds a run, and it is not to be resumed.
        VerifyError: it was begun with other settings or other data.
    """
    values = config.model_dump(mode="json", by_alias=True)
    settings = yaml.safe_dump(values, sort_keys=False, allow_unicode=True).encode("utf-8")
    if not resume:
        if checkpoints(folder):
            hint = "go on with --resume, or give another --out"
            raise UsageError(f"{folder} holds a run already", hint=hint)
        write_bytes(folder / CONFIG, settings)
        write_json(folder / BUILD, dict(facts))
    elif read_json(folder / BUILD)["dataset_hash"] != facts["dataset_hash"]:
        raise VerifyError("the run was begun with other data", hint="start a new one")
    elif _begun_with(folder / CONFIG) != config:
        hint = f"see {folder / CONFIG}, or start a new run with another --out"
        raise VerifyError("the run was begun with other settings", hint=hint)


def _begun_with(path: Path) -> TrainConfig | None:
    """The settings of a run; those that it has not, since they came later, have their defaults."""
    try:
        return parse_training(read_document(path))
    except ConfigError:  # settings that are no more
        return None
