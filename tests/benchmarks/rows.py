"""The rows of the table in README.md: what is measured, against what, and what it should reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        what: was measured.
        against: what.
        reach: in words.
        results: which lines of the raw results it is about.
        value: the figure of a result.
        file: the benchmark that makes it.
    """

    what: str
    against: str
    reach: str
    results: Callable[[Result], bool]
    value: Callable[[Result], str]
    file: str


def _is(benchmark: str) -> Callable[[Result], bool]:
    return lambda result: result["benchmark"] == benchmark


def _times(name: str) -> Callable[[Result], str]:
    return lambda result: f"{_mode(result)}{result[name]:.2f}x" if name in result else ""


def _said(name: str, unit: str, factor: float = 1.0, digits: int = 1) -> Callable[[Result], str]:
    return lambda one: f"{_mode(one)}{one[name] * factor:,.{digits}f} {unit}" if name in one else ""


def _loads(peer: str, workers: int) -> Callable[[Result], bool]:
    return lambda one: (
        one["benchmark"] == "loader" and one["peer"] == peer and one.get("workers") == workers
    )


def _of(benchmark: str, mode: str) -> Callable[[Result], bool]:
    return lambda one: one["benchmark"] == benchmark and one.get("mode") == mode


FASTER = "sign_etl_is_faster_by"
PLANNED = "1000000 planned"


def _mode(result: Result) -> str:
    return f"{result['mode']} " if "mode" in result else ""


ROWS = (
    Row(
        "RTMPose stage, fp32",
        "pose net and key-frame detector alone",
        "at least 0.90x",
        _is("rtmpose"),
        _times("share_of_roofline"),
        "bench_pose.py",
    ),
    Row(
        "the same",
        "rtmlib `Wholebody`",
        "about 4x, 2.5x, 1.6x",
        _is("rtmpose"),
        _times("over_wholebody"),
        "bench_pose.py",
    ),
    Row(
        "the same",
        "rtmlib `PoseTracker`, detector every 10 frames",
        "at least 1x",
        _is("rtmpose"),
        _times("over_tracker"),
        "bench_pose.py",
    ),
    Row(
        "the same in bf16 (OpenVINO)",
        "rtmlib `Wholebody`",
        "at least 8x, balanced",
        _is("rtmpose"),
        _times("bf16_over_wholebody"),
        "bench_pose.py",
    ),
    Row(
        "BlazePose stage",
        "pose-format `videos_to_poses`",
        "at least 1.3x",
        _is("blazepose"),
        _times("default_over_pose_format"),
        "bench_blazepose.py",
    ),
    Row(
        "the same with `hands_mode: video`",
        "pose-format `videos_to_poses`",
        "",
        _is("blazepose"),
        _times("hands_video_over_pose_format"),
        "bench_blazepose.py",
    ),
    Row(
        "the same with `hands_mode: image`",
        "pose-format `videos_to_poses`",
        "",
        _is("blazepose"),
        _times("hands_image_over_pose_format"),
        "bench_blazepose.py",
    ),
    Row(
        "`ingest`, wall time",
        "CPU seconds / cores",
        "at most 1.15x",
        _is("ingest"),
        _times("local_wall_over_cpu"),
        "bench_ingest.py",
    ),
    Row(
        "Ray runner, time a clip after start-up",
        "local runner",
        "at most 1.10x",
        _is("ingest"),
        _times("ray_over_local"),
        "bench_ingest.py",
    ),
    *(
        Row(
            f"keypoint samples/s to the loop, {workers} workers",
            peer,
            f"at least {reach}x" if reach else "",
            _loads(peer, workers),
            _times(FASTER),
            "bench_loader.py",
        )
        for workers, peers in {
            0: {
                "webdataset": 3,
                "litdata": 1.5,
                "mosaicml-streaming": 2,
                "wids": 0,
                "energon": 0,
                "memory": 0,
            },
            2: {
                "webdataset": 1.8,
                "litdata": 1.8,
                "mosaicml-streaming": 1.2,
                "energon": 0,
                "memory": 0,
            },
        }.items()
        for peer, reach in peers.items()
    ),
    Row(
        "resume of an epoch of 1 M samples",
        "",
        "under 0.5 s",
        _is("loader-resume"),
        _said("resume_s", "s", digits=2),
        "bench_loader.py",
    ),
    Row(
        "a training's place in the data",
        "",
        "under 300 bytes",
        _is("loader-resume"),
        _said("state_bytes", "bytes", digits=0),
        "bench_loader.py",
    ),
    *(
        Row(
            f"video frames/s to the loop, 16 x 4, {workers} workers",
            peer,
            "at least 1.3x of the best" if workers else "",
            lambda one, peer=peer, workers=workers: (  # type: ignore[misc]
                one["benchmark"] == "video"
                and one.get("peer") == peer
                and one.get("workers") == workers
            ),
            lambda one: f"{one[FASTER]:.2f}x",
            "bench_video.py",
        )
        for workers in (0, 2)
        for peer in ("decord", "pyav", "pyav-pillow", "pyav-scaled", "webdataset")
    ),
    Row(
        "training step with the loader",
        "with a cached batch",
        "",
        _is("train-step"),
        _times("loader_over_cached"),
        "bench_train_step.py",
    ),
    Row(
        "packing",
        "copying the same bytes",
        "at least 0.7x",
        _is("pack"),
        _times("rate_of_copying"),
        "bench_pack.py",
    ),
    Row(
        "the same",
        "copying and their digests alone",
        "",
        _is("pack"),
        _times("rate_of_copying_and_digests"),
        "bench_pack.py",
    ),
    Row(
        "`sign-etl --help`",
        "",
        "under 0.2 s",
        _is("help"),
        _said("help_s", "s", digits=2),
        "bench_cli.py",
    ),
    Row(
        "planning 1 M clips",
        "",
        "under 20 s",
        _of("scale", PLANNED),
        lambda one: f"{one['plan_s']:.1f} s",
        "bench_scale.py",
    ),
    Row(
        "the same, memory",
        "",
        "under 1 GiB",
        _of("scale", PLANNED),
        lambda one: f"{one['plan_mib']:,.0f} MiB",
        "bench_scale.py",
    ),
    Row(
        "`status` of 1 M clips",
        "",
        "under 2 s",
        _of("scale", PLANNED),
        lambda one: f"{one['status_s']:.1f} s",
        "bench_scale.py",
    ),
)
