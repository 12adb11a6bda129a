"""What `pose bench --json` prints."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply


class StagePart(Part):
    """A part of a pose backend's work."""

    name: str
    seconds: float
    """Summed over all workers."""
    calls: int
    frames_per_s: float
    """Of all workers together, if they did nothing else."""
    share: float
    """Of the workers' time."""
    ahead: bool
    """True if it ran in another thread, beside the others."""


class NetPart(Part):
    """A net alone, on random pictures."""

    name: str
    file: str
    height: int
    width: int
    images_per_s: float
    """At the best of the tried numbers of processes, threads and batches."""
    processes: int
    threads: int
    batch: int
    images_per_frame: float
    """How often the bench ran it for each frame of video."""


class RooflinePart(Part):
    """The rate that nothing around the nets can exceed."""

    frames_per_s: float
    share: float
    """What was reached of it."""
    nets: tuple[NetPart, ...]
    """Measured alone; empty where the nets cannot be run without their library, and the time that
    they took during the bench is taken instead."""


class PoseBench(Reply):
    """`pose bench`."""

    command = "pose-bench"
    backend: str
    version: str
    clips: int
    refused: int
    """Files that could not be normalised."""
    frames: int
    width: int
    height: int
    """Of the largest clip."""
    cores: int
    jobs: int
    """Workers, each with a process of its own."""
    batch: int
    """Clips that a worker took at a time."""
    facts: dict[str, str]
    """What the estimator says of itself, such as its provider."""
    wall_s: float
    cpu_s: float
    frames_per_s: float
    cores_busy: float
    """Share of the cores' time that the workers used."""
    others_busy: float | None
    """Share that other processes used meanwhile; null where the system does not say."""
    stages: tuple[StagePart, ...]
    roofline: RooflinePart | None
    """None where nothing was measured that could be one."""
    limit: str
    """What limits the rate, in words."""
