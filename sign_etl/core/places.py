"""Where sign-etl keeps things outside of builds: caches that may be deleted at any time."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """The user's cache folder for sign-etl; `SIGN_ETL_CACHE` overrides it."""
    chosen = os.environ.get("SIGN_ETL_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_path("sign-etl"))


def default_store() -> Path:
    """The store that is used where none is named."""
    return cache_folder() / "store"


def weights_folder() -> Path:
    """Where model files are; `SIGN_ETL_WEIGHTS` overrides it."""
    chosen = os.environ.get("SIGN_ETL_WEIGHTS")
    return Path(chosen) if chosen else cache_folder() / "weights"
