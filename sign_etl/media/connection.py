"""One GET over one connection to a checked address, under a deadline that a stop can interrupt.

This drives httpcore, the engine inside httpx, directly: a pluggable network backend is where the
address check belongs, and nothing else of a client is wanted. No cookies, no netrc, no automatic
redirects, no decoding, no log lines with addresses. Proxy variables of the environment are not
read: behind a proxy it is the proxy that resolves names, and the check would check nothing.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore

from sign_etl.media.addresses import Address, AddressPolicy
from sign_etl.media.politeness import check_stop

SLICE_S = 0.25
"""A stop is noticed after so long at most."""

MAX_ADDRESSES = 4
"""So many addresses of a name are tried."""


class TotalTimeout(Exception):
    """The source used up its time."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What ends a request from outside.

    Attributes:
        deadline: on `time.monotonic()`.
        stop: set when the run stops.
    """

    deadline: float
    stop: threading.Event | None = None

    def left_s(self) -> float:
        """Seconds left.

        Raises:
            TotalTimeout: none are.
            Stopped: `stop` is set.
        """
        check_stop(self.stop)
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TotalTimeout
        return left


class Budget:
    """Seconds of transfer that a source has left; polite waits are not charged to it.

    Args:
        total_s: what it has at first.
    """

    def __init__(self, total_s: float) -> None:
        self._left_s = total_s

    @contextmanager
    def watch(self, stop: threading.Event | None) -> Iterator[Watch]:
        """Charge the time of the block; the watch ends when nothing is left."""
        began = time.monotonic()
        try:
            yield Watch(began + self._left_s, stop)
        finally:
            self._left_s -= time.monotonic() - began


class _WatchedStream(httpcore.NetworkStream):
    """Reads in slices: a server that sends one byte now and then cannot outlast the deadline."""

    def __init__(self, inner: httpcore.NetworkStream, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        idle_until = None if timeout is None else time.monotonic() + timeout
        while True:
            slice_s = min(SLICE_S, self._watch.left_s())
            if idle_until is not None:
                slice_s = min(slice_s, max(idle_until - time.monotonic(), 0.001))
            try:
                return self._inner.read(max_bytes, slice_s)
            except httpcore.ReadTimeout:
                if idle_until is not None and time.monotonic() >= idle_until:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _least(timeout, self._watch.left_s()))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        limit_s = _least(timeout, self._watch.left_s())
        return _WatchedStream(
            self._inner.start_tls(ssl_context, server_hostname, limit_s), self._watch
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Resolves, checks, and connects to what was checked. TLS and Host keep the name.

    Args:
        policy: which addresses are fine.
        watch: what ends the request.
        inner: connects to an IP address; replaceable for tests.
    """

    def __init__(self, policy: AddressPolicy, watch: Watch, inner: httpcore.NetworkBackend) -> None:
        self._policy = policy
        self._watch = watch
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of the addresses that the policy found for `host`."""
        addresses = self._policy.connectable(host, port)[:MAX_ADDRESSES]
        for number, address in enumerate(addresses, start=1):
            limit_s = _least(timeout, self._watch.left_s())
            try:
                stream = self._inner.connect_tcp(
                    address, port, limit_s, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
            else:
                return _WatchedStream(stream, self._watch)
        raise AssertionError("the policy gives at least one address")


@dataclass(frozen=True, slots=True)
class Line:
    """How requests of one process go out.

    Attributes:
        policy: which addresses are fine.
        ssl_context: how certificates are checked.
        connect_timeout_s: for a connection, TLS included each for itself.
        idle_timeout_s: without a byte.
        inner: connects to an IP address.
    """

    policy: AddressPolicy
    ssl_context: ssl.SSLContext
    connect_timeout_s: float
    idle_timeout_s: float
    inner: httpcore.NetworkBackend

    @contextmanager
    def get(
        self, address: Address, headers: list[tuple[str, str]], watch: Watch
    ) -> Iterator[httpcore.Response]:
        """Send a GET; yields when the head of the answer is there.

        Every request has a connection of its own: what a server sends behind the announced length
        of one answer must not be read as the next answer.

        Raises:
            AddressRefused, UnknownHost, NameServiceFailed: see `AddressPolicy`.
            TotalTimeout, Stopped: see `Watch`.
            httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError: the network.
        """
        scheme, host, target = address.url.raw_scheme, address.url.raw_host, address.url.raw_path
        wire_headers = [
            (b"Host", address.url.netloc),
            (b"Connection", b"close"),
            *((name.encode("ascii"), value.encode("utf-8")) for name, value in headers),
        ]
        limits = {
            "connect": self.connect_timeout_s,
            "read": self.idle_timeout_s,
            "write": self.idle_timeout_s,
        }
        connection = httpcore.HTTPConnection(
            httpcore.Origin(scheme, host, address.port),
            ssl_context=self.ssl_context,
            network_backend=CheckedBackend(self.policy, watch, self.inner),
        )
        url = httpcore.URL(scheme=scheme, host=host, port=address.port, target=target)
        with (
            connection,
            connection.stream(
                "GET", url, headers=wire_headers, extensions={"timeout": limits}
            ) as response,
        ):
            yield response


def _least(timeout: float | None, left_s: float) -> float:
    return left_s if timeout is None else min(timeout, left_s)
