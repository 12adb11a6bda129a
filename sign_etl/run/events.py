"""`events.jsonl`: what happened when, for people and machines that watch; never computed with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sign_etl.run.journal import Result
from sign_etl.run.runner import Passed

EVENTS_FILE = "events.jsonl"


class EventLog:
    """Appends JSON lines; a log that cannot be written never ends a run.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, event: str, **facts: Any) -> None:
        """Append one event with the present time."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": now, "event": event, **facts}, sort_keys=True)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError:
            pass

    def passed(self, event: Passed) -> None:
        """A worker took a clip through a stage; what the store had is no work and no line."""
        if event.seconds is not None:
            seconds = round(event.seconds, 3)
            self.write(
                "done", key=event.key, stage=event.stage, seconds=seconds, worker=event.worker
            )

    def reject(self, result: Result, note: str) -> None:
        """A clip came to another end than a sample; `note` has the last words of a dead child."""
        assert result.reject is not None
        facts: Mapping[str, Any] = result.reject.to_json()
        self.write("reject", key=result.key, **facts, **({"note": note} if note else {}))


def read_events(
    path: Path, *, tail_bytes: int | None = None
) -> Iterator[tuple[float, dict[str, Any]]]:
    """Events with their times in seconds since 1970; none where there is no log.

    Lines that a kill has torn, or that are being written just now, are left out.

    Args:
        path: of the log.
        tail_bytes: only so much of its end; default all of it.
    """
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        if tail_bytes is not None:
            file.seek(max(path.stat().st_size - tail_bytes, 0))
        for line in file:
            try:
                event = json.loads(line)
                at_s = datetime.fromisoformat(event["at"]).timestamp()
                if isinstance(event["event"], str):
                    yield at_s, event
            except (ValueError, TypeError, KeyError):
                continue
