"""Data sets as Uni-Sign keeps them: pose pickles, and labels in gzipped pickles or JSON.

    https://github.com/ZechengLi19/Uni-Sign

    DIR/pose_format/[train|dev|test/]NAME.pkl       labels[-2000].{train,dev,test}  (gzip, pickle)
                                                    X_Labels_{train,dev,test}.json, X_Labels.json

The pickles of labels hold `{key: {name, gloss, text, video_path}}`, `gloss` a list or empty; they
are read as data only, nothing in them is run. The JSON files are lists of `{video, pose, text}`.
For WLASL `text` is the word itself: `label: text` makes it the class. The others are sentences.
How2Sign comes without `dev`. For its videos see the recipes of the data sets.
"""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.core.unpickle import load_pickle
from sign_etl.recipes.annotation_files import load_json
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS, KeypointSet

_FORMAT = "unisign"
_PHASES = {"train": "train", "dev": "val", "val": "val", "test": "test"}


class UniSignOptions(RecipeOptions):
    """Options of `unisign`."""

    label: Literal["text", "gloss"] | None = None
    """Which field is the class, for data sets of single words (WLASL: `text`)."""
    fps: float | None = Field(default=None, gt=0, le=1000)
    """Frames per second of the videos that the keypoints come from; the files do not say it."""
    width: int | None = Field(default=None, ge=1)
    """Width of the pictures in pixels, for files whose `w_h` is wrong or missing."""
    height: int | None = Field(default=None, ge=1)
    """Height of the pictures in pixels, likewise."""
    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip of a label file."""

    name: str
    pose: str
    gloss: str | None
    text: str | None


class UniSign(BaseRecipe):
    """The recipe."""

    name = "unisign"
    version = "1"
    takes = UniSignOptions
    card = DatasetCard(
        title="Uni-Sign folders: pose pickles with labels",
        homepage="https://github.com/ZechengLi19/Uni-Sign",
        language="und",
        task="any",
        licence="that of the data set in them",
        access="local",
        citation=(
            "Li, Zhou, Zhao, Wu, Hu, Li: Uni-Sign: Toward Unified Sign Language Understanding at "
            "Scale. ICLR 2025"
        ),
        layout_evidence="docs",
        notes=(
            "--media names the folder that holds `pose_format`, --annotations the label files.",
            "For WLASL say `label: text`: the word is the class.",
        ),
    )

    def keypoints(self, options: RecipeOptions) -> KeypointSet:
        """See `Recipe`."""
        mine = own(options, UniSignOptions)
        layout = str(FORMAT_LAYOUTS[_FORMAT])
        return KeypointSet(layout, fps=mine.fps, width=mine.width, height=mine.height)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            UsageError: there are no label files.
            AnnotationError: a label file holds something else, or a name twice.
        """
        mine = own(options, UniSignOptions)
        seen: dict[str, str] = {}
        for path, split in _label_files(mine):
            for entry in _entries(path):
                if entry.name in seen:
                    raise AnnotationError(
                        f"{path.name}: `{entry.name}` stands in {seen[entry.name]} too",
                        hint="give one label file with --annotations, or remove one of the two",
                    )
                seen[entry.name] = path.name
                word = {"text": entry.text, "gloss": entry.gloss}.get(mine.label or "")
                yield Clip(
                    key=clip_key(
                        dataset,
                        entry.name,
                        entry.pose,
                        slug=f"{word}-{entry.name}" if word else entry.name,
                    ),
                    dataset=dataset,
                    annotation_id=entry.name,
                    source=Source(
                        id=entry.pose,
                        names=_pose_names(entry.pose, split),
                        trimmed=True,
                        keypoints=_FORMAT,
                    ),
                    split=split,
                    label=word,
                    gloss=entry.gloss,
                    text=entry.text,
                    language=mine.language,
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four clips: unit coordinates, pixels, pixels with turned `w_h`, and several persons."""
        labels: dict[str, dict[str, dict[str, Any]]] = {}
        for number, (name, phase, word) in enumerate(_FIXTURE):
            labels.setdefault(phase, {})[name] = {
                "name": name,
                "gloss": "" if number % 2 else [word.upper()],
                "text": word,
                "video_path": f"{name}.mp4",
            }
            data = pickle.dumps(_fixture_pose(number), protocol=4)
            write_bytes(root / "pose_format" / phase / f"{name}.pkl", data)
        for phase, entries in labels.items():
            write_bytes(
                root / f"labels-2000.{phase}", gzip.compress(pickle.dumps(entries), mtime=0)
            )
        write_json(root / "Extra_Labels.json", [])
        return {"media": root, "label": "text", "language": "ase", "fps": 25}


RECIPE: Recipe = UniSign()

_FIXTURE = (
    ("65097", "train", "art"),
    ("07069", "train", "book"),
    ("56839", "dev", "art"),
    ("45959", "test", "book"),
)


def _label_files(options: UniSignOptions) -> list[tuple[Path, str]]:
    """Label files with their splits, in the order train, val, test."""
    place = options.annotations or options.media
    if place is None:
        raise UsageError("`unisign` needs its files", hint="add --media DIR")
    files = [place] if place.is_file() else sorted(path for path in place.glob("*abels*"))
    found = []
    for path in files:
        stem = path.name.removesuffix(".json").replace("_", ".")
        phase = stem.rpartition(".")[2].lower()
        if path.is_file() and (phase in _PHASES or path.suffix == ".json" or place.is_file()):
            found.append((path, _PHASES.get(phase, "")))
    if not found:
        raise UsageError(
            f"no label file in `{place}`: looked for labels.train, labels-2000.dev, X_Labels.json",
            hint="name the folder with the label files with --annotations",
        )
    order = ["train", "val", "test", ""]
    return sorted(found, key=lambda entry: (order.index(entry[1]), entry[0].name))


def _entries(path: Path) -> Iterator[Entry]:
    value = load_json(path) if path.suffix == ".json" else load_pickle(path)
    if isinstance(value, dict):
        value = [{"name": key, **entry} for key, entry in value.items() if isinstance(entry, dict)]
    if not isinstance(value, list):
        raise AnnotationError(
            f"{path.name}: holds neither a mapping nor a list of clips",
            hint="name the label files of Uni-Sign with --annotations, such as labels.train",
        )
    for number, entry in enumerate(value):
        file = _text(entry, "pose") or _text(entry, "video_path") or _text(entry, "video")
        if file is None or file.startswith("/") or ".." in file.split("/"):
            raise AnnotationError(
                f"{path.name}: entry {number} names no file inside of the folder",
                hint="give it a `pose`, `video_path` or `video` that is relative to --media",
            )
        stem = str(PurePosixPath(file).with_suffix(""))
        yield Entry(
            name=_text(entry, "name") or stem,
            pose=f"{stem}.pkl",
            gloss=_joined(entry),
            text=_text(entry, "text"),
        )


def _text(entry: Any, field: str) -> str | None:
    value = entry.get(field) if isinstance(entry, dict) else None
    return value.strip() or None if isinstance(value, str) else None


def _joined(entry: Any) -> str | None:
    gloss = entry.get("gloss") if isinstance(entry, dict) else None
    if isinstance(gloss, list | tuple):
        gloss = " ".join(str(word) for word in gloss)
    return gloss.strip() or None if isinstance(gloss, str) else None


def _pose_names(pose: str, split: str) -> tuple[str, ...]:
    phases = [phase for phase, known in _PHASES.items() if known == split]
    inside = [*(f"{phase}/{pose}" for phase in phases), pose]
    return (*(f"pose_format/{name}" for name in inside), *inside)


def _fixture_pose(number: int) -> dict[str, Any]:
    import numpy as np

    from sign_etl.recipes.fixture_keypoints import waving

    places = waving(8 + number, 133, seed=number)
    scores = np.full(places.shape[:2], 0.9, np.float32)
    scores[:, 3], scores[0, 91:112] = 1.04, 0.0  # as the files in circulation have it
    pose: dict[str, Any] = {}
    if number in (1, 2):
        places = places * np.array([720, 850], np.float32)
        places[:, 17:23, 1] += 200  # feet below the picture
        pose["w_h"] = [720, 850] if number == 1 else [850, 720]
    people = 2 if number == 3 else 1
    pose["keypoints"] = [np.stack([frame] * people) for frame in places]
    pose["scores"] = [np.stack([frame] * people) for frame in scores]
    return pose
