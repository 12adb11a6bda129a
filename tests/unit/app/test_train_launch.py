"""The programs that train get every signal, however early it comes, and end with its code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LAUNCH = """
import os, signal, subprocess, sys
from pathlib import Path
from sign_etl.app import train

real = subprocess.Popen

def early(*arguments, **settings):
    os.kill(os.getpid(), signal.SIGTERM)
    return real(*arguments, **settings)

subprocess.Popen = early
train.need_packages = lambda: None
train.content_dir = lambda name: Path(sys.argv[1])
sys.exit(train.launched("sleeps.py", []))
"""


def test_a_signal_while_the_program_is_being_started(tmp_path: Path) -> None:
    (tmp_path / "sleeps.py").write_text("import time\ntime.sleep(3600)\n")
    done = subprocess.run([sys.executable, "-c", LAUNCH, str(tmp_path)], check=False)
    assert done.returncode == 128 + 15


SEVERAL = """
import os, signal, subprocess, sys
from sign_etl.app import train
from sign_etl.core.errors import Stopped

real = subprocess.Popen

def torchrun(*arguments, **settings):
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    return real([sys.executable, "-c", "raise SystemExit(1)"], **settings)

subprocess.Popen = torchrun
train.need_packages = lambda: None
try:
    train.launched("train.py", [], processes=2)
except Stopped as stopped:
    assert "--resume" in stopped.hint
    sys.exit(stopped.exit_code)
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 75)])
def test_several_processes_end_with_the_code_of_the_signal(name: str, code: int) -> None:
    """Torchrun ends with 1 whatever has stopped it, and a scheduler would look for a fault."""
    done = subprocess.run([sys.executable, "-c", SEVERAL, name], check=False)
    assert done.returncode == code
