"""A cluster of our own is started again where the machine was too busy, and only there."""

from __future__ import annotations

import pytest

from sign_etl.core.errors import Stopped
from sign_etl.run.starting import BUSY, STARTS, start_patiently


class Cluster:
    """Cannot be started at first.

    Args:
        errors: of the first attempts.
    """

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def start(self) -> None:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)


def busy() -> Exception:
    return Exception(f"The current node {BUSY}. This could happen because")


def test_a_busy_machine_is_asked_again() -> None:
    cluster = Cluster(*(busy() for _ in range(STARTS - 1)))
    start_patiently(cluster.start)
    assert cluster.asked == STARTS


def test_not_for_ever() -> None:
    cluster = Cluster(*(busy() for _ in range(STARTS)))
    with pytest.raises(Stopped, match="too busy") as caught:
        start_patiently(cluster.start)
    assert cluster.asked == STARTS
    assert caught.value.exit_code == 75


def test_other_errors_are_told_at_once() -> None:
    cluster = Cluster(ConnectionError("no such cluster"))
    with pytest.raises(ConnectionError):
        start_patiently(cluster.start)
    assert cluster.asked == 1
