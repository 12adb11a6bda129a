"""What the tests of the downloader share: a clock that does not wait, and names on the loopback."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterable
from typing import Any

import httpcore

from sign_etl.media.fetch import Fetcher
from sign_etl.media.politeness import check_stop
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import FetchConfig

PUBLIC = "93.184.215.14"
"""An address that counts as public; `LoopbackNetwork` never lets a packet go there."""


class FakeClock:
    """Waiting takes no time and is written down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 1000.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self._now

    def wait(self, seconds: float, stop: threading.Event | None) -> None:
        check_stop(stop)
        with self._lock:
            self.waits.append(seconds)
            self._now += seconds


class HighestChance(random.Random):
    """Jitter at its upper end, so that pauses can be compared."""

    def uniform(self, a: float, b: float) -> float:
        return b


class LoopbackNetwork(httpcore.NetworkBackend):
    """Connects to the loopback, whatever address is asked for, and remembers what was."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.asked.append(host)
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", port, timeout)


def resolver(**names: list[str]) -> Any:
    """A name service that knows these names (`good_test` is `good.test`) and IP addresses."""
    known = {name.replace("_", "."): found for name, found in names.items()}

    def resolve(host: str, port: int) -> list[str]:
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
        except OSError:
            if host not in known:
                raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
            return known[host]
        return [host]

    return resolve


def make_fetcher(**settings: Any) -> Fetcher:
    """A fetcher for the loopback that never waits; arguments as `FetchConfig` and `Fetcher`."""
    ours = {name: settings.pop(name) for name in ("resolve", "network") if name in settings}
    clock = settings.pop("clock", None) or FakeClock()
    defaults = {
        "allow_private_hosts": ("127.0.0.1",),
        "idle_timeout_s": 60,
        "connect_timeout_s": 60,
        "rate_per_s": 1000,
        "burst": 1000,
    }
    config = FetchConfig(**(defaults | settings))
    return Fetcher(config, clock=clock, chance=HighestChance(), **ours)


def words(found: object) -> tuple[str, str]:
    """Reason and detail of a reject."""
    assert isinstance(found, Reject), found
    assert found.stage == "fetch"
    return found.reason.value, found.detail
