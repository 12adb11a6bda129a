"""Folders of pictures that show their number, and clips made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from media import VideoSpec, bars, read_numbers
from PIL import Image

from sign_etl.core.guard import Guard
from sign_etl.media import normalise as stage
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import NormaliseConfig

SPEC = VideoSpec()


def picture(number: int, size: tuple[int, int] = (160, 96), mode: str = "RGB") -> Image.Image:
    plane = bars(number, VideoSpec(width=size[0], height=size[1]))
    return Image.fromarray(plane).convert(mode)


def write_frames(
    folder: Path, count: int, name: str = "images{:04}.jpg", first: int = 1, mode: str = "RGB"
) -> Path:
    """A folder whose pictures show their number, counted from 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / name.format(number + first)
        quality = {"quality": 95} if path.suffix.lower() != ".png" else {}
        picture(number, mode=mode).save(path, **quality)
    return folder


class Run:
    """Normalises folders; the numbers that the clip shows."""

    def __init__(self, guard: Guard, out: Path) -> None:
        self.guard, self.out = guard, out

    def __call__(
        self, folder: Path, start_s: float = 0.0, end_s: float | None = None, fps: float = 25,
        declared_fps: float | None = None, bbox: Any = None, **settings: Any,
    ) -> dict[str, Any] | Reject:  # fmt: skip
        return stage.normalise(
            self.guard, folder, "frames", frames_fps=fps, start_s=start_s, end_s=end_s,
            declared_fps=declared_fps, bbox=bbox, config=NormaliseConfig(**settings), out=self.out,
        )  # fmt: skip

    def shown(self, folder: Path, *span: float, **more: Any) -> tuple[dict[str, Any], list[int]]:
        facts = self(folder, *span, **more)
        assert isinstance(facts, dict), facts
        return facts, read_numbers(self.out)
