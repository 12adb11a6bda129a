"""How we treat the hosts that carry the media: few connections, a steady rate, pauses kept.

All threads of a process share one gate per host. A host that asks for a long pause is left alone
by all of them: their sources are deferred to the next run without a request.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

from sign_etl.core.errors import Stopped

POLL_S = 0.1
MAX_BACKOFF_S = 60.0
PAUSED = "the host asked for a pause"
"""Detail of every reject for a paused host: who of them asked it first is a matter of chance."""


class HostPaused(Exception):
    """The host asked for a longer pause than this run waits."""


class Clock(Protocol):
    """Time, replaceable for tests."""

    def now(self) -> float:
        """Seconds of a clock that never goes back."""

    def wait(self, seconds: float, stop: threading.Event | None) -> None:
        """Wait.

        Raises:
            Stopped: `stop` was set meanwhile.
        """


class WallClock:
    """The real time."""

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event | None) -> None:
        """Wait in real time."""
        check_stop(stop)
        if stop is None:
            time.sleep(seconds)
        elif stop.wait(seconds):
            check_stop(stop)


def check_stop(stop: threading.Event | None) -> None:
    """Raise `Stopped` if `stop` is set."""
    if stop is not None and stop.is_set():
        raise Stopped(
            "stopped while downloading", hint="run the same command again: it goes on from here"
        )


class HostGate:
    """Limits for one host: connections at a time, a token bucket, pauses that it asked for."""

    def __init__(self, *, per_host: int, rate_per_s: float, burst: int, clock: Clock) -> None:
        self._slots = threading.BoundedSemaphore(per_host)
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._filled_at = clock.now()
        self._wait_until = -math.inf
        self._closed_until = -math.inf

    @contextmanager
    def request(self, stop: threading.Event | None) -> Iterator[None]:
        """Hold one of the host's connections; enters when a request may be sent.

        Raises:
            HostPaused: the host is closed to this run.
            Stopped: `stop` was set while waiting.
        """
        check_stop(stop)
        self._check_open()
        while not self._slots.acquire(timeout=POLL_S):
            check_stop(stop)
            self._check_open()
        try:
            while (delay_s := self._take()) > 0:
                self._clock.wait(delay_s, stop)
            yield
        finally:
            self._slots.release()

    def slow_down(self, seconds: float) -> None:
        """No request of any thread before so many seconds from now."""
        with self._lock:
            self._wait_until = max(self._wait_until, self._clock.now() + seconds)

    def close_for(self, seconds: float) -> None:
        """Refuse all requests for so many seconds, with `HostPaused`."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock.now() + seconds)

    def _check_open(self) -> None:
        with self._lock:
            if self._clock.now() < self._closed_until:
                raise HostPaused

    def _take(self) -> float:
        """Take a token, or say after how many seconds to ask again."""
        self._check_open()
        with self._lock:
            now = self._clock.now()
            if now < self._wait_until:
                return self._wait_until - now
            gained = (now - self._filled_at) * self._rate_per_s
            self._tokens = min(self._burst, self._tokens + gained)
            self._filled_at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return 0.0
            return max((1 - self._tokens) / self._rate_per_s, 0.001)


class HostGates:
    """One gate for each host, made when first asked for."""

    def __init__(self, *, per_host: int, rate_per_s: float, burst: int, clock: Clock) -> None:
        self._settings = {"per_host": per_host, "burst": burst}
        self._rate_per_s = rate_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._gates: dict[str, HostGate] = {}

    def gate(self, authority: str) -> HostGate:
        """The gate of this host."""
        with self._lock:
            if authority not in self._gates:
                self._gates[authority] = HostGate(
                    **self._settings, rate_per_s=self._rate_per_s, clock=self._clock
                )
            return self._gates[authority]


def backoff_s(attempt: int, base_s: float, chance: random.Random) -> float:
    """Pause before attempt `attempt + 1`: exponential with full jitter, at most a minute.

    Full jitter (uniform between 0 and the bound) spreads the threads that failed together.
    """
    return chance.uniform(0.0, min(base_s * 2.0 ** (attempt - 1), MAX_BACKOFF_S))


def retry_after_s(headers: httpx.Headers) -> float | None:
    """Seconds that a Retry-After header asks for, None where there is none that can be read.

    A date is read against the server's own Date, so a wrong clock on either side does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    moment = _http_date(text)
    if moment is None:
        return None
    now = _http_date(headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
