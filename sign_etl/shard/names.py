"""Where shards lie in a build, and what they are called."""

from __future__ import annotations

import hashlib

from sign_etl.schema.clip import slugify

MAX_FOLDER = 32
"""Characters of a split's folder before its hash: a shard has it twice in its path."""


def split_folder(split: str) -> str:
    """The folder of a split: its name where that is a plain one, else one with a hash.

    So `Train` and `train`, or two names in another script, do not meet.
    """
    if slugify(split) == split and 0 < len(split) <= MAX_FOLDER:
        return split
    readable = slugify(split)[:MAX_FOLDER].strip("-_") or "split"
    return f"{readable}-{hashlib.sha256(split.encode()).hexdigest()[:6]}"


def shard_path(dataset: str, folder: str, number: int) -> str:
    """Path of a shard in its build, such as `train/wlasl-train-000000.tar`."""
    return f"{folder}/{dataset}-{folder}-{number:06d}.tar"
