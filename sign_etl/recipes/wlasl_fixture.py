"""A small fake copy of WLASL as the start kit leaves it after its downloads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_json
from sign_etl.recipes.signer import clip_poses, render, signer
from sign_etl.recipes.video_file import write_video

SIDE = 192

# Gloss, address, first and last frame, split, id, file, frames in the file. Addresses that lead
# nowhere (RFC 2606), but YouTube's and aslpro's in their true form.
_INSTANCES = (
    ("book", "https://video.example/ASL/book.mp4", 1, -1, "train", "69241", "69241", 20),
    ("book", "https://www.youtube.com/watch?v=-aBcDeFgH_0", 26, 45, "val", "07069", None, 60),
    ("thank you", "https://youtu.be/-aBcDeFgH_0", 3, 22, "train", "56839", "-aBcDeFgH_0", 60),
    ("real", "http://www.aslpro.com/main/r/real.swf", 1, -1, "test", "45959", "45959", 20),
)


def write_fixture(root: Path) -> Mapping[str, Any]:
    """Write index and files under `root`; returns the recipe's options that read them."""
    start_kit = root / "start_kit"
    glosses: dict[str, list[dict[str, Any]]] = {}
    for number, instance in enumerate(_INSTANCES):
        gloss, url, frame_start, frame_end, split, video_id, stem, frames = instance
        rows = glosses.setdefault(gloss, [])
        rows.append(
            {
                "bbox": [20, 4, 172, 192],
                "fps": 25,
                "frame_end": frame_end,
                "frame_start": frame_start,
                "instance_id": len(rows),
                "signer_id": number,
                "source": "fixture",
                "split": split,
                "url": url,
                "variation_id": 0,
                "video_id": video_id,
            }
        )
        if stem:
            person = signer(number)
            poses = clip_poses("wave", frames=frames, seed=number)
            pictures = (render(person, pose, width=SIDE, height=SIDE) for pose in poses)
            write_video(start_kit / "raw_videos_mp4" / f"{stem}.mp4", pictures)
    entries = [{"gloss": gloss, "instances": rows} for gloss, rows in glosses.items()]
    write_json(start_kit / "WLASL_v0.3.json", entries)
    return {"annotations": start_kit / "WLASL_v0.3.json", "media": start_kit}
