"""`.task` bundles: aligned, deterministic, and readable by MediaPipe's own schema."""

from __future__ import annotations

import io
import zipfile

import pytest

from sign_etl.pose.bundles import bundle, unbundle, with_normalisation, without_output


def test_members_are_stored_and_aligned() -> None:
    members = {"a.tflite": b"x" * 7, "longer-name.tflite": b"y" * 10, "c": b"z"}
    data = bundle(members)
    assert data == bundle(members)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == members
        assert unbundle(data) == members
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


def branching_model() -> bytes:
    """input 0 -> a -> 1; 1 -> b -> 2 (output 0); 1 -> c -> 3 -> d -> 4 (output 1); 1 -> e -> 5."""
    flatbuffers = pytest.importorskip("flatbuffers")
    schema = pytest.importorskip("mediapipe.tasks.metadata.schema_py_generated")
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.operatorCodes, model.buffers = 3, [], []
    graph.name, graph.tensors, graph.operators = "main", [], []
    graph.inputs, graph.outputs = [0], [2, 4, 5]
    for number, (takes, makes) in enumerate([(0, 1), (1, 2), (1, 3), (3, 4), (1, 5)]):
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = number, [takes, -1], [makes]
        graph.operators.append(operator)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_an_output_goes_with_what_it_alone_needs() -> None:
    schema = pytest.importorskip("mediapipe.tasks.metadata.schema_py_generated")
    before = branching_model()
    after = without_output(before, 1, instead=0)
    assert len(after) == len(before)
    [graph] = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(after, 0)).subgraphs
    assert list(graph.outputs) == [2, 2, 5]
    assert list(graph.inputs) == [0]
    kept = [(each.opcodeIndex, list(each.inputs), list(each.outputs)) for each in graph.operators]
    assert kept == [(0, [0, -1], [1]), (1, [1, -1], [2]), (4, [1, -1], [5])]


def test_an_output_of_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no TFLite model"):
        without_output(b"PK\x03\x04 something else", 0, instead=1)
