"""torchvision beside a torch that was built for CPUs alone.

There may be no torchvision for such a torch. Another one imports, transformers and timm with it,
once the two operators that it decorates at import are declared; its Python part runs then. They are
never called here. Nothing is done where torchvision's own binary part fits.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from sign_etl.core.errors import MissingExtraError

_NAME = "torchvision"
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[object] = []
"""Keeps the declaration alive: it ends with the object."""


class _Before(importlib.abc.MetaPathFinder):
    """Declares the operators just before torchvision is imported, whoever asks for it."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """None: the module itself is found by others."""
        if fullname == _NAME:
            sys.meta_path.remove(self)
            spec = importlib.machinery.PathFinder.find_spec(_NAME)
            if spec is not None and spec.origin is not None:
                _declare(Path(spec.origin).parent)
        return None


def guard_torchvision() -> None:
    """Make `import torchvision` work from now on; costs nothing until somebody does."""
    known = any(isinstance(finder, _Before) for finder in sys.meta_path)
    if not known and _NAME not in sys.modules and not _declared:
        sys.meta_path.insert(0, _Before())


def video_networks() -> ModuleType:
    """The module `torchvision.models.video`.

    Raises:
        MissingExtraError: torchvision is not installed.
    """
    guard_torchvision()
    try:
        return importlib.import_module("torchvision.models.video")
    except ModuleNotFoundError:
        raise MissingExtraError("torchvision's networks", "train") from None


def _declare(folder: Path) -> None:
    import torch

    if torch.version.cuda is not None or _binary_part_loads(folder):
        return
    make: Any = torch.library.Library
    library = make(_NAME, "FRAGMENT")
    for operator in _OPERATORS:
        library.define(operator)
    _declared.append(library)


def _binary_part_loads(folder: Path) -> bool:
    import torch

    operators: Any = torch.ops
    for file in sorted([*folder.glob("_C.*so"), *folder.glob("_C.pyd")]):
        try:
            operators.load_library(str(file))
        except OSError:
            return False
        return True
    return False
