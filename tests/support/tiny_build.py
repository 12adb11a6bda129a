"""A small real build, written with the product's own shard writer, for tests of what reads builds.

The videos are real H.264, the keypoints are made by geometry: a signer who faces the camera and
whose left hand (on the right of the picture) circles while the right one rests.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sign_etl.core.canonical import sha256_file
from sign_etl.core.files import write_json
from sign_etl.core.store import Store
from sign_etl.schema.clip import clip_key
from sign_etl.schema.labels import normal_labels
from sign_etl.schema.layouts import layout
from sign_etl.schema.records import LabelsRecord, ManifestRecord, SampleRecord, dump
from sign_etl.schema.tables import INDEX, LEDGER, write_table
from sign_etl.shard.pack import Sample, pack

LABELS = ("water", "γειά", "мир", "سلام", "手話", "ahoj")
"""Class names in several scripts."""
FRAMES = 12
WIDTH, HEIGHT, FPS = 160, 120, 25.0
LAYOUT = "holistic-75"
WEIGHTS = {"pose.task": "ab" * 32}
TABLE_FILES = ("index.parquet", "ledger.parquet", "labels.json")


def write_tiny_build(
    out: Path,
    *,
    clips: int = 6,
    shard_clips: int = 2,
    splits: Sequence[str] = ("train", "val"),
    backends: Sequence[str] = ("blazepose",),
    keep_video: bool = True,
    dtype: str = "float16",
    pictures: Sequence[NDArray[np.uint8]] = (),
) -> Path:
    """Write a build of `clips` written and one dead clip; returns its folder.

    Args:
        out: folder to create.
        clips: number of written samples.
        shard_clips: samples in a shard.
        splits: clips take turns.
        backends: names of the pose backends; all have the same keypoints.
        keep_video: whether the shards hold videos.
        dtype: of the keypoints.
        pictures: frames (H, W, 3) for every video; default a moving gradient.
    """
    with TemporaryDirectory() as folder:
        return _write(
            Store(folder), out, clips, shard_clips, splits, backends, keep_video, dtype, pictures
        )


def _write(
    store: Store,
    out: Path,
    clips: int,
    shard_clips: int,
    splits: Sequence[str],
    backends: Sequence[str],
    keep_video: bool,
    dtype: str,
    pictures: Sequence[NDArray[np.uint8]],
) -> Path:
    frames = list(pictures) or list(gradient(FRAMES))
    height, width = frames[0].shape[:2]
    labels = sorted(LABELS)
    facts = [_clip(number, splits, labels) for number in range(clips)]
    plan = sorted(facts, key=lambda fact: (splits.index(fact["split"]), fact["key"]))
    shards: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    shard_of: dict[str, str] = {}
    for split in splits:
        mine = [fact for fact in plan if fact["split"] == split]
        for number, first in enumerate(range(0, len(mine), shard_clips)):
            path = f"{split}/tiny-{split}-{number:06d}.tar"
            samples = [
                _sample(store, fact, frames, width, height, backends, keep_video, dtype)
                for fact in mine[first : first + shard_clips]
            ]
            packed = pack(store, out, path, samples, dtype=dtype)
            rows += packed.rows
            shard_of |= {sample.key: path for sample in samples}
            shards.append(
                {
                    "path": path,
                    "split": split,
                    "samples": len(samples),
                    "size_bytes": packed.size_bytes,
                    "sha256": packed.sha256,
                }
            )
    write_table(out / "index.parquet", pa.Table.from_pylist(rows, INDEX))
    dead = {**_clip(clips, splits, labels), "shard": shards[-1]["path"]}
    ledger = [
        {**fact, "shard": shard_of[fact["key"]], "outcome": "written", "retryable": False}
        for fact in plan
    ]
    ledger.append(
        {
            **dead,
            "outcome": "failed",
            "stage": "fetch",
            "reason": "link-dead",
            "detail": "404",
            "retryable": False,
        }
    )
    names = LEDGER.names
    ledger_rows = [{"flags": [], **{n: row.get(n) for n in names if n in row}} for row in ledger]
    write_table(out / "ledger.parquet", pa.Table.from_pylist(ledger_rows, LEDGER))
    write_json(
        out / "labels.json",
        dump(
            LabelsRecord(
                schema="sign-etl/labels/1",
                order="sorted",
                labels=tuple(labels),
                normal=normal_labels(labels, {}),
            )
        ),
    )
    pipeline = {"name": "tiny", "pack": {"keep_video": keep_video, "dtype": dtype}}
    pose = {"layout": LAYOUT, "version": "1", "options": {}, "weights": WEIGHTS}
    manifest = ManifestRecord(
        schema="sign-etl/manifest/1",
        name="tiny",
        dataset="tiny",
        recipe="folder",
        recipe_version="1",
        licence="CC0-1.0",
        language="zxx",
        citation="",
        homepage="",
        plan="0" * 64,
        pipeline=pipeline,
        stages={"pack": "1"},
        poses=dict.fromkeys(backends, pose),
        counts={"written": clips, "failed": 1},
        reasons={"link-dead": 1},
        splits={split: sum(row["split"] == split for row in rows) for split in splits},
        shards=tuple(shards),
        files={name: _file(out / name) for name in TABLE_FILES},
    )
    write_json(out / "manifest.json", dump(manifest))
    return out


def reseal(build: Path) -> None:
    """Make the manifest agree with the files as they are now, as a forger would."""
    manifest = json.loads((build / "manifest.json").read_bytes())
    for shard in manifest["shards"]:
        if (build / shard["path"]).exists():
            shard.update(_file(build / shard["path"]))
    manifest["files"] = {name: _file(build / name) for name in TABLE_FILES}
    write_json(build / "manifest.json", manifest)


def gradient(frames: int, width: int = WIDTH, height: int = HEIGHT) -> Iterator[NDArray[np.uint8]]:
    """Frames (H, W, 3) of a moving gradient."""
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    for number in range(frames):
        yield np.stack(
            [across + 4 * number, down + 2 * number, np.full_like(across, 96)], axis=-1
        ).astype(np.uint8)


def encode(frames: Sequence[NDArray[np.uint8]], fps: float = FPS) -> bytes:
    """`frames` as an H.264 mp4, as `normalise` writes them: short GOP, constant rate."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=int(fps))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 12
        stream.thread_count = 1
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return buffer.getvalue()


