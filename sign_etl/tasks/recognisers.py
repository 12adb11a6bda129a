"""Recognisers of pictures: a run of ours, an exported file of ours, a published ONNX file.

A published file says its input's name, shape and frame count itself. Three shapes are known:

| shape | who |
|---|---|
| (B, V, 3, T, H, W) | Slovo and SignFlow: letterbox over grey 114, ImageNet's mean and deviation |
| (B, 3, T, H, W) | easy_sign: stretched, divided by 255 |
| (B, T, 3, H, W) | sign-etl's `clip` |

Their defaults can be overruled, since nothing in such a file tells its preprocessing; files of
sign-etl tell it, and it is taken.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, MissingExtraError, UsageError
from sign_etl.schema.exported import PREFIX, from_metadata
from sign_etl.stream.pictures import NORMS, Frame, Resize, Triple, named
from sign_etl.tasks.sliding import Picture, Recogniser, probabilities


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about a model.

    Attributes:
        labels: file of class names, for files that do not tell them.
        every: one of so many frames; 0 for what the model says, else 2.
        frames: T, where the file leaves it free.
        resize: policy, see `sign_etl.stream.pictures`; None for what the model says.
        normalise: one of `NORMS`; None for what the model says.
        fps: frame rate of the videos that it has learned from; 0 for what the model says.
    """

    labels: Path | None = None
    every: int = 0
    frames: int = 0
    resize: Resize | None = None
    normalise: str | None = None
    fps: float = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    """How a frame becomes a picture, and pictures numbers."""

    frame: Frame
    mean: Triple
    std: Triple

    def prepare(self, source: Picture) -> Picture:
        height, width = source.shape[:2]
        return self.frame.picture(source, self.frame.boxes(width, height)[0])

    def numbers(self, pictures: Picture) -> NDArray[np.float32]:
        """(T, 3, H, W) of (T, H, W, 3)."""
        away, by = (np.asarray(three, np.float32) for three in (self.mean, self.std))
        scaled = (pictures.astype(np.float32) / 255 - away) / by
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def open_recogniser(what: Path, choices: Choices) -> Recogniser:
    """A run folder, a checkpoint in it, or an ONNX file.

    Raises:
        UsageError: there is none.
        ConfigError: it does not name signs from pictures.
        MissingExtraError: onnxruntime is not installed.
    """
    return _of_file(what, choices) if what.suffix == ".onnx" else _of_run(what, choices)


def _of_run(what: Path, choices: Choices) -> Recogniser:
    import torch

    from sign_etl.models.base import Frames
    from sign_etl.tasks.seen import policy_of
    from sign_etl.tasks.trained import open_run

    trained = open_run(what)
    given = trained.inputs
    if not isinstance(given, Frames) or trained.config.task.name != "islr" or not given.frames:
        raise ConfigError(
            f"the run `{trained.config.name}` does not name signs from pictures",
            hint="take one of the recipes with the view `clip` and the task `islr`",
        )
    policy = policy_of(trained.view)
    look = _look_of(policy, choices)

    @torch.no_grad()
    def ask(pictures: Picture) -> NDArray[Any]:
        clip = torch.from_numpy(look.numbers(pictures))[None]
        mask = torch.ones(1, clip.shape[1], dtype=torch.bool)
        return probabilities(trained.model(clip, mask).float()[0].numpy())

    return Recogniser(
        labels=trained.labels,
        frames=given.frames,
        every=choices.every or int(policy["sampler"].get("stride", 1)),
        prepare=look.prepare,
        ask=ask,
        name=trained.config.name,
        fps=choices.fps or float(trained.facts.get("fps", 0)),
    )


