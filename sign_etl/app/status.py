"""`status`: how far a build is, from its files alone, whether a run is at work or not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sign_etl.core.errors import UsageError
from sign_etl.run.ends import read_ends
from sign_etl.run.plan import Plan
from sign_etl.run.shards import MANIFEST
from sign_etl.schema.outcome import Outcome
from sign_etl.schema.records import STATE_FOLDER


def status(build: Path) -> dict[str, Any]:
    """Counts of a build.

    Args:
        build: the build folder.

    Returns:
        `requested` clips, `outcomes` and `reasons` with counts, `retryable` clips, `shards`
        (finished, planned), `published`.

    Raises:
        UsageError: the folder is no build.

    Example:
        >>> status(Path("builds/one"))["outcomes"]
        {'written': 1}
    """
    state = build / STATE_FOLDER
    try:
        plan = Plan.load(state / "plan.parquet", columns=("key", "shard"))
    except ValueError:
        raise UsageError(
            f"{build} was made by another version of sign-etl",
            hint="look at it with that version, or build it anew with --update",
        ) from None
    except OSError:
        raise UsageError(
            f"{build} is no build of sign-etl", hint="sign-etl ingest NAME --out DIR makes one"
        ) from None
    ends = read_ends(state, plan.table["key"])
    pending = len(plan) - sum(ends.values())
    outcomes: Counter[str] = Counter({Outcome.PENDING.value: pending} if pending else {})
    reasons: Counter[str] = Counter()
    retryable = 0
    for reject, count in ends.items():
        if reject is None:
            outcomes[Outcome.WRITTEN.value] += count
            continue
        outcomes[reject.outcome.value] += count
        reasons[reject.reason.value] += count
        retryable += count if reject.reason.retryable else 0
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
