"""A run folder belongs to one training, and to no process that only outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.schema.training_chain import FINISHED
from sign_etl.tasks.run_folder import (
    claim_run,
    environments,
    hold_run,
    mark_finished,
    note_environment,
)
from sign_etl.tasks.setup import load_recipe

RECIPE = """
schema: sign-etl/training/1
name: a
task: {name: islr}
model: {name: spoter}
data: {view: {name: pose}}
"""
TRAINER = """
import os, signal, sys
from pathlib import Path
from sign_etl.tasks.run_folder import hold_run

started, told = os.pipe()
with hold_run(Path(sys.argv[1]), alone=True):
    worker = os.fork()
    if not worker:
        os.write(told, b"x")
        sys.stdin.read()
        os._exit(0)
    os.read(started, 1)
    print(worker, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
"""A training whose loader has a worker; it is killed, and the worker lives on."""


def test_a_worker_that_outlives_its_trainer_holds_no_run(tmp_path: Path) -> None:
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert trainer.stdout is not None
    assert trainer.stdin is not None
    with trainer.stdin, trainer.stdout:
        worker = int(trainer.stdout.readline())
        assert trainer.wait(600) == -signal.SIGKILL
        os.kill(worker, 0)  # it lives: its stdin is open
        with hold_run(tmp_path, alone=True):
            pass


def test_two_trainings_do_not_share_a_run(tmp_path: Path) -> None:
    with (
        hold_run(tmp_path, alone=True),
        pytest.raises(UsageError, match="another process trains"),
        hold_run(tmp_path, alone=True),
    ):
        raise AssertionError("both hold it")
    with hold_run(tmp_path, alone=True), hold_run(tmp_path, alone=False):
        pass


def test_settings_that_differ_are_named_and_wording_is_none(tmp_path: Path) -> None:
    recipe, run = tmp_path / "a.yaml", tmp_path / "run"
    recipe.write_text(RECIPE)
    facts = {"dataset_hash": "0"}
    run.mkdir()
    claim_run(load_recipe(recipe), facts, run, resume=False)
    claim_run(load_recipe(recipe, ["description=in other words"]), facts, run, resume=True)
    wrong = load_recipe(recipe, ["epochs=3", "optimizer.lr=0.5", "model.width=54"])
    with pytest.raises(VerifyError, match=r"`epochs`, `model.width`, `optimizer.lr`$"):
        claim_run(wrong, facts, run, resume=True)


def test_a_run_that_begins_anew_leaves_nothing_of_the_last(tmp_path: Path) -> None:
    """One that came to no checkpoint: its machine has trained nothing, and nothing is finished."""
    recipe = tmp_path / "a.yaml"
    recipe.write_text(RECIPE)
    note_environment(tmp_path, {"device": "cpu"})
    mark_finished(tmp_path, epochs=1, steps=1)
    claim_run(load_recipe(recipe), {"dataset_hash": "0"}, tmp_path, resume=False)
    assert environments(tmp_path) == []
    assert not (tmp_path / FINISHED).exists()


def test_each_environment_is_written_down_once(tmp_path: Path) -> None:
    assert environments(tmp_path) == []
    first, other = {"device": "cpu"}, {"device": "a GPU"}
    for facts in (first, first, other, first):
        note_environment(tmp_path, facts)
    assert environments(tmp_path) == [first, other]
