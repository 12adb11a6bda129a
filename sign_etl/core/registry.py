"""Names to plug-ins: ours by module, other packages' by entry point, loaded when asked for.

Names are known without importing any plug-in, so that completion and lists stay quick.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from sign_etl.core.errors import ConfigError, near_or_all

Plugin = TypeVar("Plugin")


class Registry(Generic[Plugin]):
    """Plug-ins of one kind.

    Args:
        kind: what they are called in messages, such as `recipe`.
        group: entry point group under which other packages offer theirs.
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._builtin: dict[str, str] = {}
        self._loaded: dict[str, Plugin] = {}

    def builtin(self, **modules: str) -> None:
        """Declare our own plug-ins: name (underscores stand for hyphens) = `module:attribute`."""
        for name, target in modules.items():
            self._builtin[name.replace("_", "-")] = target

    def names(self) -> list[str]:
        """All known names, sorted; nothing is imported."""
        return sorted({*self._builtin, *(point.name for point in entry_points(group=self.group))})

    def get(self, name: str) -> Plugin:
        """The plug-in of this name.

        Raises:
            ConfigError: there is none; a near miss is suggested.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Plugin:
        if name in self._builtin:
            module, _, attribute = self._builtin[name].partition(":")
            plugin: Plugin = getattr(importlib.import_module(module), attribute)
            return plugin
        for point in entry_points(group=self.group, name=name):
            loaded: Plugin = point.load()
            return loaded
        hint = near_or_all(name, self.names())
        raise ConfigError(f"unknown {self.kind} `{name}`", hint=hint)
