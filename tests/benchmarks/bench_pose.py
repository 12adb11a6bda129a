"""RTMPose: our stage against its nets alone, rtmlib as shipped, and rtmlib's tracker, by mode.

Same clips, same ONNX files (true size, known answer: `true_nets.py`), in turn. Ours runs as
a build would: a worker a core. rtmlib runs as shipped: one process, ONNX Runtime's own threads.

Of each clip only the beginning is taken (`SIGN_ETL_BENCH_POSE_FRAMES`), for rtmlib's detector looks
at every frame: with `SIGN_ETL_BENCH_RUNS=1` all three modes end within minutes on two cores.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from peers import peer
from runs import CLIPS, CORES, FRAMES, RUNS, beginnings, clips_of, cool, median
from true_nets import MODES, Pair, pair

from sign_etl.app.bench import on_clips
from sign_etl.app.roofline import Asked, nets_alone
from sign_etl.pose.base import BACKENDS

RTMLIB = ("rtmlib==0.0.16", f"onnxruntime=={onnxruntime.__version__}")
KINDS = {"wholebody": 1, "tracker": 10}
"""How rtmlib is used, and its frames from one detection to the next."""

PEER = """
import json, sys, time
import cv2
from rtmlib import PoseTracker, RTMPose, YOLOX
from rtmlib.tools.solution.wholebody import Wholebody

asked = json.loads(sys.argv[1])
solution = dict(det=asked["det"], det_input_size=tuple(asked["det_size"]), pose=asked["pose"],
                pose_input_size=tuple(asked["pose_size"]), backend="onnxruntime", device="cpu")
if asked["interval"] == 1:
    made = Wholebody(**solution)
    def fresh():
        return made
else:
    from functools import partial
    def fresh():
        return PoseTracker(partial(Wholebody, **{k: v for k, v in solution.items()
                                                 if k not in ("backend", "device")}),
                           det_frequency=asked["interval"], mode=None,
                           backend="onnxruntime", device="cpu")

def frames(path):
    capture = cv2.VideoCapture(path)
    while True:
        fine, picture = capture.read()
        if not fine:
            return
        yield picture

calls = 0
look = YOLOX.__call__
def counted(self, *given):
    global calls
    calls += 1
    return look(self, *given)
YOLOX.__call__ = counted

model = fresh()
for number, picture in enumerate(frames(asked["clips"][0])):
    model(picture)
    if number == 2:
        break
calls, count, seconds = 0, 0, 0.0
for path in asked["clips"]:
    model = fresh()  # a tracker keeps its people; loading is not measured
    began = time.perf_counter()
    for picture in frames(path):
        model(picture)
        count += 1
    seconds += time.perf_counter() - began
print(json.dumps({"frames": count, "seconds": seconds, "detections": calls}))
"""


@pytest.mark.parametrize("mode", sorted(MODES))
def test_rtmpose(
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    record: list[dict[str, Any]],
    mode: str,
) -> None:
    base = tmp_path_factory.getbasetemp()
    folder = base / "nets"
    whole = clips_of(shared_data / "svk-clips", base / "clips", CLIPS)
    ready = beginnings(whole, base / "beginnings", FRAMES)
    nets = pair(mode, folder, (ready[0]["height"], ready[0]["width"]))
    python = peer("rtmlib", RTMLIB)
    frames = sum(clip["frames"] for clip in ready)
    rows: dict[str, list[float]] = {}
    asked: Asked | None = None
    for _ in range(RUNS):
        for precision in _precisions():
            cool()
            options = BACKENDS.get("rtmpose").options(_options(nets, precision))
            measured = on_clips("rtmpose", options, ready, jobs=CORES)
            rows.setdefault(f"ours_{precision}", []).append(frames / measured.wall_s)
            if precision == "fp32":
                asked = Asked(frames, measured.calls, CORES, CORES)
                cool()
                top = nets_alone(options, asked)
                assert top is not None
                rows.setdefault("roofline", []).append(top[0])
        for kind, interval in KINDS.items():
            cool()
            rows.setdefault(kind, []).append(_peer(python, nets, ready, interval))
    assert asked is not None
    rates = {name: median(values) for name, values in rows.items()}
    record.append(
        {
            "benchmark": "rtmpose",
            "mode": mode,
            "clips": len(ready),
            "frames": frames,
            "frame": [ready[0]["height"], ready[0]["width"]],
            "cores": CORES,
            "runs": RUNS,
            "frames_per_s": rows,
            "detections": asked.calls["detect"],
            "crops": asked.calls["warp"],
            "share_of_roofline": _ratio(rows, "ours_fp32", "roofline"),
            **{f"over_{kind}": _ratio(rows, "ours_fp32", kind) for kind in KINDS},
            **{
                f"{name.removeprefix('ours_')}_over_wholebody": _ratio(rows, name, "wholebody")
                for name in rates
                if name.startswith("ours_") and name != "ours_fp32"
            },
        }
    )


def _precisions() -> tuple[str, ...]:
    return ("fp32", "bf16") if importlib.util.find_spec("openvino") else ("fp32",)


def _options(nets: Pair, precision: str) -> dict[str, Any]:
    lower = {"provider": "openvino", "precision": precision, "det_precision": precision}
    return {
        "detector": str(nets.detector),
        "pose": str(nets.pose),
        **({} if precision == "fp32" else lower),
    }


def _peer(python: Path, nets: Pair, ready: list[dict[str, Any]], interval: int) -> float:
    asked = {
        "clips": [clip["video"] for clip in ready],
        "det": str(nets.detector),
        "det_size": nets.detector_size[::-1],
        "pose": str(nets.pose),
        "pose_size": nets.pose_size[::-1],
        "interval": interval,
    }
    done = subprocess.run(
        [python, "-c", PEER, json.dumps(asked)], capture_output=True, text=True, check=True
    )
    reply = json.loads(done.stdout.splitlines()[-1])
    assert reply["frames"] == sum(clip["frames"] for clip in ready)
    return float(reply["frames"] / reply["seconds"])


def _ratio(rows: dict[str, list[float]], ours: str, other: str) -> float:
    """Median of the ratios of neighbouring runs: what slows one slows both."""
    return median([a / b for a, b in zip(rows[ours], rows[other], strict=True)])
