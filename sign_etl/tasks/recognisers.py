"""Recognisers of pictures: a run of ours, an exported file of ours, a published ONNX file.

A published file says its input's name, shape and frame count itself. Three shapes are known:

| shape | who |
|---|---|
| (B, V, 3, T, H, W) | Slovo and SignFlow: letterbox over grey 114, ImageNet's mean and deviation, \
class 1000 of 1,001 is no sign |
| (B, 3, T, H, W) | easy_sign: stretched, divided by 255, every frame, the class `no` is no sign |
| (B, T, 3, H, W) | sign-etl's `clip` |

Their defaults can be overruled, since nothing in such a file tells its preprocessing; files of
sign-etl tell it, and it is taken. Both programs resize with OpenCV, bilinear and without a filter
against aliasing; so it is done here for files that tell nothing. How many frames apart the
pictures are stands in the names of Slovo's files: `mvit32-2.onnx`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, MissingExtraError, UsageError
from sign_etl.schema.exported import PREFIX, from_metadata
from sign_etl.stream.pictures import NORMS, Frame, Resize, Triple, named
from sign_etl.tasks.class_names import read_labels
from sign_etl.tasks.sliding import NO_EVENT, Picture, Recogniser, probabilities

EASY_NO_EVENT = "no"
"""Class 14 of easy_sign's list. Elsewhere it is a word, and in data sets of ASL a sign."""
SLOVO_CLASSES, SLOVO_NO_EVENT = 1001, "---"
"""Of Slovo's files; the last class is no sign."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says about a model.

    Attributes:
        labels: file of class names, for files that do not tell them, or instead of theirs.
        every: one of so many frames; 0 for what the model says.
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
    as_opencv: bool = False

    def prepare(self, source: Picture) -> Picture:
        if self.as_opencv:
            source = _as_opencv(source, self.frame)
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
    if what.suffix in (".pt", ".pth", ".ts", ".torchscript"):
        raise UsageError(
            f"{what}: `live` runs a folder of a run or an ONNX file",
            hint="write one with `sign-etl export-model RUN --format onnx`, or take the ONNX file "
            "that is published beside it",
        )
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
    labels = _labels(trained.labels, choices, len(trained.labels), trained.config.name)

    @torch.no_grad()
    def ask(pictures: Picture) -> NDArray[Any]:
        clip = torch.from_numpy(look.numbers(pictures))[None]
        mask = torch.ones(1, clip.shape[1], dtype=torch.bool)
        return probabilities(trained.model(clip, mask).float()[0].numpy())

    return Recogniser(
        labels=labels,
        frames=given.frames,
        every=choices.every or _stride(policy, trained.config.name),
        prepare=look.prepare,
        ask=ask,
        name=trained.config.name,
        fps=choices.fps or float(trained.facts.get("fps", 0)),
    )


def _stride(policy: Mapping[str, Any], model: str) -> int:
    rule = policy["sampler"]
    if "stride" not in rule:
        raise UsageError(
            f"`{model}` has learned from whole clips (sampler {rule['name']}), which a stream does "
            "not have",
            hint="tell with --every how many frames of a clip lay between two pictures",
        )
    return int(rule["stride"])


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
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    ours = any(name.startswith(PREFIX) for name in metadata)
    told = choices if ours else _told(what.stem, list(entry.shape), choices)
    arrange, frames, size, policy = _shape(list(entry.shape), told, what.name)
    labels: tuple[str, ...] = ()
    if ours:
        record = from_metadata(metadata)
        if record.gives not in ("scores", "probabilities"):
            raise ConfigError(
                f"{what.name} does not name signs: it gives {record.gives}",
                hint="take a model of the task `islr`",
            )
        policy, labels = record.preprocessing, record.labels
    look = _look_of({**policy, "size": size}, choices, as_opencv=not ours)
    kind = _NUMBERS.get(entry.type, np.float32)

    def ask(pictures: Picture) -> NDArray[Any]:
        given = {entry.name: arrange(look.numbers(pictures)).astype(kind, copy=False)}
        return probabilities(np.asarray(session.run([out.name], given)[0]).reshape(-1))

    try:
        count = len(ask(np.zeros((frames, *size, 3), np.uint8)))
    except Exception as error:  # ONNX Runtime has a class of its own for each kind of trouble
        raise ConfigError(
            f"{what.name} does not run on one clip of {frames} frames of "
            f"{size[1]} x {size[0]} ({type(error).__name__})",
            hint=f"its input is {entry.type} of shape {entry.shape}; tell its length with --frames",
        ) from error
    easy = policy is _EASY
    every = told.every or (_stride(policy, what.name) if ours else 1 if easy else 2)
    if not labels and policy is _SLOVO and count == SLOVO_CLASSES:
        labels = (*_numbered(count - 1), SLOVO_NO_EVENT)
    return Recogniser(
        labels=_labels(labels, choices, count, what.name),
        frames=frames,
        every=every,
        prepare=look.prepare,
        ask=ask,
        name=what.stem,
        fps=choices.fps or float(policy.get("fps", 0)),
        silent=NO_EVENT | {EASY_NO_EVENT} if easy else NO_EVENT,
    )


def _told(stem: str, shape: Sequence[Any], choices: Choices) -> Choices:
    """With what the name of a file of Slovo says, such as `mvit32-2`, where nobody else does."""
    name = re.search(r"(?<!\d)(\d\d?)-(\d)$", stem)
    if name is None or len(shape) != 6:
        return choices
    frames, every = int(name[1]), int(name[2])
    if shape[3] not in (frames, None) and not isinstance(shape[3], str):
        return choices  # numbers that mean something else
    return replace(choices, frames=choices.frames or frames, every=choices.every or every)


def _labels(told: tuple[str, ...], choices: Choices, count: int, model: str) -> tuple[str, ...]:
    labels = told if choices.labels is None else read_labels(choices.labels)
    if labels and len(labels) != count:
        raise ConfigError(
            f"{model} has {count} classes, there are {len(labels)} labels",
            hint="give the list that belongs to it with --labels",
        )
    return labels or _numbered(count)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(count))


_NUMBERS = {"tensor(float16)": np.float16, "tensor(double)": np.float64}
"""What an input wants that is not float32; what is no number at all is refused by the file."""
Arrange = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _shape(
    shape: Sequence[Any], choices: Choices, file: str
) -> tuple[Arrange, int, tuple[int, int], Mapping[str, Any]]:
    """How (T, 3, H, W) goes in, T, (H, W), and the preprocessing that is usual for such files."""
    if len(shape) == 6 and shape[2] == 3:
        arrange: Arrange = lambda x: x.transpose(1, 0, 2, 3)[None, None]  # noqa: E731
        place, usual = 3, _SLOVO
    elif len(shape) == 5 and shape[1] == 3:
        arrange = lambda x: x.transpose(1, 0, 2, 3)[None]  # noqa: E731
        place, usual = 2, _EASY
    elif len(shape) == 5 and shape[2] == 3:
        arrange = lambda x: x[None]  # noqa: E731
        place, usual = 1, _OURS
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


_SLOVO: Mapping[str, Any] = {"resize": "letterbox", **_norm("imagenet")}
_EASY: Mapping[str, Any] = {"resize": "stretch", **_norm("none")}
_OURS: Mapping[str, Any] = dict(_SLOVO)


def _look_of(policy: Mapping[str, Any], choices: Choices, *, as_opencv: bool = False) -> _Look:
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
    return _Look(frame, mean, std, as_opencv and resize != "short-side")


def _as_opencv(source: Picture, frame: Frame) -> Picture:
    """All of a picture, as large as it will stand in the frame; four neighbours are looked at."""
    import torch

    (tall, wide), (height, width) = source.shape[:2], frame.size
    if frame.resize == "letterbox":
        scale = min(width / wide, height / tall)
        height, width = max(1, round(tall * scale)), max(1, round(wide * scale))
    picture = torch.from_numpy(source).permute(2, 0, 1)[None].float()
    found = torch.nn.functional.interpolate(picture, (height, width), mode="bilinear")
    array: Picture = found[0].permute(1, 2, 0).round().to(torch.uint8).numpy()
    return array
