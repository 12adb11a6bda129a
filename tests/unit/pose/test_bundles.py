"""`.task` bundles: aligned, deterministic, and readable by MediaPipe's own schema."""

from __future__ import annotations

import io
import zipfile

import pytest

from sign_etl.pose.bundles import bundle, with_normalisation


def test_members_are_stored_and_aligned() -> None:
    members = {"a.tflite": b"x" * 7, "longer-name.tflite": b"y" * 10, "c": b"z"}
    data = bundle(members)
    assert data == bundle(members)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == members
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            at = data.index(members[info.filename], info.header_offset)
            assert at % 4 == 0


def small_model(names: tuple[str, ...] = ()) -> bytes:
    """A TFLite file with three buffers and metadata entries of these names."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("mediapipe.tasks.metadata.schema_py_generated")
    model = schema.ModelT()
    model.version = 3
    model.description = "a small model"
    model.operatorCodes, model.subgraphs, model.buffers, model.metadata = [], [], [], []
    graph = schema.SubGraphT()
    graph.name, graph.tensors, graph.operators = "main", [], []
    graph.inputs, graph.outputs = [], []
    model.subgraphs.append(graph)
    for content in (b"", b"weights", b"more weights"):
        buffer = schema.BufferT()
        buffer.data = list(content) or None
        model.buffers.append(buffer)
    for name in names:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, 1
        model.metadata.append(entry)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("names", [(), ("min_runtime_version", "reduced_precision_support")])
def test_normalisation_is_added_and_all_else_kept(names: tuple[str, ...]) -> None:
    before = small_model(names)
    after = with_normalisation(before, mean=127.5, std=255.0)
    schema = pytest.importorskip("mediapipe.tasks.metadata.schema_py_generated")
    metadata = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")

    assert after.endswith(before)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(after, 0))
    assert (model.version, model.description) == (3, b"a small model")
    assert [graph.name for graph in model.subgraphs] == [b"main"]
    contents = [bytes(buffer.data) if buffer.data is not None else b"" for buffer in model.buffers]
    assert contents[:3] == [b"", b"weights", b"more weights"]
    entries = [entry.name.decode() for entry in model.metadata]
    assert entries == [*names, "TFLITE_METADATA"]

    assert model.metadata[-1].buffer == 3
    assert contents[3][4:8] == b"M001"
    said = metadata.ModelMetadataT.InitFromObj(
        metadata.ModelMetadata.GetRootAsModelMetadata(contents[3], 0)
    )
    (unit,) = said.subgraphMetadata[0].inputTensorMetadata[0].processUnits
    assert unit.optionsType == metadata.ProcessUnitOptions.NormalizationOptions
    assert (list(unit.options.mean), list(unit.options.std)) == ([127.5], [255.0])


def test_what_has_metadata_is_left_alone() -> None:
    model = small_model(("TFLITE_METADATA",))
    with pytest.raises(ValueError, match="already"):
        with_normalisation(model, mean=0, std=255)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no TFLite model"):
        with_normalisation(b"PK\x03\x04 something else", mean=0, std=255)
