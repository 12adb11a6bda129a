"""The demo: rendered signers in invented motions, drawn on this machine, with known joints.

No real sign language is imitated (ISO 639-3 `zxx`, no linguistic content), nobody was filmed, and
nothing is downloaded. Two clips are broken on purpose, to show how rejects look: one file ends in
the middle, the other is a web page that calls itself .mp4.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions, own
from sign_etl.schema.clip import Clip, Source, clip_key

VERSION = "1"
"""Of the pictures: another one renders anew."""
FPS = 25
SIDE = 384
"""Width and height in pixels."""
Motion = Literal["circle", "wave", "zigzag", "rise", "swing", "pulse"]
MOTIONS: tuple[Motion, ...] = get_args(Motion)
SIGNER_SPLITS = ("train", "train", "val", "test")
"""By signer: whole signers are held out, as in a real data set."""

_FRAMES = (40, 44, 48, 42, 50, 46)
_WEB_PAGE = (
    b"<!DOCTYPE html><html><head><title>404</title></head><body>No such clip</body></html>\n"
)


class DemoOptions(RecipeOptions):
    """Options of `demo`."""

    motions: tuple[Motion, ...] = Field(default=MOTIONS, min_length=1)
    """Which motions: the class names."""
    signers: int = Field(default=4, ge=1, le=4)
    """How many signers; each performs every motion once."""
    broken: bool = True
    """Add the two broken clips."""


class TruthRequest(Protocol):
    """What `true_keypoints` must know of a normalised clip, see `sign_etl.pose.base.PoseInput`."""

    @property
    def annotation_id(self) -> str:
        """Id of the clip in the demo."""

    @property
    def frames(self) -> int:
        """Number of frames T."""

    @property
    def fps(self) -> float:
        """Frames per second."""


@dataclass(frozen=True, slots=True)
class Take:
    """One clip: who does what, and what became of the file."""

    motion: Motion
    signer: int
    fate: Literal["good", "truncated", "page"] = "good"

    @property
    def id(self) -> str:
        """The clip's annotation id, and the stem of its file."""
        end = "" if self.fate == "good" else f"-{self.fate}"
        return f"{self.motion}-signer{self.signer}{end}"

    @property
    def frames(self) -> int:
        """Frames drawn, 40 to 50."""
        return _FRAMES[(MOTIONS.index(self.motion) + self.signer) % len(_FRAMES)]

    @property
    def seed(self) -> int:
        """Tempo, size and place of the motion: another one for each clip."""
        return 10 * self.signer + MOTIONS.index(self.motion)


class Demo(BaseRecipe):
    """The recipe."""

    name = "demo"
    version = VERSION
    takes = DemoOptions
    card = DatasetCard(
        title="Rendered signers in invented motions",
        homepage="",
        language="zxx",
        task="none",
        licence="CC0-1.0",
        access="none",
        citation="The sign-etl authors: sign-etl",
        clips=26,
        signers=4,
        download_bytes=0,
        layout_evidence="file",
        notes=(
            "Drawn on this machine; the motions belong to no sign language.",
            "The true joints are known (pose backend `truth`).",
            "Two clips are broken on purpose.",
        ),
    )

    def media(self, root: Path, options: RecipeOptions) -> Path | None:
        """The folder with the rendered files."""
        return options.media or root / "media"

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Render what is missing; the index comes last and says that all is there."""
        mine = own(options, DemoOptions)
        takes = planned(mine)
        index = root / "index.json"
        known = _known_digests(index)
        missing = [take for take in takes if not _complete(root, take, known)]
        if missing:
            _render_all(root, missing)
        entries = [_entry(root, take) for take in takes]
        if missing or list(known) != [entry["file"] for entry in entries]:
            write_json(index, {"schema": "sign-etl/demo/1", "version": VERSION, "clips": entries})

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        path = root / "index.json"
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))["clips"]
        except (OSError, ValueError, KeyError) as error:
            raise AnnotationError(
                f"{path.name}: the demo's index is missing or broken",
                hint="remove its folder; the demo draws everything anew",
            ) from error
        for entry in entries:
            yield Clip(
                key=clip_key(dataset, entry["id"], entry["file"], 0.0, entry["end_s"]),
                dataset=dataset,
                annotation_id=entry["id"],
                source=Source(id=entry["file"], names=(entry["file"],)),
                split=entry["split"],
                label=entry["label"],
                language="zxx",
                signer=entry["signer"],
                end_s=entry["end_s"],
                declared_fps=float(FPS),
            )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The motions."""
        return list(own(options, DemoOptions).motions)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """One signer in two motions, and the broken clips; nothing is written before the index."""
        return {"motions": ["circle", "wave"], "signers": 1}


