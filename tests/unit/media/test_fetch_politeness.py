"""Limits per host: connections, rate, pauses."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import httpx
import pytest
from fetching import FakeClock, make_fetcher
from trouble_server import TroubleServer

from sign_etl.core.errors import Stopped
from sign_etl.media.fetch import Fetched
from sign_etl.media.politeness import (
    MAX_BACKOFF_S,
    HostGate,
    HostGates,
    HostPaused,
    WallClock,
    backoff_s,
    retry_after_s,
)
from sign_etl.schema.clip import Source

CLIP = b"\x00\x00\x00\x18ftypisom" + bytes(5000)


def make_gate(
    clock: FakeClock | WallClock, *, per_host: int = 9, rate_per_s: float = 4.0, burst: int = 3
) -> HostGate:
    return HostGate(per_host=per_host, rate_per_s=rate_per_s, burst=burst, clock=clock)


def test_a_burst_and_then_a_steady_rate() -> None:
    clock = FakeClock()
    gate = make_gate(clock)
    times = []
    for _ in range(7):
        with gate.request(None):
            times.append(clock.now() - 1000.0)
    assert times == pytest.approx([0, 0, 0, 0.25, 0.5, 0.75, 1.0])


def test_tokens_come_back_up_to_the_burst() -> None:
    clock = FakeClock()
    gate = make_gate(clock)
    for _ in range(3):
        with gate.request(None):
            pass
    clock.wait(100.0, None)
    before = len(clock.waits)
    for _ in range(3):
        with gate.request(None):
            pass
    assert len(clock.waits) == before
    with gate.request(None):
        assert len(clock.waits) > before


def test_no_more_connections_than_allowed() -> None:
    gate = make_gate(WallClock(), per_host=2, rate_per_s=1e6, burst=1000)
    lock = threading.Lock()
    inside: list[int] = [0, 0]  # now, at most
    two_are_in = threading.Barrier(2)

    def visit() -> None:
        with gate.request(None):
            with lock:
                inside[0] += 1
                inside[1] = max(inside)
            two_are_in.wait(timeout=60)  # only ends if two get in together
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == [0, 2]


def test_a_slot_is_given_back_after_an_error() -> None:
    gate = make_gate(FakeClock(), per_host=1)
    with pytest.raises(KeyError), gate.request(None):
        raise KeyError
    with gate.request(None):
        pass


def test_a_closed_host_refuses_and_opens_again() -> None:
    clock = FakeClock()
    gate = make_gate(clock)
    gate.close_for(3600)
    gate.close_for(10)  # a shorter pause does not shorten it
    with pytest.raises(HostPaused), gate.request(None):
        pass
    clock.wait(3599, None)
    with pytest.raises(HostPaused), gate.request(None):
        pass
    clock.wait(2, None)
    with gate.request(None):
        pass


def test_who_waits_for_a_slot_hears_that_the_host_closed() -> None:
    gate = make_gate(WallClock(), per_host=1)
    heard: list[type[Exception]] = []

    def visit() -> None:
        try:
            with gate.request(None):
                pass
        except HostPaused as error:
            heard.append(type(error))

    with gate.request(None):
        thread = threading.Thread(target=visit)
        thread.start()
        gate.close_for(3600)
        thread.join()
    assert heard == [HostPaused]


def test_slowing_down_holds_all_requests() -> None:
    clock = FakeClock()
    gate = make_gate(clock)
    gate.slow_down(5)
    with gate.request(None):
        assert clock.now() == pytest.approx(1005.0)


def test_waiting_ends_when_the_run_stops() -> None:
    stop = threading.Event()
    gate = make_gate(WallClock(), per_host=1)
    gate.slow_down(3600)
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped), gate.request(stop):
        pass
    other = make_gate(WallClock(), per_host=1)
    stop.clear()
    with other.request(None):
        threading.Timer(0.05, stop.set).start()
        with pytest.raises(Stopped), other.request(stop):
            pass


def test_hosts_have_gates_of_their_own() -> None:
    gates = HostGates(per_host=1, rate_per_s=1, burst=1, clock=FakeClock())
    assert gates.gate("a:80") is gates.gate("a:80")
    assert gates.gate("a:80") is not gates.gate("a:81")


def test_pauses_grow_and_have_an_end() -> None:
    chance = random.Random(1)
    for attempt, bound in ((1, 2.0), (2, 4.0), (3, 8.0), (9, MAX_BACKOFF_S), (500, MAX_BACKOFF_S)):
        drawn = [backoff_s(attempt, 2.0, chance) for _ in range(200)]
        assert all(0 <= pause <= bound for pause in drawn)
        assert max(drawn) > 0.9 * bound
        assert min(drawn) < 0.1 * bound


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({"Retry-After": "9" * 5000}, 999999999999.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "٣"}, None),
        (
            {
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
                "Retry-After": "Wed, 21 Oct 2015 07:29:30 GMT",
            },
            90.0,
        ),
        (
            {
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
                "Retry-After": "Wed, 21 Oct 2015 07:20:00 GMT",
            },
            0.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),  # long past
    ],
)
def test_how_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert retry_after_s(httpx.Headers(raw)) == seconds


def test_threads_share_the_limits_of_one_fetcher(tmp_path: Path) -> None:
    clock = FakeClock()
    with TroubleServer({"a.mp4": CLIP}) as server:
        fetcher = make_fetcher(clock=clock, rate_per_s=2.0, burst=4, per_host=2)
        found: list[object] = []

        def work(number: int) -> None:
            source = Source(str(number), server.url(f"ok/a.mp4?{number}"))
            found.append(fetcher.fetch(source, tmp_path / str(number)))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 12
    assert all(isinstance(one, Fetched) for one in found)
    # Four at once, then one each half second: the twelfth cannot come before 4 s have passed.
    assert clock.now() - 1000.0 >= 4.0 - 1e-6
