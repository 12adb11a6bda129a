"""A small random mT5 with a tokenizer of its own, in a folder as a hub would hand it out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sign_etl.core.content import load_program


def write_tiny_mt5(folder: Path, sentences: Iterable[str], *, width: int = 64) -> Path:
    """Write tokenizer, configuration and weights; returns the folder."""
    written: Path = load_program("small_mt5").write_small_mt5(
        folder, sentences, width=width, tokens=300
    )
    return written
