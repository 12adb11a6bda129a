"""Uni-Sign: a pickle of poses for each clip, and one of labels for each phase.

    pose_format/PHASE/KEY.pkl     {"keypoints": [T x (1, 133, 2)], "scores": [T x (1, 133)], "w_h"}
    rgb_format/PHASE/KEY.mp4      with videos only
    labels.PHASE                  gzipped: {KEY: {"name", "gloss", "text", "video_path"}}

Coordinates are shares of width and height; a point that was not estimated lies at 0 with score 0.
Phases are `train`, `dev` and `test`. The pickles hold dicts, lists, texts, whole numbers and numpy
arrays, nothing else; numpy 1.26 and later load them.
"""

from __future__ import annotations

import gzip
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sign_etl.export.base import Selection, VideoUse, Written, renamed, sentence_of
from sign_etl.reader import Sample

PHASES: Final = {"val": "dev"}
PROTOCOL: Final = 4


@dataclass(frozen=True, slots=True)
class UniSign:
    """The format."""

    name: str = "unisign"
    title: str = "Uni-Sign folders (pose pickles and labels)"
    read_by: str = (
        "Name `pose_format` (and `rgb_format`) and the `labels.*` files in Uni-Sign's `config.py`. "
        "Uni-Sign chooses the language of its prompt by the name of the data set. Back into "
        "sign-etl: `sign-etl ingest unisign --media DIR --annotations DIR`, for single words with "
        "`--set dataset.label=text`."
    )
    video: VideoUse = "optional"
    poses: bool = True
    layout: str | None = "coco-wholebody-133"
    lost: str = "signers and frame rates"

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        clips = skipped = 0
        for split, phase in renamed(selection.splits, PHASES).items():
            (folder / "pose_format" / phase).mkdir(parents=True)
            labels: dict[str, dict[str, Any]] = {}
            for sample in selection.samples(split):
                text = sentence_of(sample)
                if text is None:
                    skipped += 1
                    continue
                labels[sample.key] = _label(sample, text)
                path = folder / "pose_format" / phase / f"{sample.key}.pkl"
                path.write_bytes(pickle.dumps(_pose(selection, sample), PROTOCOL))
                selection.write_video(sample, folder / "rgb_format" / phase / f"{sample.key}.mp4")
                clips += 1
            data = gzip.compress(pickle.dumps(labels, PROTOCOL), mtime=0)
            (folder / f"labels.{phase}").write_bytes(data)
        return Written(clips, skipped)


FORMAT = UniSign()


def _label(sample: Sample, text: str) -> dict[str, Any]:
    return {
        "name": sample.key,
        "gloss": sample.gloss.split() if sample.gloss else "",
        "text": text,
        "video_path": f"{sample.key}.mp4",
    }


def _pose(selection: Selection, sample: Sample) -> dict[str, Any]:
    points = selection.filled(sample)
    return {
        "keypoints": [frame[None, :, :2].copy() for frame in points],
        "scores": [frame[None, :, 2].copy() for frame in points],
        "w_h": [sample.width, sample.height],
    }
