"""One download: what is wanted, under which limits, and what to say where it cannot be had."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum

import httpx

from sign_etl.core.errors import AccessError
from sign_etl.media.addresses import Address, AddressRefused, parse_address
from sign_etl.media.connection import Budget
from sign_etl.media.credentials import credentials_file
from sign_etl.media.partial import Partial, Progress
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject
from sign_etl.schema.pipeline import FetchConfig

_OWN_HEADERS = ("authorization", "cookie")
"""Meant for the first host only, not for one that it redirects to."""


class Kind(Enum):
    """What is downloaded: that decides about limits and checks."""

    MEDIA = "media"
    INDEX = "index"
    ARCHIVE = "archive"

    def max_bytes(self, config: FetchConfig) -> int:
        """Largest body accepted."""
        return config.max_archive_bytes if self is Kind.ARCHIVE else config.max_bytes

    def total_s(self, config: FetchConfig) -> float:
        """Seconds of transfer over all attempts."""
        return config.archive_timeout_s if self is Kind.ARCHIVE else config.total_timeout_s


@dataclass(frozen=True, slots=True)
class Job:
    """What stays the same over the attempts at one source.

    Attributes:
        source: what is wanted.
        partial: where to.
        budget: time left.
        stop: ends the download when set.
        kind: limits and checks.
    """

    source: Source
    partial: Partial
    budget: Budget
    stop: threading.Event | None
    kind: Kind


def request_headers(
    config: FetchConfig, source: Source, first: Address, address: Address, progress: Progress | None
) -> list[tuple[str, str]]:
    """Headers of a request.

    Args:
        config: has our name.
        source: its own headers win.
        first: where the way began; only that host gets passwords and cookies.
        address: where it leads now.
        progress: what is there to build on.
    """
    headers = httpx.Headers(
        {"User-Agent": config.user_agent, "Accept": "*/*", "Accept-Encoding": "identity"}
    )
    headers.update(dict(source.headers))
    if first.authorization is not None:
        headers["Authorization"] = first.authorization
    if address.url.scheme != first.url.scheme or address.authority != first.authority:
        for name in _OWN_HEADERS:
            headers.pop(name, None)
    if progress is not None:
        headers["Range"] = f"bytes={progress.size_bytes}-"
        headers["If-Range"] = progress.validator
    return list(headers.items())


def no_access(url: str, found: Reject, by_hand: str) -> AccessError:
    """The error over a file that a whole data set needs; `by_hand` is the way around."""
    why = f"{found.reason.value} ({found.detail})" if found.detail else found.reason.value
    if found.reason is Reason.HTTP_FORBIDDEN:
        by_hand = (
            "if you have a user name and password for it, put a line `machine HOST login USER "
            f"password PASSWORD` into {credentials_file()} (chmod 600); or {by_hand}"
        )
    return AccessError(f"cannot download `{shown(url)}`: {why}", hint=by_hand)


def shown(url: str) -> str:
    """An address for people: without user, password and query."""
    try:
        return parse_address(url).log_name
    except AddressRefused:
        return "a malformed address"
