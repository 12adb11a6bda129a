"""What `live` prints with `--json`."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply


class SignPart(Part):
    """A sign that was recognised."""

    label: str
    probability: float
    """The greatest one of its windows."""
    start_s: float
    """Begin of the first window, in seconds of the video."""
    end_s: float


class Live(Reply):
    """`live`."""

    command = "live"
    model: str
    classes: int
    frames: int
    """Of the video."""
    fps: float
    window: int
    """Frames that the model looks at."""
    every: int
    """One of so many frames is among them, counted at the rate of the training."""
    model_fps: float = 0.0
    """That rate; 0 where nothing tells it, and the video's own frames are counted."""
    looks: int
    """Windows that it has looked at."""
    signs: tuple[SignPart, ...]
    file: str | None
    """The annotated video."""
