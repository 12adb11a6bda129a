"""A run folder belongs to one training, and to no process that only outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sign_etl.core.errors import UsageError
from sign_etl.tasks.run_folder import hold_run

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
