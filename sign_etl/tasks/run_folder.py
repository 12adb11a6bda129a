"""A run folder belongs to one training at a time, and to one recipe and one data set for good."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sign_etl.core.errors import ConfigError, UsageError, VerifyError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.schema.document import read_document
from sign_etl.schema.document_text import to_yaml
from sign_etl.schema.training import FOR_PEOPLE, TrainConfig, parse_training
from sign_etl.schema.training_chain import FINISHED
from sign_etl.tasks.checkpoint import BUILD, CONFIG, checkpoints, read_json

ENVIRONMENTS = "environments.json"
"""Versions and machines that a run was trained with, each once, in their order."""


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
    settings = to_yaml(values).encode("utf-8")
    if not resume:
        if checkpoints(folder):
            hint = "go on with --resume, or give another --out"
            raise UsageError(f"{folder} holds a run already", hint=hint)
        # Of a run that came to no checkpoint, or whose checkpoints were removed.
        for name in (FINISHED, ENVIRONMENTS):
            (folder / name).unlink(missing_ok=True)
        write_bytes(folder / CONFIG, settings)
        write_json(folder / BUILD, dict(facts))
    elif read_json(folder / BUILD)["dataset_hash"] != facts["dataset_hash"]:
        raise VerifyError("the run was begun with other data", hint="start a new one")
    elif (differ := _differ(_begun_with(folder / CONFIG), values)) is None or differ:
        words = f": {', '.join(f'`{name}`' for name in differ)}" if differ else ""
        hint = f"see {folder / CONFIG}, or start a new run with another --out"
        raise VerifyError(f"the run was begun with other settings{words}", hint=hint)


def _begun_with(path: Path) -> dict[str, Any] | None:
    """The settings of a run; those that it has not, since they came later, have their defaults."""
    try:
        return parse_training(read_document(path)).model_dump(mode="json", by_alias=True)
    except ConfigError:  # settings that are no more
        return None


def _differ(then: Any, now: Any, name: str = "") -> list[str] | None:
    """Names of the settings that differ, as `--set` calls them; None where nothing is known."""
    if then is None and not name:
        return None
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return [] if then == now else [name]
    found: list[str] = []
    for key in sorted({*then, *now}):
        if name or key not in FOR_PEOPLE:
            found += _differ(then.get(key), now.get(key), f"{name}.{key}".lstrip(".")) or []
    return found


def note_environment(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write down with what a run is trained now, if that is not known yet."""
    known = environments(folder)
    if dict(facts) not in known:
        write_json(folder / ENVIRONMENTS, [*known, dict(facts)])


def environments(folder: Path) -> list[dict[str, Any]]:
    """What `note_environment` has written; nothing for runs of earlier versions."""
    path = folder / ENVIRONMENTS
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def mark_finished(folder: Path, *, epochs: int, steps: int) -> None:
    """Write down that a training has come to its end.

    Args:
        folder: of the run.
        epochs: done; fewer than the recipe has where patience was at its end.
        steps: of the optimizer, in all.
    """
    write_json(folder / FINISHED, {"epochs": epochs, "steps": steps})
