"""A trained model as a file that runs without sign-etl: ONNX or TorchScript, any number of frames.

What is written has been held against torch on clips of several lengths; a file that differs is not
written.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

import sign_etl
from sign_etl.core.errors import ConfigError, MissingExtraError, VerifyError
from sign_etl.models.base import Frames
from sign_etl.schema.exported import (
    ExportedModel,
    ParityRecord,
    SourceRecord,
    TensorRecord,
    to_metadata,
)
from sign_etl.tasks.base import Exportable
from sign_etl.tasks.outside import Outside, Tensors, output_shapes, parts
from sign_etl.tasks.seen import policy_of
from sign_etl.tasks.trained import Trained

OPSET = 18
"""Has LayerNormalization as one operator; ONNX Runtime runs it since 1.14, on the web too."""
LENGTHS = (1, 2, 7, 33, 100, 250)
"""Frames of the clips on which file and torch are compared."""
MOST_ABS, MOST_RELATIVE = 1e-4, 1e-3
"""A number may differ by the greater one of both."""
Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Runner: TypeAlias = Callable[[Arrays], list[NDArray[Any]]]
Format = Literal["onnx", "torchscript"]
GIVES: dict[str, Literal["embedding", "scores"]] = {"metric": "embedding", "islr": "scores"}


def onnx_file(shown: Outside, trained: Trained) -> tuple[bytes, ExportedModel]:
    """The model as an ONNX file, metadata and all.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        VerifyError: ONNX Runtime says something else than torch.
        ConfigError: the model cannot be said in ONNX.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError:
        raise MissingExtraError("ONNX export", "export") from None
    face = shown.face
    example = _several(face)
    dimensions = {
        word: torch.export.Dim(word, max=shown.longest if word == "frames" else 1024)
        for axes in face.dynamic.values()
        for word in axes.values()
    }
    free = tuple(
        {axis: dimensions[word] for axis, word in face.dynamic.get(name, {}).items()}
        for name in example
    )
    try:
        with _quiet(), _slow_path(), torch.no_grad():
            program = torch.onnx.export(
                face.module,
                tuple(example.values()),
                input_names=list(example),
                output_names=list(face.outputs),
                dynamic_shapes=free,
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError:
        raise ConfigError(
            f"torch cannot express the model `{trained.config.model.name}` in ONNX",
            hint="export it with --format torchscript",
        ) from None
    assert program is not None
    model = program.model_proto
    _forget_places(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    parity = held_against(shown, lambda inputs: session.run(None, dict(inputs)))
    record = described(shown, trained, "onnx", parity)
    del model.metadata_props[:]
    for name, value in to_metadata(record).items():
        model.metadata_props.add(key=name, value=value)
    model.producer_name, model.producer_version = "sign-etl", sign_etl.__version__
    model.doc_string = record.description
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True), record


def torchscript_file(shown: Outside, trained: Trained) -> tuple[bytes, ExportedModel]:
    """The model as a TorchScript file, and what stands beside it.

    Raises:
        VerifyError: the script says something else than the model.
    """
    with _quiet(), _slow_path(), torch.no_grad():
        trace: Any = torch.jit.trace
        example = tuple(_several(shown.face).values())
        traced = trace(shown.face.module, example, check_trace=False)
        script = torch.jit.freeze(traced)

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        with torch.no_grad():
            out = script(*(torch.from_numpy(each) for each in inputs.values()))
        return [each.numpy() for each in parts(out)]

    with _quiet():
        record = described(shown, trained, "torchscript", held_against(shown, run))
        file = io.BytesIO()
        torch.jit.save(script, file)
    return file.getvalue(), record


def held_against(shown: Outside, runner: Runner) -> ParityRecord:
    """Compare an exported file with torch.

    Args:
        shown: the model.
        runner: runs the file.

    Raises:
        VerifyError: some number differs by more than it may.
    """
    usual = tuple(frames for frames in LENGTHS if frames <= shown.longest)
    worst, lengths = 0.0, shown.lengths or usual
    for frames in lengths:
        inputs = shown.example(frames)
        truth = [each.numpy() for each in parts(shown.truth(inputs))]
        outputs = runner({name: each.numpy() for name, each in inputs.items()})
        for found, wanted in zip(outputs, truth, strict=True):
            worst = max(worst, _gap(found, wanted, frames))
    return ParityRecord(frames=tuple(lengths), max_abs=worst)


def _gap(found: NDArray[Any], wanted: NDArray[Any], frames: int) -> float:
    same = found.shape == wanted.shape
    gap = np.abs(found - wanted) if same else np.full(1, np.inf)
    if not same or not bool((gap <= np.maximum(MOST_ABS, MOST_RELATIVE * np.abs(wanted))).all()):
        by = f"{gap.max():.2g}" if same else "their shape"
        raise VerifyError(
            f"the exported model differs from torch by {by} on a clip of {frames} frames",
            hint="nothing was written; please report it with the run's config.yaml",
        )
    return float(gap.max())


def described(
    shown: Outside, trained: Trained, format: Format, parity: ParityRecord
) -> ExportedModel:
    """What the file says about itself."""
    config, kind, facts = trained.config, shown.kind, trained.facts
    raw = shown.input == "keypoints"
    pictures = isinstance(trained.inputs, Frames)
    face = shown.face if pictures else trained.task.export(trained.model)
    # (batch, numbers), or (batch, frames, numbers)
    shapes = output_shapes(face)
    between = shapes[0][1:-1]
    many = pictures or shown.input == "batch"
    lead = ("batch" if many else 1, *("frames" for _ in between))
    return ExportedModel(
        name=config.name,
        description=config.description,
        format=format,
        opset=OPSET if format == "onnx" else None,
        task=config.task.name,
        model=config.model.name,
        gives="probabilities" if shown.input == "views" else GIVES.get(config.task.name, "other"),
        input=shown.input,
        inputs=tuple(_tensor(shown.face, name) for name in shown.face.example),
        outputs=tuple(
            TensorRecord(name=name, type="float32", shape=(*lead, shape[-1]))
            for name, shape in zip(shown.face.outputs, shapes, strict=True)
        ),
        layout=kind.name if kind is not None else "",
        points=kind.points if kind is not None else (),
        channels=("red", "green", "blue") if pictures else _channels(shown, trained, face),
        labels=trained.labels,
        preprocessing={**policy_of(trained.view), "fps": facts.get("fps", 0.0)}
        if pictures
        else config.data.view.model_dump(mode="json"),
        preprocessing_in_graph=raw,
        missing="" if pictures else "NaN, with score 0" if raw else "0 in all channels",
        sources=tuple(
            SourceRecord(**{name: str(each[name]) for name in SourceRecord.model_fields})
            for each in facts["sources"]
        ),
        licences=trained.licences,
        weights=trained.digest,
        checkpoint=trained.checkpoint.name,
        sign_etl=sign_etl.__version__,
        torch=torch.__version__,
        parity=parity,
    )


def _channels(shown: Outside, trained: Trained, face: Exportable) -> tuple[str, ...]:
    if shown.input == "keypoints" and shown.kind is not None:
        return ("x", "y", *(["z"] if shown.kind.has_z else []), "score")
    known = trained.points[1]
    scores = ("score",) * (face.example["points"].shape[-1] - known)
    return ("x", "y", "z")[:known] + scores


def _tensor(face: Exportable, name: str) -> TensorRecord:
    example = face.example[name]
    free = face.dynamic.get(name, {})
    shape = tuple(free.get(axis, int(length)) for axis, length in enumerate(example.shape))
    kind = "bool" if example.dtype == torch.bool else "float32"
    return TensorRecord(name=name, type=kind, shape=shape)


def _several(face: Exportable) -> Tensors:
    """The example with free axes longer than 1, which would be taken for a fixed length."""
    made = {}
    for name, each in face.example.items():
        for axis in face.dynamic.get(name, {}):
            if each.shape[axis] == 1:
                each = each.repeat_interleave(2, dim=axis)
        made[name] = each
    return made


def _forget_places(model: Any) -> None:
    """Take the exporter's notes out, which name files of this machine."""
    parts: Sequence[Any] = (model.graph, *model.functions)
    for part in parts:
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
        for each in (*part.node, *part.value_info, *getattr(part, "initializer", ())):
            each.ClearField("metadata_props")
            each.ClearField("doc_string")
    for each in (*model.graph.input, *model.graph.output):
        each.ClearField("metadata_props")


@contextlib.contextmanager
def _slow_path() -> Iterator[None]:
    """Attention in single operators: exporters do not know torch's fused one."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' talk off stdout, which is for data."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
