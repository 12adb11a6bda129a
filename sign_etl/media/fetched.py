"""What fetching a source ends with: a file with its facts, or a reject."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.canonical import sha256_file
from sign_etl.media.sniff import HEAD_BYTES, describe, looks_like, sniff
from sign_etl.schema.outcome import Reason, Reject, StageName


@dataclass(frozen=True, slots=True)
class Fetched:
    """A source on this disk.

    Attributes:
        path: where it is; in the caller's folder if downloaded, the user's own file if local.
        sha256: of its bytes.
        size_bytes: its size.
        container: what its first bytes say, see `sign_etl.media.sniff.sniff`.
        url: the address that it came from in the end, without user and password; None if local.
        validator: the server's ETag or Last-Modified, None where it gave none.
    """

    path: Path
    sha256: str
    size_bytes: int
    container: str
    url: str | None = None
    validator: str | None = None


def fetch_reject(reason: Reason, detail: str = "") -> Reject:
    """A reject of the stage `fetch`."""
    return Reject(StageName.FETCH, reason, detail)


def judge_head(head: bytes, *, expect: str | None = None) -> str | Reject:
    """The container that the first `HEAD_BYTES` bytes show, or the reject that they earn.

    Args:
        head: the first bytes.
        expect: a format of keypoints, where no video is wanted; then that is the container.
    """
    if expect is not None:
        container = expect if looks_like(expect, head) else None
    else:
        container = sniff(head)
    if container is None:
        return fetch_reject(Reason.NOT_MEDIA, describe(head))
    return container


def inspect_file(
    path: Path,
    *,
    url: str | None = None,
    validator: str | None = None,
    expect: str | None = None,
) -> Fetched | Reject:
    """Sniff and hash a whole file; `expect` as in `judge_head`.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        container = judge_head(file.read(HEAD_BYTES), expect=expect)
    if isinstance(container, Reject):
        return container
    return Fetched(path, sha256_file(path), path.stat().st_size, container, url, validator)
