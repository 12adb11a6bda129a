"""A trained model as a file or a web page, for those who have no sign-etl."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sign_etl.app.train import need_packages
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.schema.vector_replies import ExportModel

if TYPE_CHECKING:
    from sign_etl.schema.exported import Input
    from sign_etl.schema.vectors import Vectors
    from sign_etl.tasks.outside import Outside
    from sign_etl.tasks.trained import Trained

Format = Literal["onnx", "torchscript", "web"]


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the command line asks for.

    Attributes:
        run: a run folder, or a checkpoint in it.
        format: of the export.
        out: a file; a folder for the web.
        input: what the model takes; None for `clip`, on the web `keypoints` where that can be.
        layout: of the keypoints that it takes, for the input `keypoints`.
        data: builds, where the recipe does not tell the layout; on the web for gallery and example.
        gallery: table of vectors for the web; default the training clips of `data`.
        runtime: folder of the npm package onnxruntime-web.
    """

    run: Path
    format: Format
    out: Path
    input: Input | None = None
    layout: str | None = None
    data: tuple[str, ...] = ()
    gallery: Path | None = None
    runtime: Path | None = None


def export_model(request: ExportRequest) -> ExportModel:
    """Export a model, once it has been held against torch.

    Args:
        request: which run in which format.

    Raises:
        ConfigError: the model cannot be exported so.
        MissingExtraError: packages for it are not installed.
        VerifyError: the file says something else than the model.

    Example:
        >>> export_model(ExportRequest(Path("runs/words"), "onnx", Path("x.onnx"))).files
        ('x.onnx',)
    """
    need_packages()
    from sign_etl.tasks import outside, portable
    from sign_etl.tasks.trained import open_run

    if request.format != "web" and (request.gallery or request.runtime):
        raise UsageError(
            "--gallery and --runtime belong to --format web",
            hint="add --format web, or leave them out",
        )
    if request.format == "web" and request.input == "batch":
        raise UsageError("the page takes one clip", hint="leave --input batch out")
    trained = open_run(request.run, request.data)
    chosen = request.input or "clip"
    if request.format == "web" and request.input is None:
        chosen = "keypoints" if outside.can_prepare(trained, request.layout) else "clip"
    shown = outside.outside(trained, chosen, request.layout)
    if request.format == "web":
        return _page(request, trained, shown)
    request.out.parent.mkdir(parents=True, exist_ok=True)
    files = [request.out]
    if request.format == "onnx":
        content, record = portable.onnx_file(shown, trained)
    else:
        content, record = portable.torchscript_file(shown, trained)
        files.append(request.out.with_name(f"{request.out.name}.json"))
        write_json(files[1], record.model_dump(mode="json", by_alias=True))
    write_bytes(request.out, content)
    return ExportModel(files=tuple(map(str, files)), runtime=None, model=record)


def _page(request: ExportRequest, trained: Trained, shown: Outside) -> ExportModel:
    from sign_etl.tasks import portable, web_page

    # What may be wrong comes first: the export itself takes its time.
    runtime = web_page.runtime_files(request.runtime) if request.runtime is not None else {}
    found = web_page.example_clip(trained, raw=shown.input == "keypoints")
    key, example = found if found is not None else (None, None)
    gallery = _gallery(request, trained)
    content, record = portable.onnx_file(shown, trained)
    has_runtime = web_page.write_page(
        request.out,
        content,
        record,
        gallery=None if gallery is None else web_page.some_of_each(gallery, without=key),
        example=example,
        runtime=runtime,
    )
    written = sorted(path for path in request.out.rglob("*") if path.is_file())
    return ExportModel(files=tuple(map(str, written)), runtime=has_runtime, model=record)


def _gallery(request: ExportRequest, trained: Trained) -> Vectors | None:
    from sign_etl.schema.vectors import read_vectors
    from sign_etl.tasks.embedding import embed

    if trained.config.task.name != "metric":
        return None  # a classifier names the classes itself
    if request.gallery is not None:
        vectors = read_vectors(request.gallery)
        if vectors.facts.model != trained.digest:
            raise VerifyError(
                "the gallery is of another model",
                hint=f"make it with `sign-etl embed {request.run}`",
            )
        return vectors
    return embed(trained, trained.config.data.train).vectors if request.data else None
