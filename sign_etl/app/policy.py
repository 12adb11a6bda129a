"""What a pipeline's policy calls a failure of a build that was published."""

from __future__ import annotations

from sign_etl.app.report import Finding
from sign_etl.run.journal import Journal
from sign_etl.run.plan import Plan
from sign_etl.schema.outcome import StageName
from sign_etl.schema.pipeline import PolicyConfig
from sign_etl.schema.records import ManifestRecord


def minded(policy: PolicyConfig) -> tuple[Finding, ...]:
    """What of a report the policy calls a failure."""
    found: list[Finding] = []
    if policy.leaks == "fail":
        found.append("leaks")
    if policy.shared_signers == "fail":
        found.append("signers")
    return tuple(found)


def beyond(
    policy: PolicyConfig, plan: Plan, journal: Journal, manifest: ManifestRecord
) -> tuple[str, ...]:
    """What exceeds the policy, in words."""
    fetch_failed = later_failed = 0
    for result in journal.latest().values():
        if result.reject is not None and not result.reject.reason.rule:
            if result.reject.stage is StageName.FETCH:
                fetch_failed += 1
            else:
                later_failed += 1
    problems = []
    if fetch_failed > policy.max_fetch_failed * len(plan):
        problems.append(
            f"{fetch_failed} of {len(plan)} clips could not be fetched, policy.max_fetch_failed"
            f" allows {policy.max_fetch_failed:.0%}"
        )
    fetched = len(plan) - fetch_failed
    if later_failed > policy.max_failed * fetched:
        problems.append(
            f"{later_failed} of {fetched} fetched clips failed, policy.max_failed allows"
            f" {policy.max_failed:.0%}"
        )
    if not manifest.shards:
        problems.append("not one clip was written")
    return tuple(problems)
