"""How people are followed: what `sign_etl.pose.signer` goes by, and `signer: {...}` may change."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, model_validator

from sign_etl.schema.pipeline import Settings, Share


class SignerOptions(Settings):
    """How people are followed, and who comes into question as the signer."""

    start_score: Share = 0.5
    """Detector's confidence from which somebody is followed."""
    min_score: Share = 0.3
    """Confidence from which somebody who is followed counts as seen again; what is under the
    backend's `det_score` is never seen."""
    min_side: Share = 0.1
    """Longer side of the smallest person, as a share of the picture's short side; hands of smaller
    ones cannot be read."""
    max_missed: int = Field(default=1, ge=0, le=100)
    """Key frames in a row without the person over which boxes are interpolated."""
    max_bridge_frames: int = Field(default=30, ge=0, le=10_000)
    """Number of frames that such a gap may have."""
    max_hold_frames: int = Field(default=30, ge=0, le=10_000)
    """Frames for which a box is held before the first and after the last sighting."""
    ask_within_frames: int = Field(default=4, ge=1, le=1000)
    """How exactly the moment of a loss is looked for, in frames."""
    serious: Share = 0.1
    """Share of the best candidate's value from which another one is serious, so that the motion of
    the hands decides between them; 1 for ties only."""
    still: float = Field(default=0.02, ge=0, le=10)
    """Motion of the hands, in the person's own size, under which nobody is seen to sign."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_score > self.start_score:
            raise ValueError(
                f"`min_score` {self.min_score:g} is above `start_score` {self.start_score:g}, so "
                "nobody who is followed would be seen again; lower it"
            )
        return self


DEFAULT: Final = SignerOptions()
