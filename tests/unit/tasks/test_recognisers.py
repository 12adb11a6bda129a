"""Published files and runs as recognisers: their input, their classes, their pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.tasks.recognisers import Choices, open_recogniser


def counting(
    path: Path,
    name: str,
    shape: list[int | str],
    second: bool = False,
    classes: int = 3,
    kind: str = "FLOAT",
) -> Path:
    """An ONNX file that tells the mean of each channel of its first clip, as the first classes."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    number = getattr(kinds, kind)
    channel = shape.index(3)
    axes = [axis for axis in range(len(shape)) if axis not in (0, channel)]
    nodes = [
        helper.make_node("ReduceMean", [name, "axes"], ["three"], keepdims=0),
        helper.make_node("Pad", ["three", "pads"], ["scores"]),
    ]
    told = [helper.make_tensor_value_info("scores", number, ["b", classes])]
    if second:
        nodes.append(helper.make_node("Neg", ["scores"], ["edges"]))
        told.append(helper.make_tensor_value_info("edges", number, ["b", classes]))
    given = helper.make_tensor_value_info(name, number, shape)
    constants = [
        helper.make_tensor("axes", kinds.INT64, [len(axes)], axes),
        helper.make_tensor("pads", kinds.INT64, [4], [0, 0, 0, classes - 3]),
    ]
    graph = helper.make_graph(nodes, "means", [given], told, constants)
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
    every = 1 if shape[1] == 3 else 2
    assert (found.frames, found.every, found.fps) == (frames, every, 0.0)
    assert found.labels == ("class 0", "class 1", "class 2")
    picture = found.prepare(np.full((60, 80, 3), (200, 100, 20), np.uint8))
    assert picture.shape == (*size, 3)
    clip = np.zeros((frames, *size, 3), np.uint8)
    clip[..., 0], clip[..., 1], clip[..., 2] = 200, 100, 20
    raised = np.exp(np.array([200, 100, 20]) / 255)
    np.testing.assert_allclose(found.ask(clip), raised / raised.sum(), atol=5e-3)


def test_names_of_the_files_of_slovo_tell_the_interval(tmp_path: Path) -> None:
    """`<network><frames>-<interval>.onnx`, 1,001 classes of which the last one is no sign."""
    pytest.importorskip("onnxruntime")
    slovo: list[int | str] = [1, 1, 3, 16, 32, 32]
    found = open_recogniser(
        counting(tmp_path / "mvit16-4.onnx", "x", slovo, classes=1001), Choices()
    )
    assert (found.frames, found.every, found.fps) == (16, 4, 0.0)
    assert found.labels[999:] == ("class 999", "---")
    assert "---" in found.silent
    assert "no" not in found.silent  # a sign of WLASL
    assert open_recogniser(tmp_path / "mvit16-4.onnx", Choices(every=3)).every == 3
    free = counting(tmp_path / "swin48-1.onnx", "x", [1, 1, 3, "t", 32, 32])
    freed = open_recogniser(free, Choices())
    assert (freed.frames, freed.every) == (48, 1)
    assert freed.labels == ("class 0", "class 1", "class 2")
    # Numbers that are no length of a window mean something else.
    other = counting(tmp_path / "run-2024-11.onnx", "x", slovo)
    assert open_recogniser(other, Choices()).every == 2
    for name in ("run-2024-11.onnx", "run-2024-1.onnx"):
        with pytest.raises(UsageError, match="leaves the number of frames free"):
            open_recogniser(counting(tmp_path / name, "x", [1, 1, 3, "t", 32, 32]), Choices())


