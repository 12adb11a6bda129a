"""What the fuzzers share: how many examples, what is done to bytes, and what they came to.

`SIGN_ETL_FUZZ=10` runs ten times as many examples, with new random ones in each run.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sign_etl.core.errors import SignEtlError

TIMES = int(os.environ.get("SIGN_ETL_FUZZ", "1"))
SEEN: Counter[str] = Counter()
"""How often each end was come to; told at the end of a long run."""


def examples(count: int) -> Any:
    return settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def tell() -> None:
    """Print what the examples of a long run came to."""
    if TIMES > 1:
        print(json.dumps(SEEN, indent=1, sort_keys=True))  # noqa: T201 - the report of a long run


def told_cleanly(what: str, error: SignEtlError) -> None:
    SEEN[f"{what} {type(error).__name__}"] += 1
    assert error.message
    assert error.exit_code in (1, 2, 3)


# ---- what is done to bytes

SEEDS = st.integers(0, 2**48)


def damaged(data: bytes, seed: int, other: bytes = b"") -> bytes:
    """One to eight wounds of the kinds that disks, networks and people make."""
    chance = random.Random(seed)
    wounded = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        size = len(wounded)
        at = (
            chance.randrange(size + 1)
            if chance.random() < 0.6
            else chance.randrange(min(size, 200) + 1)
        )
        length = chance.choice((1, 1, 2, 4, 8, 64, 1000))
        kind = chance.randrange(8)
        if kind == 0:
            for place in range(at, min(size, at + length)):
                wounded[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            wounded[at : at + length] = chance.randbytes(length)
        elif kind == 2:  # numbers at which programs stumble
            number = chance.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1))
            wounded[at : at + 4] = number.to_bytes(4, chance.choice(("big", "little")))
        elif kind == 3:
            del wounded[at:]
        elif kind == 4:
            del wounded[at : at + length]
        elif kind == 5:
            wounded[at:at] = wounded[at : at + length] * chance.choice((1, 2, 50))
        elif kind == 6:
            wounded[at : at + length] = bytes(length)
        else:
            wounded[at:] = other[len(other) * at // (size + 1) :]
    return bytes(wounded)
