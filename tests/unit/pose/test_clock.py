"""The stop watch of estimators."""

from __future__ import annotations

import threading
from threading import get_ident

from sign_etl.pose.clock import SILENT, Clock


def test_it_counts_and_adds_up() -> None:
    clock = Clock()
    for _ in range(3):
        with clock("infer"):
            pass
    assert clock.calls == {"infer": 3}
    assert clock.seconds["infer"] >= 0
    clock.clear()
    assert (clock.calls, clock.seconds, clock.threads) == ({}, {}, {})


def test_items_are_counted_as_they_come() -> None:
    clock = Clock()
    assert list(clock.each("decode", iter("abc"))) == ["a", "b", "c"]
    assert clock.calls == {"decode": 4}, "the end takes time as well"


def test_it_knows_which_thread_a_stage_ran_in() -> None:
    clock = Clock()

    def decode() -> None:
        with clock("decode"):
            pass

    thread = threading.Thread(target=decode)
    thread.start()
    thread.join()
    with clock("infer"):
        pass
    assert clock.threads["infer"] == get_ident()
    assert clock.threads["decode"] != get_ident()


def test_a_silent_clock_measures_nothing() -> None:
    with SILENT("infer"):
        pass
    assert list(SILENT.each("decode", [1])) == [1]
    assert not SILENT.on
    assert (SILENT.calls, SILENT.seconds) == ({}, {})
