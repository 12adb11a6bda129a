"""`events.jsonl`: what happened when, for people and machines that watch; never computed with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sign_etl.run.journal import Result
from sign_etl.run.runner import Passed


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
