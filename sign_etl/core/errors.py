"""The exceptions of sign-etl: each says what happened, why, and what helps.

    SignEtlError                       exit 2 unless a subclass says otherwise
    ├── UsageError                     2   a wrong word on the command line
    ├── ConfigError                    2   a wrong setting, with file and line where known
    ├── AnnotationError                2   an annotation file that lacks what the recipe needs
    ├── AccessError                    3   a licence, a login, a file that only a person can bring
    ├── MissingExtraError              3   an optional dependency is not installed
    ├── VerifyError                    1   a build is not what its manifest says
    ├── AccountingError                1   plan, ledger and shards disagree; nothing was published
    ├── DiskError                      75  no space left: free some, run again, nothing is lost
    │   └── StorageError               75  the same of storage on the network
    └── Stopped                        75  stopped early (SIGTERM), resumable; 130 after Ctrl-C

A clip that cannot be built is no exception: it is a `Reject`, see `sign_etl.schema.outcome`.
All of them survive pickling, since they cross process borders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any


class SignEtlError(Exception):
    """Root of all expected errors.

    Args:
        message: what happened and why, one line, no trailing full stop.
        hint: the command or the change that helps.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Callable[..., SignEtlError], tuple[Any, ...]]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(kind: type[SignEtlError], message: str, state: dict[str, Any]) -> SignEtlError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class UsageError(SignEtlError):
    """A wrong word on the command line."""


class ConfigError(SignEtlError):
    """A wrong setting in a pipeline, a plug-in or an option."""


class AnnotationError(SignEtlError):
    """An annotation file lacks or contradicts what its recipe needs."""


class AccessError(SignEtlError):
    """Something that only a person can do stands in the way."""

    exit_code = 3


class MissingExtraError(SignEtlError):
    """An optional dependency is not installed."""

    exit_code = 3

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the `{extra}` extra", hint=f"pip install 'sign-etl[{extra}]'"
        )


class VerifyError(SignEtlError):
    """A build is not what its manifest says it is."""

    exit_code = 1


class AccountingError(SignEtlError):
    """Plan, ledger and shards do not add up, so nothing was published."""

    exit_code = 1


class DiskError(SignEtlError):
    """The disk is full; what was finished is kept."""

    exit_code = 75


class StorageError(DiskError):
    """Storage on the network does not answer, or refuses; likewise."""


class Stopped(SignEtlError):
    """Stopped in order before the end; the same command goes on."""

    exit_code = 75

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = 75) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


def near_miss(word: str, known: list[str] | tuple[str, ...]) -> str | None:
    """A hint `did you mean ...` for a mistyped word, or None if nothing known is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else None


def near_or_all(word: str, known: Iterable[str], said: str = "known are:") -> str:
    """A hint for a word that is none of `known`: the one that is near, else all of them.

    Args:
        word: as it was given.
        known: what would have been right.
        said: how the list of all begins.
    """
    names = tuple(known)
    return near_miss(word, names) or f"{said} {', '.join(names) or 'none'}"
