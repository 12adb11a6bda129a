"""One sample: its row of the index, its record, its arrays and its video must tell one story."""

from __future__ import annotations

import io
import json
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import ConfigError
from sign_etl.reader.sample import NPY
from sign_etl.schema.clip import KEY_PATTERN
from sign_etl.schema.feature_set import feature_member, is_features
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.labels import normal_label
from sign_etl.schema.layouts import layout
from sign_etl.schema.records import (
    FeatureSetRecord,
    LabelsRecord,
    ManifestRecord,
    PoseRecord,
    PoseSetRecord,
    SampleRecord,
    dump,
)
from sign_etl.shard.check_features import check_feature_records, check_features
from sign_etl.shard.pack import NAN_BITS

SCORE_SLACK = 1e-3
"""Scores may exceed 1 by the rounding of float16 and of a model's own sigmoid."""
PROBABLE = frozenset({"blazepose-33", "holistic-75"})
"""Layouts whose scores are probabilities; those of SimCC heads are the net's own, above 1 too."""

NOT_IN_RECORD = ("shard", "members")
PAIRED = ("quality", "extra")
"""Columns that Arrow gives as lists of pairs."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all samples of a build have in common.

    Attributes:
        dataset: its name.
        labels: class names by label id; None where `labels.json` cannot be read.
        poses: pose backends by name.
        keep_video: whether samples hold a video; None where the manifest does not tell.
        dtype: of the keypoints; None where the manifest does not tell.
        features: sets of features by name.
    """

    dataset: str
    labels: tuple[str, ...] | None
    poses: Mapping[str, PoseSetRecord]
    keep_video: bool | None
    dtype: str | None
    features: Mapping[str, FeatureSetRecord] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: ManifestRecord, labels: LabelsRecord | None) -> Rules:
        """The rules that a manifest and its labels set."""
        pack = manifest.pipeline.get("pack", {})
        return cls(
            manifest.dataset,
            labels.labels if labels else None,
            manifest.poses,
            pack.get("keep_video"),
            pack.get("dtype"),
            manifest.features,
        )


def check_labels(labels: LabelsRecord) -> Iterator[str]:
    """Problems of `labels.json` by itself."""
    if len(set(labels.labels)) != len(labels.labels):
        yield "labels.json: names a class twice"
    if labels.order == "sorted" and list(labels.labels) != sorted(labels.labels):
        yield "labels.json: says that the names are sorted, but they are not"
    if len(labels.normal) != len(labels.labels):
        yield f"labels.json: has {len(labels.normal)} normal labels of {len(labels.labels)} classes"
    odd = [name for name in labels.normal if normal_label(name) != name]
    if odd:
        yield f"labels.json: {odd[0]!r} is no normal label"


