"""Parts of the reply of `report` that describe a build over time, places and other builds."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sign_etl.schema.replies import Part


class HistogramPart(Part):
    """How many clips (or classes) fall between two numbers."""

    edges: tuple[float, ...]
    """One more than there are counts."""
    counts: tuple[int, ...]


class GroupPart(Part):
    """The clips of a class or of a signer."""

    name: str
    requested: int
    written: int
    splits: dict[str, int]
    """Written clips by split."""


class CurvePart(Part):
    """A part of the body over the course of the clips, which are cut into equal pieces."""

    part: str
    score: tuple[float | None, ...]
    """Mean score of the points that were estimated; null where none was."""
    missing: tuple[float, ...]
    """Share of the frames in which no point of the part was estimated."""


class PoseQualityPart(Part):
    """The keypoints of a backend over the course of the clips."""

    backend: str
    layout: str
    clips: int
    """So many were read, spread over the whole build."""
    curves: tuple[CurvePart, ...]


class PrecisionPart(Part):
    """How far keypoints of a lower precision are from those of fp32."""

    backend: str
    precisions: dict[str, str] = Field(default_factory=dict)
    """The backend's options that say how exactly it computed."""
    clips: int = 0
    """First clips of the plan, which were estimated once more in fp32."""
    points: int = 0
    """Points that both have."""
    px: dict[str, float] = Field(default_factory=dict)
    """`median`, `p95` and `max` of the distance between both, in pixels of the clip."""
    score: dict[str, float] = Field(default_factory=dict)
    """The same of the difference of the scores."""
    one_sided: float = 0.0
    """Share of the points that only one of both has."""
    not_measured: str | None = None
    """Why nothing was measured; null where it was."""


class FeatureSetPart(Part):
    """Features of one frozen network."""

    name: str
    """Of the set, as in the pipeline's `features:`."""
    backend: str
    version: str
    """Of the backend's code."""
    options: dict[str, Any]
    """Options that decided about the result; of a model only the name of its folder."""
    weights: dict[str, str]
    """sha256 of the model files by name."""
    size: int
    """D: numbers in each time step; 0 where no clip has any and only the network tells."""
    dtype: str
    clips: int
    """Written clips that have them."""
    steps: int
    """Time steps of all these clips."""
    size_bytes: int
    """In the shards."""


class HostPart(Part):
    """The addresses of one host."""

    host: str
    clips: int
    dead: int
    """Clips whose address is gone for good."""
    failed: dict[str, int]
    """Other clips that could not be fetched, by reason."""
    years: dict[str, int]
    """Dead ones by the year in which that was found."""


class LinksPart(Part):
    """What became of the addresses of a build."""

    clips: int
    """Clips with an address."""
    dead: int
    hosts: tuple[HostPart, ...]
    """Those with the most dead addresses first."""
    other_hosts: int
    """Hosts that are not named."""


class StageTimePart(Part):
    """The work of one stage."""

    stage: str
    clips: int
    """Taken through it by a worker; what the store had is no work."""
    workers: int
    seconds: float
    """Of work, over all workers."""
    busy: float
    """Share of the time of its workers that they worked on this stage."""
    clips_per_s: float
    """Clips over the time of the run."""
    most_per_s: float
    """Clips that its workers could have done if they did nothing else."""


class ThroughputPart(Part):
    """Where the time of one run, or of all runs of a build, went."""

    runs: int
    seconds: float
    """From the first event to the last one of each run."""
    stages: tuple[StageTimePart, ...]
    limit: str | None
    """The stage that the others waited for; null where nobody worked."""
    limit_busy: float
    """Share of the time in which the workers of that stage were at work on anything."""


class MeasurePart(Part):
    """A number in two builds."""

    name: str
    here: float | None
    there: float | None


class DriftPart(Part):
    """How a build differs from another one."""

    build: str
    name: str
    same_plan: bool
    only_here: int
    """Requested clips that the other one has not."""
    only_there: int
    moved: dict[str, int]
    """Clips of both whose outcome differs: `written here, link-dead there`."""
    other_split: int
    """Clips written in both that stand in different splits."""
    other_label: int
    other_keypoints: int
    """Clips written in both with other bytes of keypoints."""
    both: int
    """Clips written in both."""
    class_distance: float | None
    """Total variation between the classes' shares: 0 for equal, 1 for disjoint."""
    length_distance: float | None
    """Largest gap between the cumulative lengths (Kolmogorov-Smirnov): 0 to 1."""
    choices: tuple[str, ...]
    """Choices and versions that differ, in words."""
    measures: tuple[MeasurePart, ...]
