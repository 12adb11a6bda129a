"""The commands of `sign-etl` as one types them, and what the real parser says of a line."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection
from typing import Any

from typer.main import get_command

from sign_etl.app.pipelines import bundled
from sign_etl.app.schemas import schemas
from sign_etl.cli.help import topics
from sign_etl.cli.main import SECTIONS, app
from sign_etl.pose.base import BACKENDS
from sign_etl.recipes.base import RECIPES

GLOBAL = {"-h", "--help", "--version", "--install-completion"}
NAMES: dict[str, Callable[[], Collection[str]]] = {
    "sign-etl help": topics,
    "sign-etl schemas show": lambda: [part.name for part in schemas().schemas],
    "sign-etl pipelines show": bundled,
    "sign-etl pipelines copy": bundled,
    "sign-etl datasets info": RECIPES.names,
    "sign-etl pose info": BACKENDS.names,
    "sign-etl pose fetch": BACKENDS.names,
}
"""What the first word behind these commands is one of."""


def commands() -> dict[str, Any]:
    """All commands that do something, by what one types."""
    root: Any = get_command(app)
    found = {}
    for name in (name for leaves in SECTIONS.values() for name in leaves):
        command = root.get_command(None, name)
        below = getattr(command, "commands", None)
        for leaf, what in (below or {"": command}).items():
            found[f"sign-etl {name} {leaf}".strip()] = what
    return found


def what_is_wrong(command: Any, path: str, words: list[str]) -> str:
    """What the real parser says of the words behind a command; empty where it takes them."""
    try:
        command.make_context(path, words)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def options_of(command: Any) -> set[str]:
    """All its options."""
    parts = [(*parameter.opts, *parameter.secondary_opts) for parameter in command.params]
    return {name for names in parts for name in names} | GLOBAL


def wrong_line(line: str, known: dict[str, Any], *, bare: bool, blank: str = "") -> str:
    """What is wrong with a line that begins with `sign-etl`; empty for a right one.

    Args:
        line: the line.
        known: see `commands`.
        bare: a command may stand alone, as in a sentence: nothing is amiss where words lack.
        blank: a character that stands for what is put in later, and is right everywhere.
    """
    words = shlex.split(line)
    if words[1:2] == [blank]:
        return ""
    if len(words) > 1 and words[1].startswith("-"):
        return "" if set(words[1:]) <= GLOBAL else f"no option of all: {line}"
    path = next((p for p in (" ".join(words[:3]), " ".join(words[:2])) if p in known), None)
    if path is None:
        return f"no command: {line}"
    options, rest = options_of(known[path]), words[len(path.split()) :]
    for word in rest:
        if word.startswith("-") and word.split("=")[0] not in options:
            return f"no option {word}: {line}"
    if path in NAMES and rest and not rest[0].startswith("-"):
        name = rest[0]
        if not name.isupper() and name.strip(blank) and name not in NAMES[path]():
            return f"no name {name}: {line}"
    wrong = "" if GLOBAL & set(rest) else what_is_wrong(known[path], path, rest)
    lacks = wrong.startswith(("MissingParameter", "NoArgsIsHelpError"))
    return f"{line}: {wrong}" if wrong and not (bare and lacks and not set(rest) - options) else ""
