"""From a clip and its store entries to the sample that `pack` writes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sign_etl.core.store import Entry
from sign_etl.keypoints import importing
from sign_etl.schema.backend_options import feature_identity
from sign_etl.schema.clip import Clip
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.layouts import layout
from sign_etl.schema.records import FeatureRecord, PoseRecord, SampleRecord, dump
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
    features: Mapping[str, Entry] = MappingProxyType({}),
) -> Sample:
    """The sample of one clip.

    Args:
        setup: of the build.
        clip: the clip.
        label_id: its class number.
        video: entry of `normalise`, or of `import`, which has no video.
        poses: entries by backend.
        quality: entry of `quality`.
        keep_video: whether the shard holds the video.
        dtype: of the keypoints in the shard.
        features: entries by set.
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
            name: _pose_record(setup, name, made["frames"], dtype, clip.source.keypoints)
            for name in poses
        },
        features={name: _feature_record(setup, name, entry) for name, entry in features.items()},
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
        video=video.blobs.get("video") if keep_video else None,
        poses={name: entry.blobs["keypoints"] for name, entry in poses.items()},
        row=row,
        features={name: entry.blobs["features"] for name, entry in features.items()},
    )


def _feature_record(setup: Setup, name: str, entry: Entry) -> FeatureRecord:
    made = next(each for each in setup.features if each.name == name)
    return FeatureRecord(
        backend=made.backend,
        version=made.version,
        dtype=made.options["dtype"],
        shape=tuple(entry.facts["shape"]),
        options=feature_identity(made.options),
        weights=tuple(sorted(made.weights.values())),
        provider=entry.facts["provider"],
    )


def _pose_record(
    setup: Setup, name: str, frames: int, dtype: str, keypoint_format: str | None
) -> PoseRecord:
    if name == IMPORTED and setup.imported is not None:
        kind, version = layout(setup.imported.layout), importing.VERSION
        options = setup.imported.options() | {"format": keypoint_format}
        weights: tuple[str, ...] = ()
    else:
        pose = next(pose for pose in setup.poses if pose.name == name)
        kind, version, options = layout(pose.layout), pose.version, dict(pose.options)
        weights = tuple(sorted(pose.weights.values()))
    return PoseRecord(
        layout=kind.name,
        version=version,
        dtype=dtype,
        shape=(frames, kind.size, kind.channels),
        options=options,
        weights=weights,
    )
