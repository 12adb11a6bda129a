"""`sign-etl live` on real files: a published signature, an annotated video, and what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media import VideoSpec, write_video

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
av = pytest.importorskip("av")

from sign_etl.core.errors import UsageError  # noqa: E402

LABELS = ("темно", "ярко", "---")
SHAPES = {
    "slovo": ([1, 1, 3, 4, 32, 32], [1, 2, 3, 4, 5]),
    "easy": (["batch", 3, 4, 32, 32], [1, 2, 3, 4]),
    "ours": (["batch", 4, 3, 32, 32], [1, 2, 3, 4]),
}


def brightness(path: Path, signature: str) -> Path:
    """An ONNX file of three classes: dark, bright, and neither; probabilities inside."""
    helper, kinds = onnx.helper, onnx.TensorProto
    shape, axes = SHAPES[signature]
    # Behind ImageNet's mean black is -2 and white +2.4; divided by 255 they are 0 and 1.
    steep, middle = (9.0, 0.5) if signature == "easy" else (3.0, 0.0)
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "last"], ["column"]),
        helper.make_node("Sub", ["column", "middle"], ["away"]),
        helper.make_node("Mul", ["away", "steep"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["output"], axis=-1),
    ]
    constants = [
        helper.make_tensor("axes", kinds.INT64, [len(axes)], axes),
        helper.make_tensor("last", kinds.INT64, [1], [1]),
        helper.make_tensor("middle", kinds.FLOAT, [1], [middle]),
        helper.make_tensor("steep", kinds.FLOAT, [1, 3], [-steep, steep, 0.0]),
    ]
    given = helper.make_tensor_value_info("input", kinds.FLOAT, shape)
    told = helper.make_tensor_value_info("output", kinds.FLOAT, ["batch", 3])
    graph = helper.make_graph(nodes, "brightness", [given], [told], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    levels = [20] * 12 + [128] * 10 + [235] * 12
    planes = [np.full((96, 160), level, np.uint8) for level in levels]
    write_video(folder / "both.mp4", VideoSpec(count=len(levels), pictures=planes))
    turned = VideoSpec(count=6, rotation=90, pictures=planes[-6:])
    write_video(folder / "turned.mp4", turned)
    for signature in SHAPES:
        brightness(folder / f"{signature}.onnx", signature)
    lines = "".join(f"{number}\t{label}\n" for number, label in enumerate(LABELS))
    (folder / "labels.tsv").write_text(lines, "utf-8")
    return folder


def run(*words: object, env: dict[str, str] | None = None) -> Any:
    command = [sys.executable, "-m", "sign_etl", "live", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, env=env
    )


def test_an_annotated_video_is_written_without_a_screen(world: Path) -> None:
    """Signs in their order, each once, and frames with a bar on which something stands."""
    out = world / "made" / "annotated.mp4"
    done = run(
        *(world / "slovo.onnx", "--labels", world / "labels.tsv", "--input", world / "both.mp4"),
        *("--every", 1, "--threshold", 0.9, "--out", out, "--json"),
    )
    assert done.returncode == 0, done.stderr
    reply = json.loads(done.stdout)["data"]
    assert [sign["label"] for sign in reply["signs"]] == ["темно", "ярко"]
    assert (reply["frames"], reply["window"], reply["classes"]) == (34, 4, 3)
    assert reply["signs"][0]["end_s"] < 0.68 < reply["signs"][1]["start_s"]
    with av.open(str(out)) as film:
        frames = [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]
    assert len(frames) == 34
    assert frames[0].shape == (96 + 44, 160)
    # The bar is dark; letters are bright. Between both signs no label stands on it.
    bars = [frame[100:125, :100].max() for frame in frames]
    assert min(bars[2], bars[-3]) > 180 > 120 > bars[17]


@pytest.mark.parametrize("signature", ["easy", "ours"])
def test_input_is_read_from_the_session(world: Path, signature: str) -> None:
    done = run(
        *(world / f"{signature}.onnx", "--labels", world / "labels.tsv"),
        *("--input", world / "both.mp4", "--every", 1, "--threshold", 0.9),
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["темно", "ярко"]


def test_what_cannot_be_is_refused(world: Path) -> None:
    model, video = world / "slovo.onnx", world / "both.mp4"
    missing = run(model, "--input", world / "none.mp4")
    assert (missing.returncode, "no such file" in missing.stderr) == (2, True)
    (world / "two.tsv").write_text("0\tone\n1\ttwo\n")
    few = run(model, "--labels", world / "two.tsv", "--input", video)
    assert (few.returncode, "3 classes, there are 2 labels" in few.stderr) == (2, True)
    for name, text in (("page.mp4", "<html>"), ("list.mp4", "ffconcat version 1.0\nfile both.mp4")):
        (world / name).write_text(text)
        foreign = run(model, "--input", world / name)
        assert (foreign.returncode, "no video that can be read" in foreign.stderr) == (2, True)
    same = run(model, "--input", video, "--out", video)
    assert (same.returncode, "overwrite the input" in same.stderr) == (2, True)


def test_options_that_cannot_be_are_refused(world: Path) -> None:
    """Before the video is opened."""
    from sign_etl.app.live import LiveRequest, live

    asked = LiveRequest(world / "slovo.onnx", str(world / "none.mp4"), labels=world / "labels.tsv")
    for out in (world / "a.avi", world):
        with pytest.raises(UsageError, match="it writes MP4 files"):
            live(replace(asked, out=out), lambda _: None)
    with pytest.raises(UsageError, match="no such file"):
        live(asked, lambda _: None)
    with pytest.raises(UsageError, match="no such class") as caught:
        live(replace(asked, input=str(world / "both.mp4"), no_event=("темнo",)), lambda _: None)
    assert "темно" in (caught.value.hint or "")


def test_a_part_of_a_film(world: Path) -> None:
    """A second of 34 frames at 25 a second, recognised and drawn; the bright end is not seen."""
    from sign_etl.app.live import LiveRequest, live

    out = world / "made" / "part.mp4"
    asked = LiveRequest(world / "slovo.onnx", str(world / "both.mp4"), out=out, seconds=0.8)
    asked = replace(asked, labels=world / "labels.tsv", every=1, threshold=0.9)
    reply = live(asked, lambda _: None)
    assert [sign.label for sign in reply.signs] == ["темно"]
    with av.open(str(out)) as film:
        assert reply.frames == film.streams.video[0].frames == 20


DARK, BRIGHT = "color=black:size=64x48:rate=10", "color=white:size=64x48:rate=10"


def before_a_webcam(world: Path, out: Path, tell: Any, input: str = "0") -> Any:
    from sign_etl.app.live import LiveRequest, live

    return live(
        LiveRequest(
            world / "slovo.onnx",
            input,
            out=out,
            labels=world / "labels.tsv",
            threshold=0.9,
            every=1,
        ),
        tell,
    )


def test_a_webcam_is_watched(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's drawing device in the place of a camera: dark for a second, then bright."""
    from sign_etl.media import camera

    drawing = f"{DARK}:duration=1[a];{BRIGHT}:duration=1[b];[a][b]concat=n=2"
    monkeypatch.setitem(camera._CAMERAS, sys.platform, ("lavfi", drawing))
    signs: list[Any] = []
    reply = before_a_webcam(world, tmp_path / "seen.mp4", signs.append, "/dev/video3")
    assert [sign.label for sign in signs] == ["темно", "ярко"] == [s.label for s in reply.signs]
    assert (reply.frames, reply.fps) == (20, 10.0)
    with av.open(str(tmp_path / "seen.mp4")) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert times == pytest.approx([at / 10 for at in range(20)], abs=2e-3)