def check_row(row: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    """Problems of one row of the index by itself and against the labels."""
    if not KEY_PATTERN.fullmatch(row["key"]):
        yield "is no clip key"
    names = [member["name"] for member in row["members"]]
    if names != sorted(names):
        yield "its members are not sorted"
    wanted = {"json", *(f"{name}{NPY}" for name in _poses_of(names, rules))}
    has_video = f"{IMPORTED}{NPY}" not in wanted
    if has_video:
        wanted |= {feature_member(name) for name in rules.features}
    if has_video and (rules.keep_video or (rules.keep_video is None and "mp4" in names)):
        wanted.add("mp4")
    if set(names) != wanted:
        yield f"has the members {', '.join(names)}, the manifest wants {', '.join(sorted(wanted))}"
    yield from _check_label(row["label"], row["label_id"], rules)


def check_sample(
    row: Mapping[str, Any], contents: Mapping[str, bytes], rules: Rules
) -> Iterator[str]:
    """Problems of what the members of a sample say.

    Args:
        row: its row of the index.
        contents: bytes by member name.
        rules: see `Rules`.
    """
    if "json" not in contents:
        return
    try:
        record = SampleRecord.model_validate_json(contents["json"])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "json"
        yield f"its record is not what the schema says ({where}: {first['msg']})"
        return
    yield from _check_record(row, record, contents["json"], rules)
    for name, data in contents.items():
        if is_features(name):
            yield from (f"{name} {text}" for text in check_features(name, data, record))
        elif name.endswith(NPY):
            backend = name[: -len(NPY)]
            if backend not in record.poses:
                yield f"its record says nothing about {name}"
            else:
                pose = record.poses[backend]
                yield from (f"{name} {text}" for text in _check_pose(data, pose, record, rules))
        elif name == "mp4":
            yield from (f"mp4 {text}" for text in _check_video(data, record))


def _poses_of(names: Collection[str], rules: Rules) -> set[str]:
    """The poses of a sample with these members: imported ones alone, or those of all backends."""
    imported = {IMPORTED} & set(rules.poses)
    return imported if f"{IMPORTED}{NPY}" in names else set(rules.poses) - imported


def _check_label(label: str | None, label_id: int | None, rules: Rules) -> Iterator[str]:
    if (label is None) != (label_id is None):
        yield f"has label {label!r} but label_id {label_id}"
    elif label is None or label_id is None or rules.labels is None:
        return
    elif not 0 <= label_id < len(rules.labels):
        yield f"has label_id {label_id}, labels.json ends at {len(rules.labels) - 1}"
    elif rules.labels[label_id] not in (label, unicodedata.normalize("NFC", label)):
        yield f"has label {label!r}, labels.json says {rules.labels[label_id]!r} for {label_id}"


def _check_record(
    row: Mapping[str, Any], record: SampleRecord, data: bytes, rules: Rules
) -> Iterator[str]:
    value = dump(record)
    if canonical_json(json.loads(data)).encode("utf-8") != data:
        yield "its record is not canonical JSON"
    for column, stated in row.items():
        if column in NOT_IN_RECORD:
            continue
        indexed = dict(stated) if column in PAIRED else stated
        if value[column] != indexed:
            yield f"{column} is {value[column]!r} in the record and {indexed!r} in the index"
    if record.dataset != rules.dataset:
        yield f"is of data set {record.dataset!r}, the manifest says {rules.dataset!r}"
    wanted = _poses_of([f"{name}{NPY}" for name in record.poses], rules)
    if set(record.poses) != wanted:
        yield f"its record has poses of {sorted(record.poses)}, the manifest {sorted(wanted)}"
    imported = IMPORTED in record.poses
    yield from check_feature_records(record, {} if imported else rules.features)
    for name, pose in record.poses.items():
        whole = rules.poses.get(name)
        if whole is None:
            continue
        same = (pose.layout, pose.version) == (whole.layout, whole.version)
        if not same or set(pose.weights) != set(whole.weights.values()):
            yield f"its {name} has another layout, version or weights than the manifest says"


def _check_pose(data: bytes, pose: PoseRecord, record: SampleRecord, rules: Rules) -> Iterator[str]:
    try:
        keypoints: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        yield "cannot be read as an array of numbers"
        return
    dtype = keypoints.dtype.name
    if dtype != pose.dtype or dtype not in NAN_BITS or dtype != (rules.dtype or dtype):
        yield f"is {dtype}, the record says {pose.dtype}"
        return
    if keypoints.shape != pose.shape:
        yield f"has shape {keypoints.shape}, the record says {pose.shape}"
        return
    try:
        kind = layout(pose.layout)
    except ConfigError as error:
        yield f"has an {error.message}"
        return
    wanted = (record.frames, kind.size, kind.channels)
    if keypoints.shape != wanted:
        yield f"has shape {keypoints.shape}, {kind.name} and the frames need {wanted}"
        return
    yield from _check_points(keypoints, probable=kind.name in PROBABLE)


def _check_points(keypoints: NDArray[Any], *, probable: bool) -> Iterator[str]:
    score = keypoints[..., -1]
    missing = np.isnan(keypoints[..., :-1])
    if probable and not bool(((score >= 0) & (score <= 1 + SCORE_SLACK)).all()):
        yield "has scores outside of 0 to 1"
    elif not bool((score >= 0).all()):
        yield "has scores that are no numbers from 0 on"
    if np.isinf(keypoints).any():
        yield "has infinite coordinates"
    if (missing.any(axis=-1) != missing.all(axis=-1)).any():
        yield "has points of which only some coordinates are NaN"
    if (missing.any(axis=-1) & (score != 0)).any():
        yield "has points that are NaN with a score above 0"
    if (~missing.any(axis=-1) & (score == 0)).any():
        yield "has points with score 0 that are not NaN"
    pattern = np.asarray(NAN_BITS[keypoints.dtype.name])
    if (keypoints.view(pattern.dtype)[np.isnan(keypoints)] != pattern).any():
        yield "has NaN of more than one bit pattern"


def _check_video(data: bytes, record: SampleRecord) -> Iterator[str]:
    # Headers and packets only: nothing is decoded. The format is forced, so bytes that pose as
    # something else are an error and not another demuxer.
    import av
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(data), "r", format="mp4") as container:
            stream = container.streams.video[0]
            frames = sum(1 for packet in container.demux(stream) if packet.size)
            size = (stream.codec_context.width, stream.codec_context.height)
    except (FFmpegError, IndexError):
        yield "cannot be opened as a video"
        return
    if frames != record.frames:
        yield f"has {frames} frames, the record says {record.frames}"
    if size != (record.width, record.height):
        yield f"is {size[0]}x{size[1]}, the record says {record.width}x{record.height}"
