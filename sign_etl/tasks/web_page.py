"""A folder that shows an exported model in any browser: page, model, gallery and an example clip.

The page computes on the visitor's machine with onnxruntime-web, whose files are copied from an
installed npm package or put beside the page by hand. Any file server shows the folder.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.schema.exported import ExportedModel
from sign_etl.schema.layouts import LAYOUTS
from sign_etl.schema.vectors import Vectors
from sign_etl.stream.base import SampleError, View
from sign_etl.stream.dataset import SampleDataset
from sign_etl.stream.pose_view import PoseView
from sign_etl.tasks.base import VIEW
from sign_etl.tasks.trained import Trained

PAGE = Path(__file__).with_name("web")
PAGE_FILES = ("page.css", "isolate.js", "page.js", "index.html")
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""What the page needs of onnxruntime-web's folder `dist`."""
LICENCES = ("LICENSE", "ThirdPartyNotices.txt", "package.json")
"""Where the runtime says what it is and under which licence; what there is goes with it."""
MOST_OF_A_CLASS = 10
"""Vectors of a class in the gallery; the page compares a clip with every one of them."""
EXAMPLE_SPLITS = ("test", "val")
"""Where the example comes from, if there are such: clips that training has not seen."""


def write_page(
    folder: Path,
    model: bytes,
    record: ExportedModel,
    *,
    gallery: Vectors | None = None,
    example: Mapping[str, Any] | None = None,
    runtime: Mapping[str, Path] | None = None,
) -> bool:
    """Write the folder; files of it that are there already are replaced.

    Args:
        folder: where.
        model: an ONNX file with the input `clip` or `keypoints`.
        record: its metadata.
        gallery: vectors that a clip is compared with; for models that give an embedding.
        example: as `example_clip` gives it.
        runtime: as `runtime_files` gives them.

    Returns:
        Whether the runtime's files are in the folder now.
    """
    kind = LAYOUTS.get(record.layout)
    page = {
        "schema": "sign-etl/page/1",
        "model": record.model_dump(mode="json", by_alias=True),
        "points": int(record.inputs[0].shape[-2]),
        "channels": list(record.channels),
        "edges": [list(edge) for edge in kind.edges] if kind is not None else [],
        "gallery": None if gallery is None else _gallery(gallery),
        "example": None if example is None else dict(example),
        "runtime": list(RUNTIME_FILES),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "model.onnx", model)
    write_bytes(folder / "page.json", (canonical_json(page) + "\n").encode("utf-8"))
    for name, source in (runtime or {}).items():
        (folder / "runtime").mkdir(exist_ok=True)
        write_bytes(folder / "runtime" / name, source.read_bytes())
    for name in PAGE_FILES:
        write_bytes(folder / name, (PAGE / name).read_bytes())
    return all((folder / "runtime" / name).is_file() for name in RUNTIME_FILES)


def example_clip(trained: Trained, *, raw: bool) -> tuple[str, dict[str, Any]] | None:
    """The first clip of the data that training has not seen, else the first one.

    Args:
        trained: opened with data.
        raw: keypoints of the pose backend; otherwise normalised points.

    Returns:
        Its key, and what the page wants to know: name, shape, values as base64 of float32, width,
        height and frames per second. None where no clip can be read.
    """
    index = trained.index
    if index is None:
        return None
    view: View = trained.view
    if raw:
        options = trained.config.data.view.options
        view = PoseView(backend=options.get("backend"), source_layout=options.get("source_layout"))
    splits = np.array(index.column("split").to_pylist(), dtype=object)
    ranks = np.array([_rank(split) for split in splits])
    dataset = SampleDataset(index, {VIEW: view})
    for row in np.argsort(ranks, kind="stable"):
        try:
            found = np.asarray(dataset[int(row)][VIEW], np.float32)
        except SampleError:
            continue
        values = found if raw else np.nan_to_num(found[..., :-1])
        key = str(index.column("key")[int(row)].as_py())
        label = index.column("label")[int(row)].as_py()
        return key, {
            "name": f"{label} ({key})" if label else key,
            "shape": list(values.shape),
            "values": _base64(values),
            "width": int(index.width[row]),
            "height": int(index.height[row]),
            "fps": float(index.fps[row]),
        }
    return None


def some_of_each(vectors: Vectors, *, without: str | None = None) -> Vectors:
    """The first vectors of each class, in the order of the table.

    Args:
        vectors: of labelled clips, among others.
        without: key of a clip that must not find itself.
    """
    taken: dict[str, int] = {}
    keep = np.zeros(len(vectors), bool)
    for row, (key, label) in enumerate(
        zip(vectors.columns["key"], vectors.columns["label"], strict=True)
    ):
        if label and key != without and taken.get(label, 0) < MOST_OF_A_CLASS:
            taken[label] = taken.get(label, 0) + 1
            keep[row] = True
    return vectors.take(keep)


def _gallery(vectors: Vectors) -> dict[str, Any]:
    return {
        "labels": [str(label) for label in vectors.columns["label"]],
        "vectors": _base64(vectors.vector),
    }


def _base64(values: NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")


def _rank(split: str | None) -> int:
    name = split or ""
    return EXAMPLE_SPLITS.index(name) if name in EXAMPLE_SPLITS else len(EXAMPLE_SPLITS)


def runtime_files(package: Path) -> dict[str, Path]:
    """The files of onnxruntime-web that go beside a page, by name.

    Args:
        package: folder of the npm package.

    Raises:
        UsageError: it is no such folder.
    """
    folder = package / "dist" if (package / "dist").is_dir() else package
    for name in RUNTIME_FILES:
        if not (folder / name).is_file():
            raise UsageError(
                f"{package} has no {name}",
                hint="--runtime names the folder of the npm package: npm install onnxruntime-web",
            )
    files = {name: folder / name for name in RUNTIME_FILES}
    return files | {name: package / name for name in LICENCES if (package / name).is_file()}
