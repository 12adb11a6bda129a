"""Content that is read, published or run as files, never imported: pipelines, schemas, training.

It lies at the top of the checkout and, in an installed wheel, inside the package (`_content`).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Literal, get_args

from sign_etl.core.errors import ConfigError

ContentKind = Literal["pipelines", "schemas", "training"]
CONTENT_KINDS: tuple[ContentKind, ...] = get_args(ContentKind)

_PACKAGE = Path(__file__).resolve().parents[1]


def content_dir(kind: ContentKind) -> Path:
    """The folder with the content of this kind: bundled in the wheel, else in the checkout.

    Raises:
        ConfigError: this installation has neither.
    """
    for folder in (_PACKAGE / "_content" / kind, _PACKAGE.parent / kind):
        # Beside an installed package anything may be called `training`; a checkout has our project.
        ours = folder.parent.name == "_content" or (_PACKAGE.parent / "pyproject.toml").is_file()
        if ours and folder.is_dir():
            return folder
    raise ConfigError(
        f"this installation of sign-etl has no `{kind}` files",
        hint="install it again: pip install --force-reinstall sign-etl",
    )


def load_program(name: str) -> ModuleType:
    """`training/NAME.py`, ready to call: the programs there are no modules that can be imported."""
    path = content_dir("training") / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sign_etl_{name}_program", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
