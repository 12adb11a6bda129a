"""What a recipe describes with options, made: a mistyped option is told with its near miss."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from sign_etl.core.errors import ConfigError, near_or_all

Made = TypeVar("Made")

_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_MISSING = re.compile(r"missing \d+ required [\w -]+: '(\w+)'")


def made(what: str, make: Callable[..., Made], options: Mapping[str, Any]) -> Made:
    """`make(**options)`.

    Args:
        what: what messages call it, such as "sampler `circle`".
        make: a class or function that takes options by their names.
        options: of a recipe.

    Raises:
        ConfigError: an option is unknown, missing or of the wrong kind.
    """
    try:
        return make(**options)
    except TypeError as error:
        raise unfit(what, make, error) from None


def unfit(
    what: str, make: Callable[..., Any], error: TypeError, hidden: Collection[str] = ()
) -> ConfigError:
    """The error about options that do not fit, in words of recipes and not of Python.

    Args:
        what: what messages call it.
        make: what was called.
        error: how that ended.
        hidden: arguments of `make` that are no options.
    """
    options = [name for name in inspect.signature(make).parameters if name not in hidden]
    all_of_them = f"its options are: {', '.join(options) or 'none'}"
    said = str(error).partition("\n")[0].rstrip(".")
    if unknown := _UNKNOWN.search(said):
        hint = near_or_all(unknown[1], options, "its options are:")
        return ConfigError(f"{what} has no option `{unknown[1]}`", hint=hint)
    if missing := _MISSING.search(said):
        return ConfigError(f"{what} needs the option `{missing[1]}`", hint=all_of_them)
    return ConfigError(f"{what}: {said}", hint=all_of_them)
