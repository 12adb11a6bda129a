"""What fixtures of data sets of sentences hold: small videos and folders of pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.files import write_bytes

SIDE = 160


def write_clip(path: Path, *, seed: int, frames: int = 20, fps: int = 25) -> None:
    """A video of a rendered signer who waves.

    Args:
        path: the file.
        seed: who, and how.
        frames: how many.
        fps: how many of them are a second.
    """
    from sign_etl.recipes.video_file import write_video

    write_video(path, _pictures(seed, frames, SIDE, SIDE), fps=fps)


def write_pictures(
    folder: Path, names: str, *, seed: int, frames: int = 15, width: int = SIDE, height: int = SIDE
) -> None:
    """The same as a folder of pictures.

    Args:
        folder: their folder.
        names: of the files, with a place for the number from 1: `images{:04d}.png`; the extension
            decides the format.
        seed: who, and how.
        frames: how many.
        width: in pixels.
        height: in pixels.
    """
    from PIL import Image

    extension = Path(names).suffix.lower()
    for number, picture in enumerate(_pictures(seed, frames, width, height), start=1):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="PNG" if extension == ".png" else "JPEG")
        write_bytes(folder / names.format(number), file.getvalue())


def _pictures(seed: int, frames: int, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    from sign_etl.recipes.signer import clip_poses, render, signer

    person = signer(seed)
    for pose in clip_poses("wave", frames=frames, seed=seed):
        yield render(person, pose, width=width, height=height)
