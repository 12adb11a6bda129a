"""`status`: how far a build is, from its files alone, whether a run is at work or not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from sign_etl.core.errors import UsageError
from sign_etl.reader import open_build
from sign_etl.reader.manifest import MANIFEST
from sign_etl.run.ends import read_ends
from sign_etl.run.plan import PLAN_FILE, Plan
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
        plan = Plan.load(state / PLAN_FILE, columns=("key", "shard"))
    except ValueError:
        raise UsageError(
            f"{build} was made by another version of sign-etl",
            hint="look at it with that version, or build it anew with --update",
        ) from None
    except OSError:
        if (build / MANIFEST).is_file():
            return _published(build)
        raise UsageError(
            f"{build} is no build of sign-etl", hint="`sign-etl ingest NAME --out DIR` makes one"
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


def _published(build: Path) -> dict[str, Any]:
    """The same of a build that was copied without the state of its runs, from its tables."""
    with open_build(build) as opened:
        manifest, ledger = opened.manifest, opened.ledger
    rejected = ledger.filter(pc.is_valid(ledger["reason"]))
    return {
        "build": str(build),
        "requested": len(ledger),
        "outcomes": dict(sorted(manifest.counts.items())),
        "reasons": dict(sorted(manifest.reasons.items())),
        "retryable": pc.sum(rejected["retryable"]).as_py() or 0,
        "shards": {
            "finished": sum((build / shard.path).exists() for shard in manifest.shards),
            "planned": len(pc.unique(ledger["shard"])),
        },
        "published": True,
    }