def signer_keypoints(frames: int, phase: float = 0.0) -> NDArray[np.float32]:
    """(T, 75, 4) keypoints of a signer whose left hand circles.

    The right hand is not estimated in the last quarter of the frames, knees and below never.
    """
    kind = layout(LAYOUT)
    keypoints = np.full((frames, kind.size, kind.channels), np.nan, np.float32)
    keypoints[..., -1] = 0
    still = {
        "nose": (0.5, 0.22),
        "left_eye": (0.53, 0.19),
        "right_eye": (0.47, 0.19),
        "left_eye_inner": (0.515, 0.19),
        "left_eye_outer": (0.545, 0.19),
        "right_eye_inner": (0.485, 0.19),
        "right_eye_outer": (0.455, 0.19),
        "left_ear": (0.57, 0.21),
        "right_ear": (0.43, 0.21),
        "mouth_left": (0.52, 0.26),
        "mouth_right": (0.48, 0.26),
        "left_shoulder": (0.64, 0.42),
        "right_shoulder": (0.36, 0.42),
        "left_hip": (0.59, 0.88),
        "right_hip": (0.41, 0.88),
    }
    turn = 2 * np.pi * np.arange(frames) / max(frames, 1) + phase
    left = np.stack([0.68 + 0.08 * np.cos(turn), 0.50 + 0.12 * np.sin(turn)], axis=1)
    right = np.tile([0.36, 0.78], (frames, 1))

    def put(name: str, xy: Any, score: float) -> None:
        at = kind.index(name)
        keypoints[:, at, :2] = xy
        keypoints[:, at, 2] = 0
        keypoints[:, at, 3] = score

    for name, xy in still.items():
        put(name, xy, 0.99)
    put("left_elbow", np.stack([np.full(frames, 0.71), 0.62 + 0.05 * np.sin(turn)], 1), 0.95)
    put("right_elbow", (0.30, 0.62), 0.4)
    put("left_wrist", left, 0.95)
    put("right_wrist", right, 0.9)
    for side, wrist, outwards in (("left", left, 1.0), ("right", right, -1.0)):
        for number, point in enumerate(kind.parts[f"{side}_hand"]):
            finger, joint = divmod(number - 1, 4)
            spread = (finger - 2) * 0.012 * outwards if number else 0.0
            reach = 0.03 + 0.016 * (joint + 1) if number else 0.0
            keypoints[:, point, 0] = wrist[:, 0] - spread
            keypoints[:, point, 1] = wrist[:, 1] - reach
            keypoints[:, point, 2:] = (0.0, 0.97)
    gone = slice(frames - frames // 4, frames)
    keypoints[gone, kind.parts["right_hand"][0] : kind.parts["right_hand"][-1] + 1, :-1] = np.nan
    keypoints[gone, kind.parts["right_hand"][0] : kind.parts["right_hand"][-1] + 1, -1] = 0
    return keypoints


def _clip(number: int, splits: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    label = LABELS[number % len(LABELS)]
    annotation_id = f"clip {number}"
    return {
        "key": clip_key("tiny", annotation_id, f"{number}.mp4"),
        "annotation_id": annotation_id,
        "source_id": f"{number}.mp4",
        "split": splits[number % len(splits)],
        "label": label,
        "label_id": labels.index(label),
        "gloss": label.upper(),
        "text": None,
        "language": "zxx",
        "signer": f"s{number % 2}",
        "start_s": 0.0,
        "end_s": None,
    }


def _sample(
    store: Store,
    fact: dict[str, Any],
    frames: Sequence[NDArray[np.uint8]],
    width: int,
    height: int,
    backends: Sequence[str],
    keep_video: bool,
    dtype: str,
) -> Sample:
    number = int(fact["annotation_id"].split()[1])
    keypoints = signer_keypoints(len(frames), phase=float(number))
    buffer = io.BytesIO()
    np.save(buffer, keypoints, allow_pickle=False)
    files = {f"{name}.npy": buffer.getvalue() for name in backends}
    if keep_video:
        files["mp4"] = encode(frames)
    blobs = {}
    with store.scratch() as folder:
        for name, data in files.items():
            (folder / name).write_bytes(data)
            blobs[name] = store.adopt(folder / name)
    described = {
        "fps": FPS,
        "frames": len(frames),
        "width": width,
        "height": height,
        "flags": [],
        "quality": {"body": 1.0, "left_hand": 1.0},
        "extra": {"view": "front"},
    }
    pose = {
        "layout": LAYOUT,
        "version": "1",
        "dtype": dtype,
        "shape": keypoints.shape,
        "options": {},
        "weights": tuple(WEIGHTS.values()),
    }
    record = SampleRecord(
        schema="sign-etl/sample/1",
        dataset="tiny",
        **fact,
        **described,
        source={"codec": "h264"},
        video={"source_us": [round(1e6 * at / FPS) for at in range(len(frames))]},
        poses=dict.fromkeys(backends, pose),
    )
    return Sample(
        key=fact["key"],
        record=dump(record),
        video=blobs.get("mp4"),
        poses={name: blobs[f"{name}.npy"] for name in backends},
        row=fact | described,
    )


def _file(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}
