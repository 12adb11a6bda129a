"""Puts the content folders into the wheel, inside the package.

A `training` or `pipelines` of our own at the top of site-packages would collide with everybody
else's. An editable install needs no copy: it reads the checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTENT = ("pipelines", "schemas", "training")
"""As in `sign_etl.core.content`, which cannot be imported at build time."""


class ContentHook(BuildHookInterface[Any]):
    """Ships each content folder as `sign_etl/_content/<folder>`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds a wheel; `version` is `standard` or `editable`."""
        if version == "editable":
            return
        for kind in CONTENT:
            folder = Path(self.root) / kind
            if folder.is_dir():
                build_data["force_include"][str(folder)] = f"sign_etl/_content/{kind}"
