"""Runs `sign-etl ARGUMENTS` and tells on its last line of stderr which programs it started."""

from __future__ import annotations

import json
import sys
from typing import Any

STARTED: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "subprocess.Popen":
        STARTED.append(" ".join(map(str, arguments[1])))


def main() -> None:
    """Run the command line with an ear at its audit events."""
    from sign_etl.cli.main import run

    sys.addaudithook(_note)
    code = run(sys.argv[1:])
    sys.stderr.write(f"\n{json.dumps(STARTED)}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
