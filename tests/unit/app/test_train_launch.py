"""The program that trains gets every SIGTERM, however early it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
