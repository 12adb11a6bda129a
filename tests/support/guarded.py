"""Calls in a guarded child that are meant to end in a breach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sign_etl.core.guard import (
    Breach,
    Guard,
    Limits,
)

LIMITS = Limits(wall_s=60, memory_bytes=512 << 20)


def breach(target: Callable[[dict[str, Any]], Any], limits: Limits = LIMITS, **request: Any) -> Any:
    with Guard(target, limits) as guard:
        answer = guard.call(request)
        assert isinstance(answer, Breach)
        return answer
