"""Clips for `pose bench`: the first videos of a folder, normalised as a build would do it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import has_media_extension
from sign_etl.core.guard import Guard
from sign_etl.media import normalise
from sign_etl.media.fetched import inspect_file
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import NormaliseConfig

Tell = Callable[[str], None]
Clip = dict[str, Any]
"""The fields of `PoseInput`, as JSON, and `out`, the file for the keypoints."""


def videos(media: Path, clips: int) -> list[Path]:
    """The first videos of a folder, by name.

    Raises:
        UsageError: there are none.
    """
    if not media.is_dir():
        raise UsageError(f"{media} is no folder", hint="name a folder with videos: --media DIR")
    found = sorted(path for path in media.rglob("*") if has_media_extension(path.name))
    if not found:
        raise UsageError(f"no videos in {media}", hint="name a folder with videos: --media DIR")
    return found[:clips]


def normalised(videos: list[Path], folder: Path, jobs: int, tell: Tell) -> tuple[list[Clip], int]:
    """The clips as the pose stage would get them, and how many files were refused.

    Args:
        videos: foreign files.
        folder: for the clips.
        jobs: how many are made at a time.
        tell: hears what is being done.

    Raises:
        UsageError: all were refused.
    """
    config = NormaliseConfig()
    tell(f"normalising {len(videos)} files")

    def one(number: int, path: Path, guard: Guard) -> Clip | None:
        fetched = inspect_file(path)
        if isinstance(fetched, Reject):
            return None
        out = folder / f"{number}.mp4"
        facts = normalise.normalise(
            guard,
            path,
            fetched.container,
            start_s=0.0,
            end_s=None,
            declared_fps=None,
            bbox=None,
            config=config,
            out=out,
        )
        if isinstance(facts, Reject):
            return None
        video = {name: facts["video"][name] for name in ("frames", "width", "height", "fps")}
        return {"video": str(out), "out": str(folder / f"{number}.npy"), **video}

    with ExitStack() as stack, ThreadPoolExecutor(jobs) as pool:
        guards: queue.SimpleQueue[Guard] = queue.SimpleQueue()
        for _ in range(jobs):
            limits = normalise.limits(config)
            guards.put(stack.enter_context(Guard(normalise.TARGET, limits)))

        def with_guard(number: int) -> Clip | None:
            guard = guards.get()
            try:
                return one(number, videos[number], guard)
            finally:
                guards.put(guard)

        made = list(pool.map(with_guard, range(len(videos))))
    ready = [clip for clip in made if clip is not None]
    if not ready:
        raise UsageError("none of the files can be normalised", hint="name a folder with videos")
    return ready, len(made) - len(ready)
