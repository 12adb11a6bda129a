"""What a cluster has in hand: bounded, and given out again."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from sign_etl.run.hand import Hand


def test_whoever_brings_too_much_waits_for_room() -> None:
    hand = Hand(2, threading.Event())
    sent: list[list[str]] = []
    hand.feed(sent.append)
    third = threading.Event()

    def bring() -> None:
        for key in "abc":
            hand.put(key, key.upper())
        third.set()

    thread = threading.Thread(target=bring)
    thread.start()
    while len(sent) < 2:
        pass
    assert not third.is_set()
    assert hand.end("a")
    thread.join()
    assert sent == [["A"], ["B"], ["C"]]


def test_a_stop_lets_everybody_go() -> None:
    stop = threading.Event()
    hand = Hand(1, stop)
    sent: list[list[str]] = []
    hand.feed(sent.append)
    hand.put("a", "A")
    stop.set()
    hand.put("b", "B")
    assert sent == [["A"]]


@given(
    keys=st.lists(st.integers(0, 30), unique=True, max_size=30),
    lost=st.sets(st.integers(0, 30)),
    closed_before=st.booleans(),
)
def test_what_is_lost_is_given_out_again(
    keys: list[int], lost: set[int], closed_before: bool
) -> None:
    hand = Hand(100, threading.Event())
    first: list[list[str]] = []
    hand.feed(first.append)
    for key in keys:
        hand.put(str(key), f"row {key}")
    if closed_before:
        hand.close()
    assert [text for texts in first for text in texts] == [f"row {key}" for key in keys]
    left = [key for key in keys if key in lost]
    for key in keys:
        if key not in lost:
            assert hand.end(str(key))
            assert not hand.end(str(key)), "a row that comes twice counts once"
    assert hand.waits() == bool(left or not closed_before)
    second: list[list[str]] = []
    hand.feed(second.append)
    if not closed_before:
        hand.close()
    assert [text for texts in second for text in texts] == [f"row {key}" for key in left]
    assert second[-1] == [], "the end is told to every execution"
    for key in left:
        assert hand.end(str(key))
    assert not hand.waits()
    assert hand.ended == len(keys)
