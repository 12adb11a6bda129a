"""Rerun: one recording a clip, with its keypoints, their scores and, when asked for, its video.

    SPLIT/KEY.rrd

Entities: `clip/keypoints` (points in pixels with the skeleton of the layout), `clip/score` (mean
score of each part), `clip/video`. Timelines: `frame` and `time`. The package numbers its chunks at
random, so two exports hold the same and differ in their bytes.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.core.errors import AccessError
from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.reader import Sample
from sign_etl.schema.coordinates import to_pixels
from sign_etl.schema.layouts import Layout

APPLICATION: Final = "sign-etl"


@dataclass(frozen=True, slots=True)
class Rerun:
    """The format."""

    name: str = "rerun"
    title: str = "Rerun recordings (.rrd), one a clip"
    read_by: str = "`rerun train/KEY.rrd` shows a clip; several files can be given at once."
    video: VideoUse = "optional"
    poses: bool = True
    layout: str | None = None
    lost: str = "depth and what the index says beside label, text and signer"

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        try:
            rr: Any = importlib.import_module("rerun")
        except ImportError:
            raise AccessError(
                "writing `.rrd` files needs the package `rerun-sdk`", hint="pip install rerun-sdk"
            ) from None
        kind = selection.kind()
        context = _context(rr, kind)
        clips = 0
        for sample in selection.samples():
            path = folder / sample.split / f"{sample.key}.rrd"
            path.parent.mkdir(exist_ok=True)
            with rr.RecordingStream(
                APPLICATION, recording_id=sample.key, send_properties=False
            ) as recording:
                recording.save(path)
                recording.log("clip", context, static=True)
                recording.log("clip/about", rr.TextDocument(_about(sample)), static=True)
                _keypoints(rr, recording, selection, sample, kind)
                if selection.video:
                    _video(rr, recording, selection, sample)
                recording.flush()
                recording.disconnect()
            clips += 1
        return Written(clips)


FORMAT = Rerun()


def _context(rr: Any, kind: Layout) -> Any:
    return rr.AnnotationContext(
        rr.ClassDescription(
            info=rr.AnnotationInfo(0, "signer"),
            keypoint_annotations=[
                rr.AnnotationInfo(number, name) for number, name in enumerate(kind.points)
            ],
            keypoint_connections=list(kind.edges),
        )
    )


def _about(sample: Sample) -> str:
    said = {"label": sample.label, "gloss": sample.gloss, "text": sample.text}
    said |= {"signer": sample.signer, "language": sample.language, "split": sample.split}
    return "\n".join(f"{name}: {value}" for name, value in said.items() if value)


def _timelines(rr: Any, sample: Sample) -> list[Any]:
    frames = np.arange(sample.frames)
    return [
        rr.TimeColumn("frame", sequence=frames),
        rr.TimeColumn("time", duration=frames / sample.fps),
    ]


def _keypoints(rr: Any, recording: Any, selection: Selection, sample: Sample, kind: Layout) -> None:
    """Only points that were estimated: a viewer would draw the others in the corner."""
    keypoints = selection.keypoints(sample)
    there = ~np.isnan(keypoints[..., :2]).any(axis=-1)
    places = to_pixels(keypoints, kind, (sample.width, sample.height))[..., :2]
    numbers = np.broadcast_to(np.arange(kind.size), there.shape)
    columns = rr.Points2D.columns(
        positions=places[there],
        class_ids=np.zeros(int(there.sum()), np.uint16),
        keypoint_ids=numbers[there].astype(np.uint16),
    )
    times = _timelines(rr, sample)
    rr.send_columns(
        "clip/keypoints", times, columns.partition(there.sum(axis=1)), recording=recording
    )
    for part, points in kind.parts.items():
        if points:
            scores = keypoints[:, list(points), -1].astype(np.float64).mean(axis=1)
            rr.send_columns(
                f"clip/score/{part}", times, rr.Scalars.columns(scalars=scores), recording=recording
            )


def _video(rr: Any, recording: Any, selection: Selection, sample: Sample) -> None:
    asset = rr.AssetVideo(contents=selection.build.read(sample, "mp4"), media_type="video/mp4")
    recording.log("clip/video", asset, static=True)
    stamps = asset.read_frame_timestamps_nanos()
    frames = np.arange(len(stamps))
    rr.send_columns(
        "clip/video",
        [
            rr.TimeColumn("frame", sequence=frames),
            rr.TimeColumn("time", duration=frames / sample.fps),
        ],
        rr.VideoFrameReference.columns_nanos(stamps),
        recording=recording,
    )