RECIPE: Recipe = Demo()


def planned(options: DemoOptions) -> list[Take]:
    """All clips of the demo, the broken ones last."""
    takes = [
        Take(motion, signer) for motion in options.motions for signer in range(options.signers)
    ]
    if options.broken:
        takes += [Take(options.motions[0], 0, "truncated"), Take(options.motions[-1], 0, "page")]
    return takes


def true_keypoints(clip: TruthRequest) -> NDArray[np.float32]:
    """The joints that the renderer drew, in the layout holistic-75.

    Args:
        clip: a normalised clip of the demo.

    Returns:
        (T, 75, 4) float32: x/W, y/H, 0 (no depth is drawn), score 1; NaN with score 0 for joints
        that the renderer does not draw (knees, feet).

    Raises:
        ValueError: the demo has no such clip.
    """
    from sign_etl.recipes.signer import clip_poses, joints, signer

    take = {take.id: take for take in planned(DemoOptions())}.get(clip.annotation_id)
    if take is None:
        raise ValueError(f"the demo has no clip `{clip.annotation_id}`")
    poses = clip_poses(take.motion, frames=take.frames, seed=take.seed)
    person = signer(take.signer)
    drawn = np.stack([joints(person, pose, width=SIDE, height=SIDE) for pose in poses])
    # Another frame rate shows the drawn frame that is nearest in time.
    shown = np.floor(np.arange(clip.frames) * FPS / clip.fps + 0.5).astype(np.intp)
    unit = drawn[np.minimum(shown, len(poses) - 1)] / SIDE
    estimated = np.isfinite(unit).all(axis=-1)
    keypoints = np.full((clip.frames, unit.shape[1], 4), np.nan, np.float32)
    keypoints[..., :2] = unit
    keypoints[..., 2] = np.where(estimated, 0.0, np.nan)
    keypoints[~estimated, :2] = np.nan
    keypoints[..., 3] = estimated
    return keypoints


def render_take(path: Path, take: Take) -> None:
    """Draw one clip into `path`; runs in a worker process."""
    from sign_etl.recipes.signer import clip_poses, render, signer
    from sign_etl.recipes.video_file import write_video

    if take.fate == "page":
        write_bytes(path, _WEB_PAGE)
        return
    person = signer(take.signer)
    poses = clip_poses(take.motion, frames=take.frames, seed=take.seed)
    pictures = (render(person, pose, width=SIDE, height=SIDE) for pose in poses)
    write_video(path, pictures, fps=FPS)
    if take.fate == "truncated":
        whole = path.read_bytes()
        write_bytes(path, whole[: len(whole) * 6 // 10])


def _file(take: Take) -> str:
    return f"{take.id}.mp4"


def _render_all(root: Path, takes: list[Take]) -> None:
    paths = [root / "media" / _file(take) for take in takes]
    workers = min(len(takes) // 4, os.cpu_count() or 1, 8)
    if workers < 2:
        for path, take in zip(paths, takes, strict=True):
            render_take(path, take)
        return
    # Spawned, not forked: the caller may have threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(render_take, paths, takes):
            pass


def _known_digests(index: Path) -> dict[str, str]:
    """sha256 by file name of an index of this version; empty if there is none."""
    try:
        read = json.loads(index.read_text(encoding="utf-8"))
        if read["version"] != VERSION:
            return {}
        return {entry["file"]: entry["sha256"] for entry in read["clips"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _complete(root: Path, take: Take, known: Mapping[str, str]) -> bool:
    path = root / "media" / _file(take)
    return path.is_file() and known.get(_file(take)) == sha256_file(path)


def _entry(root: Path, take: Take) -> dict[str, Any]:
    return {
        "id": take.id,
        "file": _file(take),
        "sha256": sha256_file(root / "media" / _file(take)),
        "label": take.motion,
        "signer": f"signer{take.signer}",
        "split": SIGNER_SPLITS[take.signer],
        "frames": take.frames,
        # A stated end shows that the truncated file lacks a part of its clip.
        "end_s": take.frames / FPS if take.fate == "truncated" else None,
    }
