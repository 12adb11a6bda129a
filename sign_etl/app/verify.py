"""`sign-etl verify BUILD`, alone or against another build."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import UsageError
from sign_etl.reader.manifest import read_manifest
from sign_etl.shard.compare import Comparison, compare_bytes, compare_keypoints, tree_digest
from sign_etl.shard.verify import VerifyResult, verify

_DIGEST = re.compile(r"[0-9a-f]{12,64}")


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` found, and where asked for, what a comparison found.

    Attributes:
        result: of the build by itself.
        digest: of all its shards and tables; empty where it is not sound.
        comparison: with the other build.
    """

    result: VerifyResult
    digest: str
    comparison: Comparison | None = None


def verify_against(
    build: Path, against: str | None = None, *, tolerance_px: float | None = None
) -> Verified:
    """Read a whole build back, then compare it with another one.

    Args:
        build: the build folder.
        against: another build, or the digest of one (12 digits or more); None for neither.
        tolerance_px: compare keypoints only, and allow so many pixels of the normalised clips.

    Raises:
        UsageError: a folder is no build, or there is nothing to compare with.
        VerifyError: the run that makes it did not finish.

    Example:
        >>> verified = verify_against(Path("demo-build"))
        >>> verified.result.samples, verified.result.problems
        (6, ())
    """
    result = verify(build)
    digest = tree_digest(read_manifest(build)) if result.ok else ""
    if against is None or not result.ok:
        return Verified(result, digest)
    other = Path(against)
    if other.is_dir():
        if tolerance_px is not None:
            return Verified(result, digest, compare_keypoints(build, other, tolerance_px))
        return Verified(result, digest, compare_bytes(build, other))
    if not _DIGEST.fullmatch(against):
        raise UsageError(
            f"there is no build at {against}", hint="give its folder, or the digest of its tree"
        )
    if tolerance_px is not None:
        raise UsageError(
            "keypoints cannot be compared with a digest", hint="give the folder of a build"
        )
    told = f"the digest is {digest}, not {against}"
    return Verified(result, digest, Comparison(() if digest.startswith(against) else (told,), 0))
