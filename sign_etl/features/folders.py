"""Model folders in the Hugging Face format: which files count, and what they must be."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AccessError
from sign_etl.pose.base import WeightsFile

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
PARTS: Final = "model.safetensors.index.json"
CARD: Final = "README.md"
CARD_BYTES: Final = 1 << 16
"""So much of it is read: the head stands first."""
HINT: Final = (
    "give the folder of a model with config.json and model.safetensors, as "
    "`hf download NAME --local-dir DIR` makes one (openai/clip-vit-base-patch16, or for timm "
    "timm/resnet50.a1_in1k)"
)


def absolute(folder: str) -> str:
    """A folder's path that means the same in every process of this machine."""
    return str(Path(folder).expanduser().absolute())


def model_files(folder: str) -> tuple[WeightsFile, ...]:
    """The files of a model folder that decide about its numbers, with their digests.

    Weights come as safetensors: a pickle is never read.

    Raises:
        AccessError: it is no such folder.
    """
    root = Path(folder)
    names = [CONFIG, WEIGHTS]
    if not (root / WEIGHTS).is_file() and (root / PARTS).is_file():
        parts = _json(root, PARTS).get("weight_map")
        found = set(parts.values()) if isinstance(parts, dict) else set()
        if not found or any(Path(str(part)).name != part for part in found):
            raise AccessError(f"{PARTS} of the model `{root.name}` names no parts", hint=HINT)
        names = [CONFIG, PARTS, *sorted(map(str, found))]
    licence = told_licence(root)
    return tuple(_file(root, name, licence) for name in names)


def configuration(folder: str) -> dict[str, Any]:
    """`config.json` of a model folder.

    Raises:
        AccessError: it cannot be read.
    """
    return _json(Path(folder), CONFIG)


def told_licence(root: Path) -> str:
    """What the head of a model's card says, as hubs write it; `unknown` where it says nothing."""
    try:
        with (root / CARD).open("rb") as file:
            before, head, *_ = file.read(CARD_BYTES).decode("utf-8", "replace").split("---\n", 2)
        told = yaml.safe_load(head)
    except (OSError, ValueError, yaml.YAMLError):
        return "unknown"
    if before.strip() or not isinstance(told, dict):
        return "unknown"
    licence = told.get("license")
    if licence == "other":
        licence = told.get("license_name", licence)
    return licence if isinstance(licence, str) else "unknown"


def _file(root: Path, name: str, licence: str) -> WeightsFile:
    path = root / name
    try:
        state = path.stat()
        sha256 = _digest(path, state.st_size, state.st_mtime_ns)
    except OSError:
        raise AccessError(f"the model `{root.name}` has no {name}", hint=HINT) from None
    return WeightsFile(name, sha256, state.st_size, licence, "a local folder", path=path)


def _json(root: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads((root / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise AccessError(f"{name} of the model `{root.name}` cannot be read", hint=HINT)
    return value


@lru_cache(maxsize=64)
def _digest(path: Path, size_bytes: int, mtime_ns: int) -> str:
    return sha256_file(path)
