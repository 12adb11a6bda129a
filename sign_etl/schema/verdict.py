"""What a guarded child answered about one clip: the facts of what it wrote, or a reject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sign_etl.core.errors import DiskError
from sign_etl.core.guard import Breach
from sign_etl.schema.outcome import Reason, Reject, StageName


def verdict(reply: Any, stage: StageName, out: Path) -> dict[str, Any] | Reject:
    """Facts or a reject of `stage`; after a reject there is no file `out`.

    Args:
        reply: what `Guard.call` gave: a breach, or `{"facts"}`, `{"reject": {"reason", "detail"}}`
            or `{"no_space"}`. The child saw foreign bytes, so nothing else is taken from it.
        stage: who asked.
        out: the file that the child was to write.

    Raises:
        DiskError: no space was left for `out`.
    """
    match reply:
        case {"facts": dict(facts)} if out.is_file():
            return facts
        case {"no_space": True}:
            out.unlink(missing_ok=True)
            raise DiskError(
                f"no space left on the disk of {out.parent}",
                hint="free some space and run the same command again: what is done is kept",
            )
        case Breach():
            reason, detail = Reason(reply.reason), reply.detail
        case {"reject": {"reason": str(word), "detail": str(detail)}} if word in set(Reason):
            reason = Reason(word)
        case _:
            reason, detail = Reason.CRASHED, "an answer that makes no sense"
    out.unlink(missing_ok=True)
    return Reject(stage, reason, detail)
