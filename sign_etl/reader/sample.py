"""A row of the index as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sign_etl.schema.feature_set import FEATURES, is_features

NPY = ".npy"


def is_keypoints(member: str) -> bool:
    """True for members that hold keypoints."""
    return member.endswith(NPY) and not is_features(member)


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Where the bytes of one member are.

    Attributes:
        offset: first byte of its data in the shard.
        size_bytes: their number.
        crc32: of the data.
    """

    offset: int
    size_bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One written clip, as the index describes it.

    Attributes:
        key: clip key, the sample's name in its shard.
        annotation_id: what the data set calls the clip.
        source_id: the source video.
        split: `train`, `val`, `test` or another word of the data set.
        label: class name as annotated, None for sentences.
        label_id: its number in `labels.json`.
        gloss: gloss or gloss sequence.
        text: sentence in the spoken language.
        language: ISO 639-3 code of the sign language.
        signer: who signs.
        start_s: begin of the span in seconds of the source.
        end_s: its end, None for the end of the source.
        fps: frames per second of the normalised video and of the keypoints.
        frames: T, their number.
        width: W in pixels of the normalised video.
        height: H in pixels.
        flags: what is odd about the clip without being wrong.
        quality: measures of the quality stage.
        extra: annotation columns that sign-etl gives no meaning to.
        shard: the tar, relative to the build.
        members: by name in the sample: `json`, `mp4`, `blazepose.npy`.
    """

    key: str
    annotation_id: str
    source_id: str
    split: str
    label: str | None
    label_id: int | None
    gloss: str | None
    text: str | None
    language: str
    signer: str | None
    start_s: float
    end_s: float | None
    fps: float
    frames: int
    width: int
    height: int
    flags: tuple[str, ...]
    quality: Mapping[str, float]
    extra: Mapping[str, str]
    shard: str
    members: Mapping[str, MemberRow]

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the pose backends whose keypoints it has."""
        return tuple(name[: -len(NPY)] for name in self.members if is_keypoints(name))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the sets of features that it has."""
        return tuple(name[: -len(FEATURES)] for name in self.members if is_features(name))

    @property
    def has_video(self) -> bool:
        """True where the normalised video was kept."""
        return "mp4" in self.members

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Sample:
        """A sample from a row of the index as Arrow gives it (maps are lists of pairs)."""
        members = {
            member["name"]: MemberRow(member["offset"], member["size_bytes"], member["crc32"])
            for member in row["members"]
        }
        return cls(
            **{
                **row,
                "flags": tuple(row["flags"]),
                "quality": dict(row["quality"]),
                "extra": dict(row["extra"]),
                "members": members,
            }
        )
