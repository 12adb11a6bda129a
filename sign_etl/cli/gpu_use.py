"""How busy the GPUs of this machine are, as the driver's own tool says it; nothing where it lacks.

One process tells it every few seconds for as long as a run is watched, so asking costs nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import Self

PROGRAM = "nvidia-smi"
EVERY_S = 5


class GpuUse:
    """The latest share of time in which each GPU was at work; a context manager."""

    def __init__(self) -> None:
        self._latest: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        program = shutil.which(PROGRAM)
        if program is not None:
            query = "--query-gpu=index,utilization.gpu"
            try:
                self._process = subprocess.Popen(
                    [program, query, "--format=csv,noheader,nounits", f"--loop={EVERY_S}"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    start_new_session=True,  # Ctrl-C is for the run, which then ends this
                )
            except OSError:
                return self
            threading.Thread(target=self._read, daemon=True, name="gpu-use").start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def words(self) -> str:
        """The GPUs for people: `gpu 0 83 %, gpu 1 79 %`; empty where there are none."""
        return ", ".join(f"gpu {index} {use} %" for index, use in sorted(self._latest.items()))

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                index, _, use = (word.strip() for word in line.partition(","))
                if index.isdecimal() and use.isdecimal():
                    self._latest = {**self._latest, index: use}
