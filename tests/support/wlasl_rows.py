"""Rows of a WLASL index, and the clips that the recipe makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sign_etl.recipes.wlasl import RECIPE
from sign_etl.schema.clip import Clip

WATCH = "https://www.youtube.com/watch?v=-aBcDeFgH_0"


def row(video_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "bbox": [385, 37, 885, 720],
        "fps": 25,
        "frame_end": -1,
        "frame_start": 1,
        "instance_id": 0,
        "signer_id": 118,
        "source": "aslbrick",
        "split": "train",
        "url": f"http://video.example/{video_id}.mp4",
        "variation_id": 0,
        "video_id": video_id,
    } | changes


def index_of(folder: Path, **glosses: list[Any]) -> Path:
    path = folder / "WLASL_v0.3.json"
    entries = [{"gloss": gloss, "instances": rows} for gloss, rows in glosses.items()]
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def clips_of(path: Path, **options: Any) -> list[Clip]:
    return list(
        RECIPE.clips(path.parent, RECIPE.options({"annotations": path, **options}), "wlasl")
    )


def one(path: Path, **options: Any) -> Clip:
    clips = clips_of(path, **options)
    assert len(clips) == 1
    return clips[0]
