"""The only names that a foreign pickle may use, each answered by code of ours.

Nothing is imported by name and nothing of numpy's own unpickling runs: an array is a read-only view
of the bytes in the file, after shape, type and length were found to agree. So neither a shape that
lies nor a name that means more than it says (`numpy.f2py`, `numpy.load`) leads anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

MAX_RANK: Final = 32
KINDS: Final = frozenset("?bBhHiIlLqQefdgFDGSU")
"""Type characters of numbers and texts; no records, dates or void."""
_KIND_LETTERS: Final = frozenset("biufcSUO")


class RefusedError(Exception):
    """The pickle holds something other than plain data; the text says what."""


class DamagedError(RefusedError):
    """The bytes are no pickle, or not all of one."""


@dataclass(slots=True)
class Name:
    """A global that the pickle named; never a live object."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True)
class Type:
    """A numpy type in the making: `numpy.dtype` was called, its byte order comes with BUILD."""

    text: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The finished type."""
        return np.dtype(self.text)


@dataclass(slots=True)
class Array:
    """An array in the making: BUILD brings its content. `value` is what stands for it later."""

    value: Any = field(default=None)


def call(name: Any, arguments: Any) -> Any:
    """What the pickle gets for `name(*arguments)`.

    Raises:
        RefusedError: the name is not in the list, or its arguments are not as numpy writes them.
    """
    if not isinstance(name, Name) or not isinstance(arguments, tuple):
        raise RefusedError("a call of something that is no name")
    function = _CALLS.get((_modern(name.module), name.name))
    if function is None:
        raise RefusedError(f"`{name}`")
    try:
        return function(*arguments)
    except (TypeError, ValueError, OverflowError, AttributeError, LookupError) as error:
        raise RefusedError(f"`{name}` with arguments that make no sense") from error


def build(target: Any, state: Any) -> None:
    """Bring the state of a type or an array.

    Raises:
        RefusedError: the target takes none, or the state is not as numpy writes it.
    """
    try:
        if isinstance(target, Type):
            _build_type(target, state)
        elif isinstance(target, Array) and target.value is None:
            *_, shape, dtype, fortran, data = state
            target.value = _array(data, dtype, shape, "F" if fortran else "C")
        else:
            raise RefusedError("an object with a state of its own")
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise RefusedError("an array whose parts do not fit together") from error


def _modern(module: str) -> str:
    if module == "__builtin__":
        return "builtins"
    return module.replace("numpy.core.", "numpy._core.") if module.startswith("numpy.") else module


def _build_type(target: Type, state: Any) -> None:
    _, order, subtype, names, fields, *_ = state
    if subtype is not None or names is not None or fields is not None:
        raise RefusedError("an array of records")
    if order not in ("<", ">", "=", "|"):
        raise RefusedError("a type without byte order")
    target.text = target.text if order == "|" else order + target.text.lstrip("<>=|")


def _type(text: Any, *_: Any) -> Type:
    if not isinstance(text, str) or text.lstrip("<>=|")[:1] not in _KIND_LETTERS:
        raise RefusedError("an array of something other than numbers and texts")
    dtype = np.dtype(text)
    if dtype.kind != "O" and (dtype.char not in KINDS or dtype.subdtype or dtype.itemsize == 0):
        raise RefusedError("an array of something other than numbers and texts")
    return Type(text)


def _reconstruct(kind: Any, *_: Any) -> Array:
    if not isinstance(kind, Name) or str(kind) != "numpy.ndarray":
        raise RefusedError(f"an array of the kind `{kind}`")
    return Array()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    return Array(_array(data, dtype, shape, order))


def _array(data: Any, kind: Any, shape: Any, order: Any) -> Any:
    if not isinstance(kind, Type) or not isinstance(shape, tuple) or order not in ("C", "F"):
        raise RefusedError("an array whose parts do not fit together")
    if len(shape) > MAX_RANK or any(type(side) is not int or side < 0 for side in shape):
        raise RefusedError("an array of an impossible shape")
    count = math.prod(shape)
    dtype = kind.dtype
    if dtype.kind == "O":
        if not isinstance(data, list) or len(data) != count:
            raise RefusedError("an array that is not as long as it says")
        return _nested([finished(item) for item in data], shape, order)
    data = _bytes(data)
    if len(data) != count * dtype.itemsize:
        raise RefusedError("an array that is not as long as it says")
    if count == 0:
        return np.zeros(shape, dtype)
    flat = np.frombuffer(data, dtype)
    flat.flags.writeable = False
    return flat.reshape(shape, order=order)


def _nested(items: list[Any], shape: tuple[int, ...], order: str) -> Any:
    # An object array is a list to us: what it holds is checked like any other list.
    if len(shape) == 0:
        return items[0]
    if len(shape) > 1 and order == "F":
        raise RefusedError("an object array in Fortran order")
    for side in reversed(shape[1:]):
        if side == 0:
            return []
        items = [items[start : start + side] for start in range(0, len(items), side)]
    return items


def _scalar(kind: Any, data: Any) -> Any:
    if not isinstance(kind, Type) or kind.dtype.kind == "O":
        raise RefusedError("a number of no known type")
    data = _bytes(data)
    if len(data) != kind.dtype.itemsize:
        raise RefusedError("a number that is not as long as it says")
    return np.frombuffer(data, kind.dtype)[0]


def _bytes(data: Any) -> bytes | bytearray:
    if isinstance(data, str):  # Python 2 wrote bytes as text, see `sign_etl.core.pickle_machine`
        return data.encode("utf-8", "surrogateescape")
    if not isinstance(data, bytes | bytearray):
        raise RefusedError("an array without bytes")
    return data


def _encode(text: Any, encoding: Any) -> bytes:
    # How protocols before 3 write bytes.
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise RefusedError("`_codecs.encode` of something other than bytes")
    return text.encode("latin-1")


def _plain_bytes(*arguments: Any) -> bytes:
    if arguments:
        raise RefusedError("`bytes` of something")
    return b""


def _bytearray(*arguments: Any) -> bytearray:
    match arguments:
        case ():
            return bytearray()
        case (bytes(data),):
            return bytearray(data)
        case (str(text), encoding):
            return bytearray(_encode(text, encoding))
    raise RefusedError("`bytearray` of something other than bytes")


def _set(items: Any = ()) -> set[Any]:
    if not isinstance(items, list | tuple):
        raise RefusedError("a set of something other than a list")
    return {plain_key(item) for item in items}


def _complex(real: Any, imaginary: Any) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        raise RefusedError("a complex number of something other than numbers")
    return complex(real, imaginary)


def _ordered_dict(pairs: Any = ()) -> dict[Any, Any]:
    if not isinstance(pairs, list | tuple):
        raise RefusedError("a mapping of something other than pairs")
    return {plain_key(key): value for key, value in pairs}


def plain_key(key: Any) -> Any:
    """`key`, if it may be one: text or a number that nobody can make collide at will.

    Raises:
        RefusedError: it may not.
    """
    if isinstance(key, int) and key.bit_length() > 64:
        raise RefusedError("a number of more than 64 bits as a key")
    if key is None or isinstance(key, str | bytes | int | float | np.generic):
        return key
    raise RefusedError("a key that is neither text nor number")


def finished(value: Any) -> Any:
    """What stands for `value` in the result.

    Raises:
        RefusedError: it is a bare name or half an array.
    """
    if isinstance(value, Array) and value.value is not None:
        return value.value
    if isinstance(value, Type):
        raise RefusedError("a type where data should be")
    if isinstance(value, Name | Array):
        raise RefusedError(f"`{value}`" if isinstance(value, Name) else "an array without content")
    return value


_CALLS: Final[dict[tuple[str, str], Callable[..., Any]]] = {
    ("_codecs", "encode"): _encode,
    ("builtins", "bytearray"): _bytearray,
    ("builtins", "bytes"): _plain_bytes,
    ("builtins", "complex"): _complex,
    ("builtins", "frozenset"): _set,
    ("builtins", "set"): _set,
    ("collections", "OrderedDict"): _ordered_dict,
    ("numpy", "dtype"): _type,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}
