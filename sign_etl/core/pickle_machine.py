"""A machine for the pickle format that builds plain data and can do nothing else.

Python's own unpickler calls what the file names; fenced in, it still trusts lengths and memo
numbers. This one reads the same opcodes (protocols 0 to 5), keeps names as names and hands calls to
`sign_etl.core.pickle_globals`. Persistent ids, extension codes, classes and out-of-band buffers are
refused. The work and the memory are bounded by the number of opcodes.

What each opcode does stands in `sign_etl.core.pickle_opcodes`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from sign_etl.core.pickle_globals import DamagedError, RefusedError

MAX_OPCODES: Final = 10_000_000
MAX_LINE: Final = 1 << 20
STOP: Final = ord(".")
WORK_PER_BYTE: Final = 16
"""Calls copy what they are given; so often may each byte of the file be copied, on average."""
_MARK: Final = object()


class Reader:
    """Reads one pickle.

    Args:
        data: all of it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._work = WORK_PER_BYTE * len(data)

    def run(self, operations: Mapping[int, Operation], foreign: Mapping[int, str]) -> Any:
        """The value that the pickle stands for, arrays still in the making.

        Args:
            operations: what each opcode does.
            foreign: what the opcodes that are refused stand for.

        Raises:
            RefusedError: it is damaged, or wants something other than plain data.
        """
        try:
            for _ in range(MAX_OPCODES):
                code = self.take(1)[0]
                if code == STOP:
                    return self.pop()
                operation = operations.get(code)
                if operation is None:
                    raise RefusedError(foreign.get(code, f"the unknown opcode {code:#04x}"))
                operation(self)
        except (IndexError, KeyError, ValueError, TypeError, OverflowError) as error:
            raise DamagedError("damaged bytes") from error
        raise RefusedError(f"more than {MAX_OPCODES:,} parts")

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise DamagedError("bytes that break off")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def line(self) -> bytes:
        """The bytes up to the end of the line."""
        end = self._data.find(b"\n", self._at, self._at + MAX_LINE)
        if end < 0:
            raise DamagedError("bytes that break off")
        piece = self._data[self._at : end]
        self._at = end + 1
        return piece

    def number(self, form: str) -> Any:
        """A number in the form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def sized(self, form: str) -> bytes:
        """Bytes that follow their length."""
        return self.take(self.number(form))

    def top(self, kind: type | None = None) -> Any:
        """The top of the stack, which must be of this kind."""
        value = self._stack[-1]
        if value is _MARK or (kind is not None and type(value) is not kind):
            raise DamagedError("damaged bytes")
        return value

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Take the top of the stack, which may not be a mark."""
        value = self._stack.pop()
        if value is _MARK:
            raise DamagedError("damaged bytes")
        return value

    def charge(self, arguments: Any) -> None:
        """Count what a call may copy, so that no value noted once is copied without end."""
        for argument in arguments if isinstance(arguments, tuple) else ():
            if isinstance(argument, str | bytes | bytearray | list | tuple):
                self._work -= len(argument)
        if self._work < 0:
            raise RefusedError("values that are copied again and again")

    def mark(self) -> None:
        """Begin a row of values."""
        self._stack.append(_MARK)

    def since_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is _MARK:
                values = self._stack[at + 1 :]
                del self._stack[at:]
                return values
        raise DamagedError("damaged bytes")

    def remember(self, at: int) -> None:
        """Note the top of the stack under a number."""
        self._memo[at] = self.top()

    def memoize(self) -> None:
        """Note the top of the stack under the next number."""
        self.remember(len(self._memo))

    def recall(self, at: int) -> None:
        """Push what was noted."""
        self.push(self._memo[at])


Operation = Callable[[Reader], None]
