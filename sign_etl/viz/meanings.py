"""What the reasons of rejects mean, in words for people who never read the ledger's schema."""

from __future__ import annotations

from collections.abc import Mapping

from sign_etl.schema.outcome import Reason

MEANINGS: Mapping[Reason, str] = {
    Reason.LINK_DEAD: "the address is gone for good",
    Reason.HTTP_FORBIDDEN: "the server does not give it to us",
    Reason.HTTP_ERROR: "the server gave an answer that makes no sense",
    Reason.SERVER_ERROR: "the server failed each time it was asked",
    Reason.RATE_LIMITED: "the server was asked too often",
    Reason.TIMEOUT: "the server did not answer in time",
    Reason.CONNECTION_FAILED: "the connection broke, or there was none",
    Reason.TRUNCATED: "the download ended early each time",
    Reason.NOT_MEDIA: "the file is no video: a web page, a text, a playlist, nothing at all",
    Reason.TOO_LARGE: "the file is larger than allowed",
    Reason.ADDRESS_REFUSED: "the address leads into a private network",
    Reason.REDIRECT_LOOP: "the address sends one round in circles",
    Reason.MEDIA_MISSING: "the file is not in the media folder",
    Reason.NO_ADDRESS: "the annotations name no address that can be used",
    Reason.VIDEO_UNAVAILABLE: "the video site says that it is private, removed or blocked",
    Reason.NEEDS_LOGIN: "the site gives it only to those who log in",
    Reason.HOST_PAUSED: "the server asked for a pause; the next run goes on",
    Reason.MISSING_TOOL: "a program for this site is not installed (see sign-etl doctor)",
    Reason.LOCK_DRIFT: "its bytes are not those that the lock names",
    Reason.REVOKED: "taken out for good",
    Reason.CORRUPT: "the file cannot be decoded",
    Reason.NO_VIDEO: "the file has no picture, sound at most",
    Reason.UNSUPPORTED_FORMAT: "a format that cannot be read",
    Reason.SPAN_OUTSIDE: "the annotated span begins after the end of the video",
    Reason.PARTIAL: "the video breaks off inside the annotated span",
    Reason.TOO_SHORT: "shorter than the pipeline wants",
    Reason.TOO_LONG: "longer than the pipeline wants",
    Reason.TOO_MANY_PIXELS: "the picture is larger than allowed",
    Reason.FPS_MISMATCH: "another frame rate than the annotations count in",
    Reason.CRASHED: "the file made the process that read it die",
    Reason.HUNG: "the file kept the process that read it busy for too long",
    Reason.OUT_OF_MEMORY: "reading the file took more memory than allowed",
    Reason.NO_PERSON: "nobody was found in the picture",
    Reason.AMBIGUOUS_PERSON: "several people, and it is not clear who signs",
    Reason.BODY_MISSING: "the body was found in too few frames",
    Reason.HANDS_MISSING: "hands were found in too few frames",
    Reason.FROZEN: "the picture stands still",
    Reason.BLACK: "the picture is black",
    Reason.UNSTEADY: "the keypoints jump more than allowed",
    Reason.CUT_OFF: "the hands leave the picture in too many frames",
}
_BY_NAME = {reason.value: words for reason, words in MEANINGS.items()}


def meaning(reason: str) -> str:
    """What a reason of the ledger means; empty for one that is not known here."""
    return _BY_NAME.get(reason, "")
