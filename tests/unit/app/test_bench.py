"""`pose bench` counts what a backend does; how long it takes is nobody's business here."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from nets import whole_body, yolox
from weights import blazepose_weights

from sign_etl.app import roofline
from sign_etl.app.bench import bench
from sign_etl.core.errors import AccessError, ConfigError, UsageError
from sign_etl.recipes.video_file import write_video
from sign_etl.schema.bench_reply import PoseBench

FRAMES, HEIGHT, WIDTH = 13, 96, 128
SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "cli-pose-bench-1.json"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    generator = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        shade = generator.integers(0, 255, 3, np.uint8)
        picture = np.broadcast_to(shade, (HEIGHT, WIDTH, 3)).copy()
        write_video(folder / f"{name}.mp4", [picture] * FRAMES, fps=25)
    (folder / "broken.mp4").write_bytes(b"not a video")
    return folder


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("nets")
    detector = yolox(
        folder / "detector.onnx", side=64, width=0.125, depth=0.1, box=(16.0, 4.0, 48.0, 44.0)
    )
    pose = whole_body(folder / "pose.onnx", size=(64, 64), width=0.125, depth=0.1)
    return [f"detector={detector}", f"pose={pose}", "det_interval=4"]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "SECONDS", 0.01)


def test_it_counts_frames_crops_and_key_frames(media: Path, nets: list[str]) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")
    told: list[str] = []
    reply = bench("rtmpose", media, settings=nets, jobs=2, tell=told.append)
    assert (reply.clips, reply.refused, reply.frames) == (3, 1, 3 * FRAMES)
    assert (reply.width, reply.height, reply.jobs) == (WIDTH, HEIGHT, 2)
    assert reply.facts["provider"] == "cpu"
    stages = {stage.name: stage for stage in reply.stages}
    assert set(stages) == {"decode", "detect", "warp", "infer", "heads", "write", "other"}
    assert stages["decode"].ahead
    assert not stages["infer"].ahead
    assert stages["write"].calls == 3
    assert stages["warp"].calls >= reply.frames
    # Key frames 0, 4, 8 and 12 of each clip, and more only where the signer was lost.
    assert stages["detect"].calls >= 3 * 4
    assert reply.roofline is not None
    names = [(net.name, net.height, net.width) for net in reply.roofline.nets]
    assert names == [("detector", 64, 64), ("pose", 64, 64)]
    for net, stage in zip(reply.roofline.nets, ("detect", "warp"), strict=True):
        assert net.images_per_frame == pytest.approx(stages[stage].calls / reply.frames)
    alone = sum(net.images_per_frame / net.images_per_s for net in reply.roofline.nets)
    assert reply.roofline.frames_per_s == pytest.approx(1 / alone)
    assert reply.roofline.share == pytest.approx(reply.frames_per_s / reply.roofline.frames_per_s)
    assert told[0] == "normalising 4 files"
    document = {"schema": "sign-etl/cli/pose-bench/1", "data": reply.to_json()}
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))


@pytest.mark.weights
def test_landmarkers_are_their_own_roofline(media: Path) -> None:
    blazepose_weights()
    reply = bench("blazepose", media, clips=1, jobs=1)
    assert [stage.name for stage in reply.stages if stage.calls] == [
        "open",
        "decode",
        "body",
        "hands",
        "write",
    ]
    stages = {stage.name: stage for stage in reply.stages}
    assert stages["body"].calls == stages["hands"].calls == FRAMES
    assert reply.roofline is not None
    assert reply.roofline.nets == ()
    assert reply.roofline.share > 0


def test_what_cannot_be_measured_is_said(media: Path, tmp_path: Path, nets: list[str]) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(UsageError, match="is no folder"):
        bench("rtmpose", tmp_path / "nowhere", settings=nets)
    with pytest.raises(UsageError, match="no videos in"):
        bench("rtmpose", tmp_path, settings=nets)
    (tmp_path / "a.mp4").write_bytes(b"?")
    with pytest.raises(UsageError, match="none of the files can be normalised"):
        bench("rtmpose", tmp_path, settings=nets, jobs=1)
    with pytest.raises(ConfigError):
        bench("rtmpose", media, settings=["no_such_option=1"])
    with pytest.raises(AccessError, match="cannot be read"):
        bench("rtmpose", media, settings=["detector=/nowhere/net.onnx"])


def test_reply_is_closed() -> None:
    assert PoseBench.model_config["extra"] == "forbid"
