"""What the tests of the downloader share: a clock that does not wait, and names on the loopback."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpcore
from trouble_server import TroubleServer

from sign_etl.media.fetch import Fetcher
from sign_etl.media.fetched import Fetched
from sign_etl.media.politeness import check_stop
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import FetchConfig

CLIP = b"\x00\x00\x00\x18ftypisom" + b"".join(
    hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(1200)
)
"""An MP4 by its first bytes; nothing here decodes it."""

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


class PatientNetwork(httpcore.NetworkBackend):
    """The loopback, on which no silence counts but the one that the server means.

    However slow the machine is, what the server has to say arrives before the fetcher's own limit
    for silence begins to run.

    Args:
        silences: released whenever the server falls silent for good on a connection; only for
            connections one after the other.
    """

    def __init__(self, silences: threading.Semaphore) -> None:
        self.silences = silences
        self.starved = threading.Event()
        """Set when everything has been read that will come."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _PatientStream(httpcore.SyncBackend().connect_tcp(host, port, timeout), self)


class _PatientStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, network: PatientNetwork) -> None:
        self._inner = inner
        self._network = network
        self._silent = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        while not self._silent:
            try:
                return self._inner.read(max_bytes, 0.05)
            except httpcore.ReadTimeout:
                self._silent = self._network.silences.acquire(blocking=False)
        try:
            return self._inner.read(max_bytes, timeout)
        except httpcore.ReadTimeout:
            self._network.starved.set()
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


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
        "idle_timeout_s": 600,
        "connect_timeout_s": 600,
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


def fetch(server: TroubleServer, path: str, into: Path, **settings: object) -> object:
    return make_fetcher(**settings).fetch(Source(path, server.url(path)), into)


def assert_whole(found: object, content: bytes = CLIP, container: str = "mp4") -> Fetched:
    assert isinstance(found, Fetched), found
    assert found.path.read_bytes() == content
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert found.size_bytes == len(content)
    assert found.container == container
    return found


def left_in(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())
