"""Runs `sign-etl` in forks of one warm process: the real command, without the price of its start.

The warm process has imported the command line and has done nothing else: no thread, no file, no
cached setting. Each run is a fork with its own environment, folder and exit code, so a run that
kills itself is a dead process like any other.

    with Zygote() as zygote:
        done = zygote.run("ingest", "folder", ..., env={"SIGN_ETL_FAULT": "pack.writing:kill"})
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

LIMIT_S = 900


@dataclass(frozen=True)
class Done:
    """A run that has ended.

    Attributes:
        code: exit code; negative: the signal that ended it.
        output: stdout and stderr.
        renamed: final names of all files that were renamed, in order.
    """

    code: int
    output: str
    renamed: tuple[str, ...]


class Zygote:
    """See the top of the file."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder.name,
        )

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=LIMIT_S)
        self._folder.cleanup()

    def run(
        self,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        expect: int | None = 0,
        target: str = "sign_etl.cli.main:run",
    ) -> Done:
        """Run a command to its end; checks the exit code unless `expect` is None.

        Args:
            arguments: of the command line.
            env: additions to the environment.
            expect: exit code.
            target: the function that takes the arguments and gives the exit code.
        """
        folder = Path(self._folder.name)
        request = {
            "arguments": [str(argument) for argument in arguments],
            "env": {"SIGN_ETL_PROGRESS_S": "60", **(env or {})},
            "output": str(folder / "output"),
            "renamed": str(folder / "renamed"),
            "target": target,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        output = (folder / "output").read_text(encoding="utf-8", errors="replace")
        renamed = (folder / "renamed").read_text(encoding="utf-8").splitlines()
        done = Done(int(reply["code"]), output, tuple(renamed))
        assert expect is None or done.code == expect, f"exit {done.code}\n{output}"
        return done


def _serve() -> None:
    import pyarrow

    import sign_etl.app.ingest
    import sign_etl.cli.build
    import sign_etl.cli.main
    import sign_etl.media.archives
    import sign_etl.media.fetch
    import sign_etl.run.local  # noqa: F401

    pyarrow.array([1])  # imports pandas, where that is installed
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _work(request)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _work(request: Mapping[str, Any]) -> NoReturn:
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    renamed = os.open(request["renamed"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename":
            os.write(renamed, os.fsencode(arguments[1]) + b"\n")

    sys.addaudithook(note)
    os.environ.update(request["env"])
    module, _, name = request["target"].partition(":")
    code = 70
    try:
        code = int(getattr(sys.modules[module], name)(request["arguments"]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
