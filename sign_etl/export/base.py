"""What an export format is: a writer from a build to files that others read. One file a format.

A format gets a `Selection` and an empty folder, goes through the samples once, and keeps none of
them: memory does not grow with the build. Keypoints come in the layout that the format wants, by
the tables of `sign_etl.schema.conversions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import UsageError
from sign_etl.core.registry import Registry
from sign_etl.export.rights import Rights
from sign_etl.reader import Build, Sample
from sign_etl.schema.conversions import convert
from sign_etl.schema.layouts import Layout, layout

VideoUse = Literal["needed", "kept", "optional", "none"]
"""What a format does with videos. `needed`: its readers want nothing else. `kept`: they stay where
they are. Both write them where the licence lets them be passed on. `optional`: only when asked.
`none`: it has no place for them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is exported.

    Attributes:
        build: the open build.
        splits: those that are taken, in the order of the build.
        backend: whose keypoints, None where the format holds none.
        layout: of the keypoints that come out, None likewise.
        video: whether videos are written.
        rights: what the licence says about them.
    """

    build: Build
    splits: tuple[str, ...]
    backend: str | None
    layout: str | None
    video: bool
    rights: Rights

    def samples(self, split: str | None = None) -> Iterator[Sample]:
        """The samples of one of the splits, or of all of them, in shard order."""
        wanted = self.splits if split is None else (split,)
        return (sample for sample in self.build if sample.split in wanted)

    def kind(self) -> Layout:
        """The layout of the keypoints that come out."""
        assert self.layout is not None
        return layout(self.layout)

    def keypoints(self, sample: Sample) -> NDArray[Any]:
        """(T, K, C) of one sample in `layout`: shares of the picture, NaN with score 0."""
        assert self.layout is not None
        assert self.backend is not None
        found = self.build.keypoints(sample, self.backend)
        source = self.build.manifest.poses[self.backend].layout
        return found if source == self.layout else convert(found, source, self.layout)

    def filled(self, sample: Sample) -> NDArray[np.float32]:
        """The same as float32 with zeros where nothing was estimated, for readers without NaN."""
        keypoints = self.keypoints(sample).astype(np.float32)
        keypoints[np.isnan(keypoints).any(axis=-1)] = 0
        return keypoints

    def write_video(self, sample: Sample, path: Path) -> None:
        """Copy the normalised video of a sample to `path`; does nothing where none is wanted.

        Raises:
            UsageError: the sample has no video.
        """
        if self.video:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.build.read(sample, "mp4"))


@dataclass(frozen=True, slots=True)
class Written:
    """What a format says after it has written.

    Attributes:
        clips: so many were written.
        skipped: so many could not be, such as clips without a class.
        notes: what people should know, one sentence each, no full stop.
        head: stands before the card: the YAML that a hub reads.
    """

    clips: int
    skipped: int = 0
    notes: tuple[str, ...] = ()
    head: str = ""


class Exporter(Protocol):
    """A format; instances are registered under their name in `EXPORTERS`."""

    @property
    def name(self) -> str:
        """As people type it."""

    @property
    def title(self) -> str:
        """What it is, for lists."""

    @property
    def read_by(self) -> str:
        """What reads it, and how: for the README of the export."""

    @property
    def video(self) -> VideoUse:
        """What it does with videos."""

    @property
    def poses(self) -> bool:
        """Whether it holds keypoints."""

    @property
    def layout(self) -> str | None:
        """The keypoint layout that its readers want, None for that of the build."""

    @property
    def lost(self) -> str:
        """What it has no place for; empty where nothing is lost."""

    def write(self, selection: Selection, folder: Path) -> Written:
        """Write the files.

        Args:
            selection: what is exported.
            folder: empty; becomes the export when all is written.

        Raises:
            UsageError: the build lacks what the format is made of.
            MissingExtraError: a package for it is not installed.
            AccessError: likewise, where the package is in no extra.
        """


EXPORTERS: Registry[Exporter] = Registry("export format", "sign_etl.export")
"""All formats, ours and those that other packages register as entry points."""

EXPORTERS.builtin(
    croissant="sign_etl.export.croissant:FORMAT",
    energon="sign_etl.export.energon:FORMAT",
    hf="sign_etl.export.huggingface:FORMAT",
    parquet="sign_etl.export.parquet:FORMAT",
    pose_format="sign_etl.export.pose_format:FORMAT",
    rerun="sign_etl.export.rerun:FORMAT",
    signvlm="sign_etl.export.lists:SIGNVLM",
    slovo="sign_etl.export.slovo:FORMAT",
    spoter="sign_etl.export.spoter:FORMAT",
    ssvp="sign_etl.export.ssvp:FORMAT",
    unisign="sign_etl.export.unisign:FORMAT",
    videomae="sign_etl.export.lists:VIDEOMAE",
    wids="sign_etl.export.wids:FORMAT",
)


def need_classes(selection: Selection, what: str) -> None:
    """Refuse a build without classes.

    Raises:
        UsageError: it holds sentences only.
    """
    if not selection.build.labels:
        raise UsageError(
            f"{what} numbers classes, and no clip of the build has one",
            hint="for sentences: `ssvp`, `unisign`, `parquet`, `hf` or `pose-format`",
        )


def sentence_of(sample: Sample) -> str | None:
    """What a clip says in words: its sentence, else its glosses, else its class; one line."""
    said = sample.text or sample.gloss or sample.label
    return " ".join(said.split()) if said else None


def renamed(splits: Sequence[str], words: Mapping[str, str]) -> dict[str, str]:
    """What splits are called in a format: another word where that gives each a name of its own."""
    names: dict[str, str] = {}
    for split in splits:
        word = words.get(split, split)
        free = word not in splits and word not in names.values()
        names[split] = word if free else split
    return names