def test_a_window_is_kept_up_where_the_model_is_slower_than_the_webcam(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look is shown, even if frames wait all the time; closing the window ends it."""
    from sign_etl.app.live import LiveRequest, _as_it_comes
    from sign_etl.media import ahead, camera
    from sign_etl.tasks.recognisers import Choices, open_recogniser
    from sign_etl.tasks.sliding import Sliding

    monkeypatch.setitem(camera._CAMERAS, sys.platform, ("lavfi", f"{DARK}:duration=4"))
    monkeypatch.setattr(ahead.Ahead, "behind", True)
    model = open_recogniser(world / "slovo.onnx", Choices(world / "labels.tsv", every=1))
    sliding, shown = Sliding(model, threshold=1.0), []

    class Pane:
        def show(self, picture: Any) -> bool:
            shown.append(picture.shape)
            return len(shown) < 3

    pane: Any = Pane()
    with camera.Footage("0") as footage:
        asked = LiveRequest(world / "slovo.onnx", "0")
        assert _as_it_comes(asked, footage, sliding, lambda _: None, pane) == 12
    assert len(shown) == sliding.looks == 3


def test_ctrl_c_ends_a_webcam(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source without an end: what was seen is told, and the film is whole."""
    from sign_etl.media import camera

    monkeypatch.setitem(camera._CAMERAS, sys.platform, ("lavfi", DARK))

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    reply = before_a_webcam(world, tmp_path / "seen.mp4", stop)
    assert [sign.label for sign in reply.signs] == ["темно"]
    assert reply.frames == 4
    with av.open(str(tmp_path / "seen.mp4")) as film:
        assert film.streams.video[0].frames == 3
    assert [path.name for path in tmp_path.iterdir()] == ["seen.mp4"]


@pytest.mark.skipif(sys.platform == "darwin", reason="its windows need no DISPLAY")
def test_a_window_without_a_screen_is_refused(world: Path) -> None:
    """Before the model or the video is opened."""
    env = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    done = run(world / "none.onnx", "--input", world / "both.mp4", "--show", env=env)
    assert (done.returncode, "--out FILE writes the video instead" in done.stderr) == (3, True)


def test_a_copy_of_a_foreign_file_is_upright_and_of_its_size(world: Path, tmp_path: Path) -> None:
    from sign_etl.media.camera import Footage, own_copy

    with Footage(str(own_copy(world / "turned.mp4", tmp_path))) as footage:
        shapes = [frame.shape for _, frame in footage]
    assert shapes == [(160, 96, 3)] * 6


def test_a_phone_held_upright_is_turned(world: Path) -> None:
    from sign_etl.media.camera import Footage

    with Footage(str(world / "turned.mp4")) as footage:
        shapes = {frame.shape for _, frame in footage}
    assert shapes == {(160, 96, 3)}
