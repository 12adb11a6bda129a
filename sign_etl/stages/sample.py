"""From a clip and its store entries to the sample that `pack` writes."""

from __future__ import annotations

from typing import Any

from sign_etl.core.store import Entry
from sign_etl.schema.clip import Clip
from sign_etl.schema.layouts import layout
from sign_etl.schema.records import PoseRecord, SampleRecord, dump
from sign_etl.shard.pack import Sample
from sign_etl.stages.setup import Setup


def make_sample(
    setup: Setup,
    clip: Clip,
    label_id: int | None,
    *,
    video: Entry,
    poses: dict[str, Entry],
    quality: Entry,
    keep_video: bool,
    dtype: str,
) -> Sample:
    """The sample of one clip.

    Args:
        setup: of the build.
        clip: the clip.
        label_id: its class number.
        video: entry of `normalise`.
        poses: entries by backend.
        quality: entry of `quality`.
        keep_video: whether the shard holds the video.
        dtype: of the keypoints in the shard.
    """
    made = video.facts["video"]
    described = {
        "key": clip.key,
        "annotation_id": clip.annotation_id,
        "source_id": clip.source.id,
        "split": clip.split,
        "label": clip.label,
        "label_id": label_id,
        "gloss": clip.gloss,
        "text": clip.text,
        "language": clip.language,
        "signer": clip.signer,
        "start_s": clip.start_s,
        "end_s": clip.end_s,
        "fps": made["fps"],
        "frames": made["frames"],
        "width": made["width"],
        "height": made["height"],
        "flags": sorted(video.facts["flags"]),
        "quality": dict(quality.facts["measures"]),
        "extra": dict(clip.extra),
    }
    record = SampleRecord(
        schema="sign-etl/sample/1",
        dataset=clip.dataset,
        source=video.facts["source"],
        video={name: value for name, value in made.items() if name not in described},
        poses={
            pose.name: PoseRecord(
                layout=pose.layout,
                version=pose.version,
                dtype=dtype,
                shape=(made["frames"], layout(pose.layout).size, layout(pose.layout).channels),
                options=dict(pose.options),
                weights=tuple(sorted(pose.weights.values())),
            )
            for pose in setup.poses
        },
        **described,
    )
    row: dict[str, Any] = {
        **described,
        "quality": sorted(described["quality"].items()),
        "extra": sorted(described["extra"].items()),
    }
    return Sample(
        key=clip.key,
        record=dump(record),
        video=video.blobs["video"] if keep_video else None,
        poses={name: entry.blobs["keypoints"] for name, entry in poses.items()},
        row=row,
    )
