"""What tests of `verify` share: a change to one member, and the only problem that it makes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sign_etl.core.canonical import canonical_json
from sign_etl.core.files import write_json
from sign_etl.shard.verify import VerifyResult

TAR = "train/tiny-train-000000.tar"


def only(result: VerifyResult) -> str:
    assert len(result.problems) == 1, result.problems
    return result.problems[0]


def change_array(change: Callable[[np.ndarray], Any]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        array = np.load(io.BytesIO(data))
        result = change(array)
        buffer = io.BytesIO()
        np.save(buffer, array if result is None else result)
        return buffer.getvalue()

    return changed


def change_json(**values: Any) -> Callable[[bytes], bytes]:
    return lambda data: canonical_json(json.loads(data) | values).encode()


def change_manifest(build: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((build / "manifest.json").read_bytes())
    change(manifest)
    write_json(build / "manifest.json", manifest)
