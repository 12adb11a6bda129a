"""Builds in other people's hands: webdataset and pandas."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sign_etl.core.errors import MissingExtraError


def open_webdataset(shards: Sequence[Path], options: Mapping[str, Any]) -> Any:
    """See `Build.webdataset`."""
    try:
        import webdataset
    except ImportError:
        raise MissingExtraError("`webdataset()`", "export") from None
    urls = [str(path) for path in shards]
    dataset = webdataset.WebDataset(urls, **{"shardshuffle": False, **options})
    return dataset.decode(_decode_member, pre=[], post=[])


def to_frame(index: Any) -> Any:
    """See `Build.to_pandas`."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise MissingExtraError("`to_pandas()`", "export") from None
    return index.to_pandas(maps_as_pydicts="strict")


def _decode_member(name: str, data: bytes) -> Any:
    # Only what a build holds; webdataset's own list would also unpickle.
    if name.endswith(".json"):
        return json.loads(data)
    if name.endswith(".npy"):
        return np.load(io.BytesIO(data), allow_pickle=False)
    return data
