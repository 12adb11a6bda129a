"""Pickles for tests: every protocol, a name on the stack, and what is refused."""

from __future__ import annotations

import pytest

from sign_etl.core.pickle_globals import RefusedError
from sign_etl.core.unpickle import loads_pickle

PROTOCOLS = pytest.mark.parametrize("protocol", range(6))


def stack_global(module: str, name: str) -> bytes:
    return b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)) + (
        b"\x93"
    )


def refused(data: bytes) -> str:
    with pytest.raises(RefusedError) as caught:
        loads_pickle(data)
    return str(caught.value)
