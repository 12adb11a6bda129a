"""How `verify` tells what two builds do not share."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sign_etl.cli.output import Output, count_text
from sign_etl.cli.reports import tell_problems

if TYPE_CHECKING:
    from sign_etl.app.verify import Verified
    from sign_etl.schema.lineage_replies import Verify


def verify_reply(build: Path, against: str | None, verified: Verified) -> Verify:
    """What `verify` answers."""
    from sign_etl.schema.lineage_replies import DistancePart, Verify

    result, comparison = verified.result, verified.comparison
    return Verify(
        build=str(build),
        sound=result.ok,
        problems=tuple(result.problems),
        shards=result.shards,
        samples=result.samples,
        digest=verified.digest,
        against=against,
        same=None if comparison is None else not comparison.problems,
        differences=comparison.problems if comparison else (),
        compared=comparison.compared if comparison else 0,
        worst=tuple(DistancePart(**asdict(each)) for each in comparison.worst)
        if comparison
        else (),
    )


def tell_comparison(out: Output, reply: Verify, tolerance: float | None) -> None:
    """Tell how the other build compares; the farthest clips first."""
    if reply.same is None:
        return
    compared = count_text(reply.compared, "sample")
    if tolerance is None:
        what = "the same bytes" if reply.same else "other bytes"
        out.text(f"{reply.against}: {what}" + (f" ({compared} in both)" if reply.compared else ""))
    else:
        what = "lie within" if reply.same else "do not all lie within"
        out.text(f"keypoints of {compared} {what} {tolerance:g} px of those of {reply.against}")
        rows = [
            (each.key, each.backend, f"{each.px:.2f}", each.point, each.frame, each.unpaired)
            for each in reply.worst
            if each.px or each.unpaired
        ]
        if rows:
            heads = ("clip", "backend", "farthest, px", "point", "frame", "in one only")
            out.table(heads, rows)
    if out.mode != "json":
        tell_problems(out, [(difference, None) for difference in reply.differences])