def _of_file(what: Path, choices: Choices) -> Recogniser:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("running ONNX files", "export") from None
    if not what.is_file():
        raise UsageError(
            f"{what}: no such file", hint="name a run folder, or what `sign-etl export-model` wrote"
        )
    try:
        session = onnxruntime.InferenceSession(str(what), providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ConfigError(
            f"{what.name}: no model that ONNX Runtime can open ({type(error).__name__})",
            hint="write it anew with `sign-etl export-model`, or pip install --upgrade onnxruntime",
        ) from error
    entry, out = session.get_inputs()[0], session.get_outputs()[0]
    arrange, frames, size, policy = _shape(list(entry.shape), choices, what.name)
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    labels: tuple[str, ...] = ()
    if any(name.startswith(PREFIX) for name in metadata):
        record = from_metadata(metadata)
        policy, labels = record.preprocessing, record.labels
    look = _look_of({**policy, "size": size}, choices)
    if choices.labels is not None:
        labels = read_labels(choices.labels)

    def ask(pictures: Picture) -> NDArray[Any]:
        given = {entry.name: arrange(look.numbers(pictures))}
        return probabilities(np.asarray(session.run([out.name], given)[0]).reshape(-1))

    count = len(ask(np.zeros((frames, *size, 3), np.uint8)))
    if labels and len(labels) != count:
        raise ConfigError(
            f"{what.name} has {count} classes, there are {len(labels)} labels",
            hint="give the list that belongs to it with --labels",
        )
    return Recogniser(
        labels=labels or tuple(f"class {number}" for number in range(count)),
        frames=frames,
        every=choices.every or int(policy.get("sampler", {}).get("stride", 2)),
        prepare=look.prepare,
        ask=ask,
        name=what.stem,
        fps=choices.fps or float(policy.get("fps", 0)),
    )


Arrange = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _shape(
    shape: Sequence[Any], choices: Choices, file: str
) -> tuple[Arrange, int, tuple[int, int], Mapping[str, Any]]:
    """How (T, 3, H, W) goes in, T, (H, W), and the preprocessing that is usual for such files."""
    slovo = {"resize": "letterbox", **_norm("imagenet")}
    easy = {"resize": "stretch", **_norm("none")}
    if len(shape) == 6 and shape[2] == 3:
        arrange: Arrange = lambda x: x.transpose(1, 0, 2, 3)[None, None]  # noqa: E731
        place, usual = 3, slovo
    elif len(shape) == 5 and shape[1] == 3:
        arrange = lambda x: x.transpose(1, 0, 2, 3)[None]  # noqa: E731
        place, usual = 2, easy
    elif len(shape) == 5 and shape[2] == 3:
        arrange = lambda x: x[None]  # noqa: E731
        place, usual = 1, slovo
    else:
        raise ConfigError(
            f"{file} takes {shape}, which is no clip",
            hint="it is (B, V, 3, T, H, W), (B, 3, T, H, W) or (B, T, 3, H, W)",
        )
    frames = shape[place] if isinstance(shape[place], int) else choices.frames
    if not frames:
        raise UsageError(f"{file} leaves the number of frames free", hint="tell it with --frames")
    height, width = (side if isinstance(side, int) else 224 for side in shape[-2:])
    return arrange, int(frames), (height, width), usual


def _norm(name: str) -> dict[str, Triple]:
    mean, std = NORMS[named("normalisation", name, tuple(NORMS))]
    return {"mean": mean, "std": std}


def _look_of(policy: Mapping[str, Any], choices: Choices) -> _Look:
    if policy.get("signer"):
        raise ConfigError(
            "the model looks at pictures of which the signer is cut out by keypoints",
            hint="`live` has no keypoints; take a run without `signer` in its view",
        )
    told = {**policy, **({} if choices.normalise is None else _norm(choices.normalise))}
    size = (int(told["size"][0]), int(told["size"][1]))
    resize: Resize = choices.resize or told["resize"]
    scaler = told.get("scaler", "pillow")
    frame = Frame(size, resize, max(int(told.get("short") or 0), *size), scaler)
    mean, std = ((float(x[0]), float(x[1]), float(x[2])) for x in (told["mean"], told["std"]))
    return _Look(frame, mean, std)


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names of a published model: `id TAB label` lines, one label a line, or JSON.

    Raises:
        UsageError: no such file.
        ConfigError: ids are no numbers from 0 on.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file", hint="--labels names a list of class names")
    text = path.read_text("utf-8-sig")
    wrong = ConfigError(
        f"{path.name}: no list of class names, or ids have gaps",
        hint="write one name a line, or `ID TAB NAME` with ids from 0 on",
    )
    if path.suffix == ".json":
        try:
            loaded = json.loads(text)
        except ValueError:
            raise wrong from None
        pairs = list(loaded.items()) if isinstance(loaded, dict) else list(enumerate(loaded))
    else:
        rows = [row for row in csv.reader(text.splitlines(), delimiter="\t") if row]
        pairs = [(row[0], row[1]) for row in rows if len(row) > 1] or list(
            enumerate(row[0] for row in rows)
        )
        if pairs and not str(pairs[0][0]).strip().isdigit():
            pairs = pairs[1:]  # names of the columns
    try:
        found = {int(number): str(label).strip() for number, label in pairs}
    except (TypeError, ValueError):
        raise wrong from None
    if not found or sorted(found) != list(range(len(found))):
        raise wrong
    return tuple(found[number] for number in range(len(found)))
