"""The programs of `training/`, loaded from their files: they are content, not modules."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from sign_etl.core.content import content_dir


def load_program(name: str) -> ModuleType:
    """`training/NAME.py`, ready to call."""
    path = content_dir("training") / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"training_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
