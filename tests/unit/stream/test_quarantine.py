"""Damaged samples: written once, left out later, and not too many."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.stream.base import BadSample, BudgetError
from sign_etl.stream.quarantine import Budget, Quarantine


def bad(number: int, epoch: int = 0) -> BadSample:
    return BadSample("b", "train/0.tar", f"k{number}", "made.npy", "crc", epoch)


def test_records_count_from_the_next_epoch_on(tmp_path: Path) -> None:
    one, two = Quarantine(tmp_path / "q.jsonl"), Quarantine(tmp_path / "q.jsonl")
    one.add([bad(1, 2), bad(1, 3)])
    two.add([bad(2, 3)])
    assert one.left_out(2) == frozenset()
    assert one.left_out(3) == {("b", "train/0.tar", "k1")}
    assert one.left_out(4) == two.left_out(4)
    assert len(one.left_out(4)) == 2
    with (tmp_path / "q.jsonl").open("a") as file:
        file.write('{"build": "b", "sh')  # a run that was killed
    assert len(Quarantine(tmp_path / "q.jsonl").records) == 2


def test_too_many_in_a_row() -> None:
    quarantine = Quarantine(budget=Budget(consecutive=4, fraction=1.0))
    quarantine.count(0, (bad(1), bad(2)), 100, 0)
    quarantine.count(5, (), 100, 0)
    quarantine.count(0, (bad(3), bad(4), bad(5)), 100, 0)
    with pytest.raises(BudgetError, match="4 damaged samples in a row"):
        quarantine.count(0, (bad(6),), 100, 0)


def test_too_many_in_an_epoch() -> None:
    quarantine = Quarantine(budget=Budget(fraction=0.01, at_least=2))
    for epoch in (0, 1):
        for number in range(3):
            quarantine.count(9, (bad(10 * epoch + number),), 300, epoch)
    with pytest.raises(BudgetError, match="4 damaged samples in one epoch of 300"):
        quarantine.count(9, (bad(99),), 300, 1)
