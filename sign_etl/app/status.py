"""`status`: how far a build is, from its files alone, whether a run is at work or not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sign_etl.core.errors import UsageError
from sign_etl.run.journal import Journal
from sign_etl.run.plan import Plan
from sign_etl.run.shards import MANIFEST
from sign_etl.schema.outcome import Outcome
from sign_etl.schema.records import STATE_FOLDER


def status(build: Path) -> dict[str, Any]:
    """Counts of a build.

    Returns:
        `requested` clips, `outcomes` and `reasons` with counts, `retryable` clips, `shards`
        (finished, planned), `published`.

    Raises:
        UsageError: the folder is no build.
    """
    state = build / STATE_FOLDER
    try:
        plan = Plan.load(state / "plan.parquet")
    except ValueError:
        raise UsageError(
            f"{build} was made by another version of sign-etl",
            hint="look at it with that version, or build it anew with --update",
        ) from None
    except OSError:
        raise UsageError(
            f"{build} is no build of sign-etl", hint="sign-etl ingest NAME --out DIR makes one"
        ) from None
    results = Journal(state / "journal.jsonl").latest()
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    retryable = 0
    for key in plan.clip_keys():
        result = results.get(key)
        outcomes[(result.outcome if result else Outcome.PENDING).value] += 1
        if result is not None and result.reject is not None:
            reasons[result.reject.reason.value] += 1
        retryable += result is not None and not result.final
    shards = [path for path, *_ in plan.shards()]
    return {
        "build": str(build),
        "requested": len(plan),
        "outcomes": dict(sorted(outcomes.items())),
        "reasons": dict(sorted(reasons.items())),
        "retryable": retryable,
        "shards": {
            "finished": sum((build / path).exists() for path in shards),
            "planned": len(shards),
        },
        "published": (build / MANIFEST).exists(),
    }
