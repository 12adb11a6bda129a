"""What can go wrong with one attempt at a download, and whether another attempt may help."""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass

import httpcore
import httpx

from sign_etl.media.addresses import NameServiceFailed, UnknownHost
from sign_etl.media.connection import TotalTimeout
from sign_etl.media.politeness import retry_after_s
from sign_etl.schema.outcome import Reason

NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    UnknownHost,
    NameServiceFailed,
    TotalTimeout,
)
"""What `Line.get` and the reading of a body raise when the network or the server fails."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an attempt gave no file.

    Attributes:
        reason: for the reject.
        detail: for the reject.
        again: another attempt may help.
        start_over: what was there to build on does not fit; ask for the whole, at once.
        retry_after_s: the pause that the server asked for, None if it did not.
    """

    reason: Reason
    detail: str = ""
    again: bool = False
    start_over: bool = False
    retry_after_s: float | None = None


def of_status(status: int, headers: httpx.Headers) -> Trouble:
    """The trouble of an answer that is neither a body to use nor a redirect."""
    detail = f"status {status}"
    if status in (404, 410):
        return Trouble(Reason.LINK_DEAD, detail)
    if status in (401, 403):
        return Trouble(Reason.HTTP_FORBIDDEN, detail)
    pause_s = retry_after_s(headers)
    if status == 429:
        return Trouble(Reason.RATE_LIMITED, detail, again=True, retry_after_s=pause_s)
    if status == 408:
        return Trouble(Reason.TIMEOUT, detail, again=True, retry_after_s=pause_s)
    if 500 <= status <= 599:
        return Trouble(Reason.SERVER_ERROR, detail, again=True, retry_after_s=pause_s)
    return Trouble(Reason.HTTP_ERROR, detail)


def of_error(error: Exception, *, in_body: bool = False) -> Trouble:
    """The trouble behind one of `NETWORK_ERRORS`.

    Args:
        error: what was raised.
        in_body: the head of the answer had arrived.
    """
    if isinstance(error, UnknownHost):
        return Trouble(Reason.LINK_DEAD, "unknown host")
    if isinstance(error, TotalTimeout):
        return Trouble(Reason.TIMEOUT, "total time")
    if isinstance(error, NameServiceFailed):
        return Trouble(Reason.CONNECTION_FAILED, "name service", again=True)
    if isinstance(error, httpcore.ConnectTimeout):
        return Trouble(Reason.TIMEOUT, "no connection", again=True)
    if isinstance(error, httpcore.TimeoutException):
        return Trouble(Reason.TIMEOUT, "body stalled" if in_body else "no answer", again=True)
    if isinstance(error, httpcore.ProtocolError):
        if in_body:
            return Trouble(Reason.TRUNCATED, again=True)
        return Trouble(Reason.CONNECTION_FAILED, "no proper answer", again=True)
    return _of_connection(error)


def _of_connection(error: Exception) -> Trouble:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Trouble(Reason.CONNECTION_FAILED, "certificate refused")
        if isinstance(cause, ssl.SSLError):
            return Trouble(Reason.CONNECTION_FAILED, "tls", again=True)
        if isinstance(cause, OSError) and cause.errno in _ERRNO_WORDS:
            return Trouble(Reason.CONNECTION_FAILED, _ERRNO_WORDS[cause.errno], again=True)
        cause = cause.__cause__ or cause.__context__
    return Trouble(Reason.CONNECTION_FAILED, again=True)


_ERRNO_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
}
