"""Small rendered media for the fixtures of recipes: folders of pictures."""

from __future__ import annotations

from pathlib import Path

SIDE = 160


def draw_frames(
    folder: Path, *, person: int, seed: int, frames: int = 12, name: str = "frame_{:04d}.jpg"
) -> None:
    """Pictures of a rendered signer who waves, numbered from 0.

    Args:
        folder: where they are written.
        person: which signer.
        seed: of the motion.
        frames: how many.
        name: of the files, with a place for the number.
    """
    from PIL import Image

    from sign_etl.recipes.signer import clip_poses, render, signer

    folder.mkdir(parents=True, exist_ok=True)
    poses = clip_poses("wave", frames=frames, seed=seed)
    for number, pose in enumerate(poses):
        picture = render(signer(person), pose, width=SIDE, height=SIDE)
        Image.fromarray(picture).save(folder / name.format(number), quality=90)
