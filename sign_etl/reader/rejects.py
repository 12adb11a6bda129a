"""Which clips were rejected, by names that people know: a number alone mends none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from sign_etl.schema.outcome import Reason

NAMED = 3
"""So many clips of a reason are named."""
MOST_DETAIL = 60


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected clip.

    Attributes:
        name: its file, or its annotation where the source is an address on the web.
        detail: what the ledger says besides the reason, where that is short.
    """

    name: str
    detail: str


Named = Mapping[tuple[str, str], tuple[Rejected, ...]]
"""By stage and reason."""


def named_rejects(ledger: Any, most: int = NAMED) -> Named:
    """Some rejected clips of each stage and reason, in the order of the ledger.

    Several clips of one file with one fate are named once. Who was taken out by `revoke` is not
    named.

    Args:
        ledger: of a build (`pyarrow.Table`).
        most: clips of each reason.
    """
    columns = ("source_id", "annotation_id", "stage", "reason", "detail")
    rejected = ledger.select(columns).filter(pc.is_valid(ledger["reason"]))
    found: dict[tuple[str, str], dict[Rejected, None]] = {}
    for row in rejected.to_pylist():
        if row["reason"] == Reason.REVOKED:
            continue
        some = found.setdefault((row["stage"], row["reason"]), {})
        if len(some) < most:
            some[_rejected(row)] = None
    return {kind: tuple(some) for kind, some in found.items()}


def in_words(some: Sequence[Rejected], count: int) -> str:
    """Rejected clips in one line; a detail that all of them share stands once.

    Args:
        some: the ones to name.
        count: of how many.
    """
    details = {one.detail for one in some}
    shared = details.pop() if len(details) == 1 else ""
    names = [one.name if shared or not one.detail else f"{one.name} ({one.detail})" for one in some]
    more = ["..."] if some and count > len(some) else []
    return ", ".join([*names, *more]) + (f" ({shared})" if shared else "")


def _rejected(row: Mapping[str, Any]) -> Rejected:
    source: str = row["source_id"]
    detail = row["detail"] or ""
    return Rejected(
        str(row["annotation_id"]) if "://" in source else source,
        detail if len(detail) <= MOST_DETAIL else "",
    )