def test_a_file_of_easy_sign_has_its_own_no_event(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = counting(tmp_path / "S3D.onnx", "x", [1, 3, 4, 32, 32])
    found = open_recogniser(path, Choices())
    assert (found.every, {"no", "---"} <= found.silent) == (1, True)


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE"])
def test_other_kinds_of_numbers_go_in(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("onnxruntime")
    path = counting(tmp_path / "a.onnx", "x", [1, 3, 4, 32, 32], kind=kind)
    found = open_recogniser(path, Choices()).ask(np.full((4, 32, 32, 3), 255, np.uint8))
    np.testing.assert_allclose(found, [1 / 3] * 3, atol=1e-3)


def test_a_file_that_wants_several_clips_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = counting(tmp_path / "a.onnx", "x", [2, 3, 4, 32, 32])
    with pytest.raises(ConfigError, match="does not run on one clip of 4 frames of 32 x 32"):
        open_recogniser(path, Choices())


@pytest.mark.parametrize("size", [(1080, 1920), (50, 37), (32, 32)], ids=str)
@pytest.mark.parametrize("shape", [[1, 1, 3, 2, 56, 56], [1, 3, 2, 56, 56]], ids=["slovo", "easy"])
def test_pictures_of_published_files_are_those_of_their_programs(
    tmp_path: Path, shape: list[int | str], size: tuple[int, int]
) -> None:
    """OpenCV's bilinear resizing by hand: four neighbours, centres of pixels at one half."""
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    found = open_recogniser(counting(tmp_path / "a.onnx", "x", shape), Choices())
    source = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    high, wide = (56, 56)
    wanted = np.full((56, 56, 3), 114.0)
    if len(shape) == 6:
        scale = min(56 / size[0], 56 / size[1])
        high, wide = round(size[0] * scale), round(size[1] * scale)
    top, left = round((56 - high) / 2 - 0.1), round((56 - wide) / 2 - 0.1)
    places = []
    for length, new in ((size[0], high), (size[1], wide)):
        at = np.clip((np.arange(new) + 0.5) * length / new - 0.5, 0, length - 1)
        first = np.floor(at).astype(int)
        places.append((first, np.minimum(first + 1, length - 1), at - first))
    (y0, y1, v), (x0, x1, u) = places
    u, v = u[None, :, None], v[:, None, None]
    above = source[y0][:, x0] * (1 - u) + source[y0][:, x1] * u
    below = source[y1][:, x0] * (1 - u) + source[y1][:, x1] * u
    wanted[top : top + high, left : left + wide] = above * (1 - v) + below * v
    np.testing.assert_allclose(found.prepare(source), wanted, atol=1)


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
    with pytest.raises(UsageError, match="folder of a run or an ONNX file"):
        open_recogniser(tmp_path / "mvit32-2.pt", Choices())
    (tmp_path / "odd.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="no model that ONNX Runtime can open"):
        open_recogniser(tmp_path / "odd.onnx", Choices())


def picture_run(folder: Path, build: Path, rule: dict[str, object] | None = None) -> Path:
    """A run on pictures that nobody has trained."""
    pytest.importorskip("torch")
    import torch
    import yaml

    from sign_etl.core.files import write_json
    from sign_etl.stream.index import open_index
    from sign_etl.tasks import checkpoint as files
    from sign_etl.tasks import setup

    folder.mkdir()
    rule = rule or {"name": "circle", "frames": 4, "stride": 2}
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
    with pytest.raises(ConfigError, match=f"{len(ours.labels)} classes, there are 1 labels"):
        (tmp_path / "one.txt").write_text("a\n")
        open_recogniser(run, Choices(labels=tmp_path / "one.txt"))
    (tmp_path / "other.txt").write_text("".join(f"знак {at}\n" for at in range(len(ours.labels))))
    named = open_recogniser(run, Choices(labels=tmp_path / "other.txt"))
    assert named.labels[:2] == ("знак 0", "знак 1")

    labels = ("темно", "ярко", "---")
    record = ExportedModel(
        name="a", description="", format="onnx", opset=18, task="islr", model="slovo",
        gives="scores", input="clip", inputs=(), outputs=(), layout="", points=(), channels=(),
        labels=labels, preprocessing={**policy, "fps": FPS}, preprocessing_in_graph=False,
        missing="", sources=(), licences=(), weights="", checkpoint="", sign_etl="", torch="",
        parity=ParityRecord(frames=(), max_abs=0),
    )  # fmt: skip

    def written(record: ExportedModel) -> Path:
        path = counting(tmp_path / "a.onnx", "frames", ["batch", 4, 3, 32, 32])
        model = onnx.load(path)
        for name, value in to_metadata(record).items():
            model.metadata_props.add(key=name, value=value)
        onnx.save(model, path)
        return path

    path = written(record.model_copy(update={"gives": "embedding"}))
    with pytest.raises(ConfigError, match="does not name signs: it gives embedding"):
        open_recogniser(path, Choices())
    path = written(record)
    theirs = open_recogniser(path, Choices())
    assert (theirs.fps, theirs.every, theirs.frames, theirs.labels) == (FPS, 2, 4, labels)
    assert open_recogniser(path, Choices(fps=50.0)).fps == 50.0
    frame = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
    assert np.array_equal(ours.prepare(frame), theirs.prepare(frame))


def test_a_run_on_whole_clips_needs_to_be_told_its_pace(tmp_path: Path) -> None:
    from tiny_build import write_tiny_build

    rule: dict[str, object] = {"name": "linspace", "frames": 4}
    run = picture_run(tmp_path / "run", write_tiny_build(tmp_path / "build", clips=4), rule)
    with pytest.raises(UsageError, match="learned from whole clips") as caught:
        open_recogniser(run, Choices())
    assert "--every" in (caught.value.hint or "")
    assert open_recogniser(run, Choices(every=6)).every == 6


def test_a_model_that_needs_the_signer_cut_out_is_refused(tmp_path: Path) -> None:
    from sign_etl.tasks.recognisers import _look_of

    with pytest.raises(ConfigError, match="signer is cut out"):
        _look_of({"signer": {"margin": 0.15}, "size": (32, 32)}, Choices())
