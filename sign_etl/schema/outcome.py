"""What became of a clip: outcomes, rejects and the closed list of reasons.

A reject is data, not an exception. Its `detail` is made of facts of the clip (a status code, a
frame rate), never of exception texts, paths, ports or times, because it stands in the ledger and
two runs with the same outcome must write the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of one requested clip."""

    WRITTEN = "written"
    EXCLUDED = "excluded"
    """Left out by a rule of the pipeline (quality thresholds, lengths), or revoked."""
    FAILED = "failed"
    DEFERRED = "deferred"
    """Not tried to the end: its host asked for a pause. The next run goes on."""
    PENDING = "pending"


class StageName(StrEnum):
    """The stages, in the order in which a clip meets them."""

    FETCH = "fetch"
    NORMALISE = "normalise"
    IMPORT = "import"
    """In place of `normalise` and `pose`, for keypoints that others extracted."""
    POSE = "pose"
    FEATURES = "features"
    QUALITY = "quality"
    PACK = "pack"


class Reason(StrEnum):
    """Why a clip was not built. The list is closed: reports and policies build on it."""

    # fetch
    LINK_DEAD = "link-dead"
    """The server says that it is gone (404, 410), or the host name does not exist."""
    HTTP_FORBIDDEN = "http-forbidden"
    """401 or 403."""
    HTTP_ERROR = "http-error"
    """Another final answer of the 4xx kind, or an answer that makes no sense."""
    SERVER_ERROR = "server-error"
    """5xx after all retries."""
    RATE_LIMITED = "rate-limited"
    """429 after all retries."""
    TIMEOUT = "timeout"
    CONNECTION_FAILED = "connection-failed"
    TRUNCATED = "truncated"
    """The body ended before the announced length, after all retries."""
    NOT_MEDIA = "not-media"
    """The bytes are no video: an HTML page, a text, a playlist."""
    TOO_LARGE = "too-large"
    ADDRESS_REFUSED = "address-refused"
    """A private, link-local or otherwise refused address, at first or after a redirect."""
    REDIRECT_LOOP = "redirect-loop"
    MEDIA_MISSING = "media-missing"
    """Not among the files given by --media."""
    NO_ADDRESS = "no-address"
    """The annotations name no address that can be used."""
    VIDEO_UNAVAILABLE = "video-unavailable"
    """The video site says that the video is private, removed or blocked."""
    NEEDS_LOGIN = "needs-login"
    HOST_PAUSED = "host-paused"
    """The host asked for a pause longer than this run waits."""
    MISSING_TOOL = "missing-tool"
    """An optional downloader or its runtime is not installed; `doctor` tells which."""
    LOCK_DRIFT = "lock-drift"
    """Its bytes are not those that the lock names (only with --locked)."""
    REVOKED = "revoked"
    """Taken out by `sign-etl revoke`, for good."""

    # normalise
    CORRUPT = "corrupt"
    NO_VIDEO = "no-video"
    """No video stream in the file."""
    UNSUPPORTED_FORMAT = "unsupported-format"
    SPAN_OUTSIDE = "span-outside"
    """The labelled span begins after the end of the source."""
    PARTIAL = "partial"
    """The source breaks off inside the labelled span."""
    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    TOO_MANY_PIXELS = "too-many-pixels"
    FPS_MISMATCH = "fps-mismatch"
    """The source's frame rate is not the one that the annotations assume, and policy minds."""

    # whatever runs in a guarded child process
    CRASHED = "crashed"
    """The bytes made the guarded process die."""
    HUNG = "hung"
    """The guarded process exceeded its time."""
    OUT_OF_MEMORY = "out-of-memory"

    # pose and quality
    NO_PERSON = "no-person"
    AMBIGUOUS_PERSON = "ambiguous-person"
    """Several people, and which of them signs is not clear."""
    BODY_MISSING = "body-missing"
    """Body found in too few frames."""
    HANDS_MISSING = "hands-missing"
    FROZEN = "frozen"
    BLACK = "black"
    UNSTEADY = "unsteady"
    """Keypoints jump more than the threshold allows."""
    CUT_OFF = "cut-off"
    """Hands leave the picture in too many frames."""

    @property
    def retryable(self) -> bool:
        """True where another run may come to another end without a person's help."""
        return self in _RETRYABLE

    @property
    def rule(self) -> bool:
        """True where a rule decides and nothing failed: the outcome is `excluded`."""
        return self in _RULES

    @property
    def from_bytes(self) -> bool:
        """True where the reason follows from the input bytes alone, so the store may keep it."""
        return self in _FROM_BYTES


_RETRYABLE = frozenset(
    {
        Reason.SERVER_ERROR,
        Reason.RATE_LIMITED,
        Reason.TIMEOUT,
        Reason.CONNECTION_FAILED,
        Reason.TRUNCATED,
        Reason.MEDIA_MISSING,
        Reason.HOST_PAUSED,
        Reason.MISSING_TOOL,
        Reason.LOCK_DRIFT,
    }
)
_RULES = frozenset(
    {
        Reason.REVOKED,
        Reason.TOO_SHORT,
        Reason.TOO_LONG,
        Reason.FPS_MISMATCH,
        Reason.NO_PERSON,
        Reason.AMBIGUOUS_PERSON,
        Reason.BODY_MISSING,
        Reason.HANDS_MISSING,
        Reason.FROZEN,
        Reason.BLACK,
        Reason.UNSTEADY,
        Reason.CUT_OFF,
    }
)
_FROM_BYTES = (_RULES - {Reason.REVOKED}) | {
    Reason.CORRUPT,
    Reason.NO_VIDEO,
    Reason.UNSUPPORTED_FORMAT,
    Reason.SPAN_OUTSIDE,
    Reason.PARTIAL,
    Reason.TOO_MANY_PIXELS,
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A clip (or a source with all its clips) that could not be built.

    Attributes:
        stage: where it ended.
        reason: one of the closed list.
        detail: facts of the clip in a few words, equal in every run with this outcome.
    """

    stage: StageName
    reason: Reason
    detail: str = ""

    @property
    def outcome(self) -> Outcome:
        """`excluded` for a rule of the pipeline, `deferred` for a paused host, else `failed`."""
        if self.reason is Reason.HOST_PAUSED:
            return Outcome.DEFERRED
        return Outcome.EXCLUDED if self.reason.rule else Outcome.FAILED

    def to_json(self) -> dict[str, Any]:
        """As it stands in store, journal and lock."""
        return {"stage": self.stage.value, "reason": self.reason.value, "detail": self.detail}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Reject:
        """The inverse of `to_json`."""
        return cls(StageName(value["stage"]), Reason(value["reason"]), value.get("detail", ""))
