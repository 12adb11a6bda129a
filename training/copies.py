"""Writes augmented copies of the clips of a build: keypoints, small videos, and their tables.

    python copies.py --data BUILD --out copies [--split train] [--copies 5]
    sign-etl ingest keypoints --media copies --annotations copies/keypoints.csv
        --set dataset.format=npz --set dataset.layout=holistic-75
        --set dataset.width=852 --set dataset.height=480
    sign-etl ingest folder --media copies --annotations copies/films.csv --set pose={}

Whoever cannot tell a new copy of a clip that was learned need not be asked about another view.
Each copy is turned, shifted, zoomed and paced otherwise, the same for all frames, drawn by clip and
number of the copy; keypoints tremble, pictures are lit otherwise. Copy N is in the split `copy-N`.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sign_etl.cli.output import Output
from sign_etl.core.errors import SignEtlError, UsageError
from sign_etl.core.files import atomic_open, write_bytes
from sign_etl.reader import Build, Sample, open_build
from sign_etl.recipes.video_file import write_video
from sign_etl.schema.layouts import layout
from sign_etl.stream.base import SampleRng
from sign_etl.stream.transforms_time import at_times

COPIES = 5
FPS = 12
"""Frames per second of the copies: half of what cameras give is enough to tell signs apart."""
HEIGHT = 120
"""Of the videos, in pixels."""
TREMOR = 0.002
"""Standard deviation of the noise on keypoints, in heights of the picture."""


class Change(NamedTuple):
    """What is done to all frames of a clip.

    Attributes:
        turn_deg: the picture about its middle, clockwise as one sees it.
        zoom: above 1 the signer is larger.
        shift: (x, y) in half sides of the picture.
        contrast: factor about the middle grey.
        brightness: added, 1 being white.
        speed: above 1 the copy is shorter.
    """

    turn_deg: float
    zoom: float
    shift: tuple[float, float]
    contrast: float
    brightness: float
    speed: float

    def matrix(self, aspect: float) -> NDArray[np.float64]:
        """(2, 2): from the middle of the picture, in half sides of one with this W / H."""
        cos, sin = np.cos(np.radians(self.turn_deg)), np.sin(np.radians(self.turn_deg))
        return np.array([[cos, -sin / aspect], [sin * aspect, cos]]) * self.zoom


def drawn(name: str, copy: int) -> Change:
    """The change of one copy; the same on every machine."""
    rng = SampleRng(0, copy, name, "copy")()
    low = np.array([-6, 0.9, -0.08, -0.08, 0.8, -0.1, 0.8])
    high = np.array([6, 1.1, 0.08, 0.08, 1.25, 0.1, 1.25])
    turn, zoom, right, down, contrast, brightness, speed = rng.uniform(low, high).tolist()
    return Change(turn, zoom, (right, down), contrast, brightness, speed)


def times(frames: int, fps: float, change: Change) -> NDArray[np.float64]:
    """(T',) which places of a clip its copy shows, in frames."""
    return np.arange(0.0, frames - 0.5, fps / FPS * change.speed)


def moved(keypoints: NDArray[np.float32], change: Change, aspect: float) -> NDArray[np.float32]:
    """Keypoints (..., C) in shares of the picture, score last, as the copy's camera sees them."""
    made = keypoints.copy()
    places = 2 * keypoints[..., :2] - 1
    made[..., :2] = (places @ change.matrix(aspect).T + change.shift + 1) / 2
    made[..., 2:-1] *= change.zoom  # depth has the scale of x
    return made


def changed(picture: NDArray[np.uint8], change: Change) -> NDArray[np.uint8]:
    """(HEIGHT, W', 3) of the picture (H, W, 3) as the copy's camera sees it; edges are repeated."""
    aspect = picture.shape[1] / picture.shape[0]
    pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    small = torch.nn.functional.interpolate(
        pixels, (HEIGHT, round(HEIGHT * aspect / 2) * 2), mode="area"
    )
    back = np.linalg.inv(change.matrix(aspect))
    # From places in the result to places in the source, both from -1 to 1.
    wanted = np.column_stack([back, -back @ change.shift])
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(wanted).float()[None], list(small.shape), align_corners=False
    )
    seen = torch.nn.functional.grid_sample(small, grid, padding_mode="border", align_corners=False)
    lit = (seen[0] - 0.5) * change.contrast + 0.5 + change.brightness
    made: NDArray[np.uint8] = (lit.permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()
    return made


def keypoints_of(build: Build, sample: Sample, copy: int) -> NDArray[np.float32]:
    """(T', K, C) of one copy."""
    name = build.require_backend()
    given, change = build.keypoints(sample, name).astype(np.float32), drawn(sample.key, copy)
    aspect = sample.width / sample.height
    made = moved(at_times(given, times(len(given), sample.fps, change)), change, aspect)
    rng = SampleRng(0, copy, sample.key, "tremor")()
    made[..., :2] += TREMOR * rng.standard_normal(made[..., :2].shape) / (aspect, 1.0)
    return made


def film_of(build: Build, sample: Sample, copy: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures (HEIGHT, W', 3) of one copy."""
    change = drawn(sample.key, copy)
    wanted = np.rint(times(sample.frames, sample.fps, change)).astype(int)
    chosen = np.minimum(wanted, sample.frames - 1)
    for picture in build.frames(sample, numbers=chosen.tolist()):
        yield changed(picture, change)


def write_copies(
    data: Path, out: Path, *, split: str = "train", copies: int = COPIES, films: bool = True
) -> int:
    """Write all copies and both tables.

    Args:
        data: a build with keypoints and videos.
        out: folder for `keypoints.npz`, the videos, `keypoints.csv` and `films.csv`.
        split: whose clips are copied.
        copies: of each clip.
        films: the videos too; those that are there already stay.

    Returns:
        The number of copies.

    Raises:
        UsageError: the split has no labelled clip.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    rows = []
    with open_build(data) as build:
        kind = layout(build.manifest.poses[build.require_backend()].layout)
        for sample in build:
            if sample.split != split or sample.label is None:
                continue
            for copy in range(copies):
                part = f"{sample.key}-{copy}"
                film = out / f"{part}.mp4"
                arrays[part] = keypoints_of(build, sample, copy).reshape(
                    -1, kind.size, kind.channels
                )
                if films and not film.exists():
                    write_video(film, film_of(build, sample, copy), fps=FPS)
                rows.append({"id": part, "label": sample.label, "split": f"copy-{copy}"})
    if not rows:
        raise UsageError(
            f"{data} has no labelled clip in the split {split}",
            hint=f"`sign-etl report {data}` tells its splits; name one with --split",
        )
    with atomic_open(out / "keypoints.npz") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    of_keypoints = [
        {"file": "keypoints.npz", "part": row["id"], "fps": str(FPS), **row} for row in rows
    ]
    write_table(out / "keypoints.csv", of_keypoints)
    write_table(out / "films.csv", [{"file": f"{row['id']}.mp4", **row} for row in rows])
    return len(rows)


def write_table(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Write a table of annotations."""
    table = io.StringIO()
    writer = csv.DictWriter(table, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, table.getvalue().encode("utf-8"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="copies.py", description="Augmented copies of clips.")
    parser.add_argument("--data", type=Path, required=True, help="a build")
    parser.add_argument("--out", type=Path, required=True, help="folder for the copies")
    parser.add_argument("--split", default="train", help="whose clips are copied")
    parser.add_argument("--copies", type=int, default=COPIES, help="of each clip")
    parser.add_argument("--no-films", action="store_true", help="keypoints alone")
    options = parser.parse_args(arguments)
    out, films = Output(), not options.no_films
    try:
        count = write_copies(
            options.data, options.out, split=options.split, copies=options.copies, films=films
        )
    except SignEtlError as error:
        out.error(error.message, error.hint)
        return error.exit_code
    out.note(f"{count} copies in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
