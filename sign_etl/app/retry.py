"""`retry`: once more what may come back, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sign_etl.app.access import Access
from sign_etl.app.ingest import IngestRequest, IngestResult, make
from sign_etl.app.locked import GIVEN_LOCK
from sign_etl.app.prepare import Prepared, feature_setup, pose_setup
from sign_etl.app.remembered import Remembered, recall
from sign_etl.core.errors import ConfigError, UsageError, near_miss
from sign_etl.reader.lock import LOCK_FILE, open_lock
from sign_etl.reader.manifest import MANIFEST, read_manifest
from sign_etl.recipes.base import RECIPES
from sign_etl.run.ends import read_ends
from sign_etl.run.finish import head_of
from sign_etl.run.lock import drift, drift_lines
from sign_etl.run.progress import Progress
from sign_etl.schema.outcome import Reason
from sign_etl.schema.records import STATE_FOLDER


@dataclass(frozen=True, slots=True)
class RetryResult:
    """What came of it.

    Attributes:
        tried: clips that were tried again.
        came_back: those of them that are samples now.
        result: of the whole build.
    """

    tried: int
    came_back: int
    result: IngestResult


def retry(
    build: Path,
    *,
    only: tuple[str, ...] = (),
    runner: str = "local",
    ray_address: str | None = None,
    jobs: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RetryResult:
    """Try rejected clips of a build again, and clips that no run has reached yet.

    Args:
        build: the build folder.
        only: reasons; default all that may come back by themselves.
        runner: see `IngestRequest`.
        ray_address: likewise.
        jobs: likewise.
        progress: see `ingest`.

    Raises:
        UsageError: no build, or an unknown reason.
        SignEtlError: as `ingest`.

    Example:
        >>> retry(Path("builds/one"), only=("timeout",)).came_back
        0
    """
    reasons = _reasons(only)
    recalled = recall(build)
    state, keys = build / STATE_FOLDER, recalled.plan.table["key"]
    before = read_ends(state, keys)
    tried = len(recalled.plan) - sum(before.values())
    tried += sum(count for end, count in before.items() if end and end.reason in reasons)
    if not tried and (build / MANIFEST).exists():
        return RetryResult(0, 0, IngestResult.of(build, read_manifest(build), 0.0))
    prepared = _prepared(build, recalled)
    given = state / GIVEN_LOCK
    lock = open_lock(given) if given.exists() else None
    request = IngestRequest(
        pipeline=prepared.pipeline.name,
        out=build,
        runner=runner,
        ray_address=ray_address,
        jobs=jobs,
    )
    result = make(request, prepared, lock, retried=reasons, progress=progress)
    return RetryResult(tried, read_ends(state, keys)[None] - before[None], result)


def _reasons(only: Iterable[str]) -> frozenset[Reason]:
    known = [reason.value for reason in Reason if reason is not Reason.REVOKED]
    for word in only:
        if word == Reason.REVOKED:
            raise UsageError("what was revoked stays out", hint="build it anew in another folder")
        if word not in known:
            raise UsageError(
                f"`{word}` is no reason of a reject",
                hint=near_miss(word, known) or "`sign-etl status BUILD` names those of a build",
            )
    return frozenset(map(Reason, only)) or frozenset(r for r in Reason if r.retryable)


def _prepared(build: Path, recalled: Remembered) -> Prepared:
    """What `prepare` would make of the build's own request, without its annotation files."""
    setup = recalled.setup
    pipeline = setup.choices()
    recipe = RECIPES.get(setup.recipe)
    options = recipe.options(pipeline.dataset.options)
    poses = tuple(
        pose_setup(pose.name, pipeline.pose[pose.name], weights=True) for pose in setup.poses
    )
    features = tuple(
        feature_setup(each.name, pipeline.features[each.name], weights=True)
        for each in setup.features
    )
    fresh = replace(setup, poses=poses, features=features)
    lock = build / LOCK_FILE
    if lock.exists():
        forbidding, _ = drift(open_lock(lock).head, head_of(recalled.plan, fresh))
        if forbidding:
            raise ConfigError(
                f"{build} was made with other versions: {'; '.join(drift_lines(forbidding))}",
                hint="run its `sign-etl ingest` again",
            )
    access = Access(options, (), recalled.licence_accepted)
    return Prepared(
        pipeline, recipe, options, fresh, recalled.plan, build, access, recalled.synonyms
    )
