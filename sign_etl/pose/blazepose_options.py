"""Options of the backend `blazepose`, see `sign_etl.pose.blazepose`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from sign_etl.schema.pipeline import Settings, Share

Mode = Literal["video", "image"]
HandsMode = Literal["follow", "image", "video"]


class BlazePoseOptions(Settings):
    """Options of the backend `blazepose`."""

    face: bool = False
    """Face points; refused for now, see the message."""
    # Left out where it is not set, so that results from before this option keep their keys.
    depth: bool = Field(default=True, exclude_if=lambda given: given is True)
    """Keep z. Without it z is 0 in every point that was found: the models cannot leave it out, so
    it costs the same, and the layout keeps its four channels."""
    body_mode: Mode = "video"
    """`video` follows the body from frame to frame and smooths it; `image` looks at each frame
    anew, at 1.5 times the cost and twice the jitter."""
    hands_mode: HandsMode = "follow"
    """`follow` follows hands from frame to frame and looks at a frame anew where it may have lost
    one. `image` looks at each frame anew, at a tenth more cost. `video` only follows, and
    loses one of two that overlap (13 real clips: both hands in 87 % of the frames, not in 95 %)."""
    min_body_detection: Share = 0.5
    """Confidence from which a detected body counts."""
    min_body_presence: Share = 0.5
    """Confidence from which its points count."""
    min_body_tracking: Share = 0.5
    """Confidence under which a followed body is detected anew (`video`)."""
    min_hand_detection: Share = 0.5
    """Confidence from which a detected hand counts."""
    min_hand_presence: Share = 0.5
    """Confidence from which its points count."""
    min_hand_tracking: Share = 0.5
    """Confidence under which a followed hand is detected anew (`video`)."""
    max_wrist_distance: float = Field(default=0.5, gt=0, le=10)
    """A hand farther than this from both wrists of the body, in shoulder widths, is not the
    signer's and is dropped (13 real clips: 99 % of the hands are within 0.17, all within 0.25)."""

    @field_validator("face")
    @classmethod
    def _no_face(cls, face: bool) -> bool:
        if face:
            raise ValueError(
                "face points are not available yet: the face models in the pinned set do not run "
                "with MediaPipe's Tasks API; leave `face` out"
            )
        return face
