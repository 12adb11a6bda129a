"""Lists of class names as others publish them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.tasks.recognisers import Choices, open_recogniser, read_labels


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("easy_sign.tsv", "id\tlabel\n0\tпривет\n1\tno\n"),
        ("plain.tsv", "1\tno\n0\tпривет\n"),
        ("lines.txt", "привет\nno\n"),
        ("spoter.json", '{"1": "no", "0": "привет"}'),
        ("list.json", '["привет", "no"]'),
        ("marked.txt", "\ufeffпривет\nno\n"),
    ],
)
def test_lists_of_labels(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert read_labels(tmp_path / name) == ("привет", "no")


@pytest.mark.parametrize("text", ["", "0\ta\n2\tb\n", "0\ta\nx\tb\n"], ids=["none", "gap", "word"])
def test_lists_with_gaps_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.tsv").write_text(text)
    with pytest.raises(ConfigError, match="no list of class names"):
        read_labels(tmp_path / "labels.tsv")


def counting(path: Path, name: str, shape: list[int | str], second: bool = False) -> Path:
    """An ONNX file that tells the mean of each channel of its first clip, as three classes."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    channel = shape.index(3)
    axes = [axis for axis in range(len(shape)) if axis not in (0, channel)]
    nodes = [helper.make_node("ReduceMean", [name, "axes"], ["scores"], keepdims=0)]
    told = [helper.make_tensor_value_info("scores", kinds.FLOAT, ["b", 3])]
    if second:
        nodes.append(helper.make_node("Neg", ["scores"], ["edges"]))
        told.append(helper.make_tensor_value_info("edges", kinds.FLOAT, ["b", 3]))
    given = helper.make_tensor_value_info(name, kinds.FLOAT, shape)
    constant = helper.make_tensor("axes", kinds.INT64, [len(axes)], axes)
    graph = helper.make_graph(nodes, "means", [given], told, [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("shape", "frames", "size"),
    [
        ([1, 1, 3, 32, 224, 224], 32, (224, 224)),
        (["batch", "views", 3, 16, 48, 64], 16, (48, 64)),
        ([1, 1, 3, "frames", "height", "width"], 5, (224, 224)),
        ([1, 3, 8, 40, 56], 8, (40, 56)),
        (["batch", 6, 3, 40, 56], 6, (40, 56)),
    ],
    ids=["slovo", "free-views", "free-frames", "easy", "ours"],
)
def test_the_session_tells_how_pictures_go_in(
    tmp_path: Path, shape: list[int | str], frames: int, size: tuple[int, int]
) -> None:
    """Name, rank, order of the axes, length and size of the input are those of the file."""
    pytest.importorskip("onnxruntime")
    path = counting(tmp_path / "a.onnx", "clip_in", shape, second=True)
    found = open_recogniser(path, Choices(frames=5, normalise="none"))
    assert (found.frames, found.every, found.fps) == (frames, 2, 0.0)
    assert found.labels == ("class 0", "class 1", "class 2")
    picture = found.prepare(np.full((60, 80, 3), (200, 100, 20), np.uint8))
    assert picture.shape == (*size, 3)
    clip = np.zeros((frames, *size, 3), np.uint8)
    clip[..., 0], clip[..., 1], clip[..., 2] = 200, 100, 20
    raised = np.exp(np.array([200, 100, 20]) / 255)
    np.testing.assert_allclose(found.ask(clip), raised / raised.sum(), atol=5e-3)


def test_an_input_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    image = counting(tmp_path / "image.onnx", "x", [1, 3, 32, 32])
    with pytest.raises(ConfigError, match="which is no clip"):
        open_recogniser(image, Choices())
    free = counting(tmp_path / "free.onnx", "x", [1, 1, 3, "t", 32, 32])
    with pytest.raises(UsageError, match="leaves the number of frames free"):
        open_recogniser(free, Choices())


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(UsageError, match="no such file"):
        open_recogniser(tmp_path / "none.onnx", Choices())
    (tmp_path / "odd.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="no model that ONNX Runtime can open"):
        open_recogniser(tmp_path / "odd.onnx", Choices())


def picture_run(folder: Path, build: Path) -> Path:
    """A run on pictures that nobody has trained."""
    pytest.importorskip("torch")
    import torch
    import yaml

    from sign_etl.core.files import write_json
    from sign_etl.stream.index import open_index
    from sign_etl.tasks import checkpoint as files
    from sign_etl.tasks import setup

    folder.mkdir()
    rule = {"name": "circle", "frames": 4, "stride": 2}
    values = {
        "schema": "sign-etl/training/1",
        "name": "pictures",
        "task": {"name": "islr"},
        "model": {"name": "slovo", "network": "mvitv2-tiny", "frames": 4, "picture": 32},
        "data": {"view": {"name": "clip", "sampler": rule, "size": 32, "resize": "stretch"}},
    }
    (folder / files.CONFIG).write_text(yaml.safe_dump(values))
    config = setup.load_recipe(folder / files.CONFIG)
    index = open_index([build])
    task = setup.open_task(config, index, setup.make_view(config, train=False))
    write_json(folder / files.BUILD, setup.data_facts(index, task, config))
    torch.manual_seed(0)
    weights = task.build().state_dict()
    files.write_checkpoint(folder, 1, weights=weights, ema=None, state={}, cursor={})
    return folder


def test_a_run_and_a_file_of_ours_tell_how_pictures_are_made(tmp_path: Path) -> None:
    """Rate of the training, stride, scaler and labels; the rate can be overruled."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from tiny_build import FPS, write_tiny_build

    from sign_etl.schema.exported import ExportedModel, ParityRecord, to_metadata

    run = picture_run(tmp_path / "run", write_tiny_build(tmp_path / "build", clips=4))
    ours = open_recogniser(run, Choices())
    assert (ours.fps, ours.every, ours.frames) == (FPS, 2, 4)
    policy = json.loads((run / "build.json").read_text())["preprocessing"]
    assert policy["scaler"] == "torch"

    labels = ("темно", "ярко", "---")
    record = ExportedModel(
        name="a", description="", format="onnx", opset=18, task="islr", model="slovo",
        gives="scores", input="clip", inputs=(), outputs=(), layout="", points=(), channels=(),
        labels=labels, preprocessing={**policy, "fps": FPS}, preprocessing_in_graph=False,
        missing="", sources=(), licences=(), weights="", checkpoint="", sign_etl="", torch="",
        parity=ParityRecord(frames=(), max_abs=0),
    )  # fmt: skip
    path = counting(tmp_path / "a.onnx", "frames", ["batch", 4, 3, 32, 32])
    model = onnx.load(path)
    for name, value in to_metadata(record).items():
        model.metadata_props.add(key=name, value=value)
    onnx.save(model, path)
    theirs = open_recogniser(path, Choices())
    assert (theirs.fps, theirs.every, theirs.frames, theirs.labels) == (FPS, 2, 4, labels)
    assert open_recogniser(path, Choices(fps=50.0)).fps == 50.0
    frame = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    assert np.array_equal(ours.prepare(frame), theirs.prepare(frame))


def test_a_model_that_needs_the_signer_cut_out_is_refused(tmp_path: Path) -> None:
    from sign_etl.tasks.recognisers import _look_of

    with pytest.raises(ConfigError, match="signer is cut out"):
        _look_of({"signer": {"margin": 0.15}, "size": (32, 32)}, Choices())
