"""The report of an unexpected exception: one file to attach to an issue."""

from __future__ import annotations

import platform
import shlex
import tempfile
import traceback
from pathlib import Path

from sign_etl import __version__
from sign_etl.core.canonical import sha256_bytes


def write_report(error: Exception, arguments: list[str]) -> Path | None:
    """Write `crash-<id>.txt` into the current folder, or the temporary one.

    The id is a digest of the traceback, so the same crash twice is one file. Neither environment
    nor file contents are in it.

    Returns:
        The file, None where neither folder can be written.
    """
    trace = "".join(traceback.format_exception(error))
    name = f"crash-{sha256_bytes(trace.encode('utf-8', 'replace'))[:8]}.txt"
    lines = [
        f"sign-etl {__version__}",
        f"Python {platform.python_version()} on {platform.platform()}",
        f"$ sign-etl {shlex.join(arguments)}",
        "",
        trace,
    ]
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            (folder / name).write_text("\n".join(lines), encoding="utf-8", errors="replace")
        except OSError:
            continue
        return folder / name
    return None
