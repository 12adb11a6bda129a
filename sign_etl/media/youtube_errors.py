"""What yt-dlp's exceptions mean for a source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sign_etl.media.trouble import Trouble
from sign_etl.schema.outcome import Reason

_BY_WORDS: tuple[tuple[str, Reason, str], ...] = (
    # The first match counts: YouTube puts "sign in" into many a message.
    (r"private video|video is private", Reason.VIDEO_UNAVAILABLE, "private"),
    (r"confirm you.{1,8}re not a bot|not a bot|captcha", Reason.HOST_PAUSED, "bot check"),
    (r"rate-limited|try again later|too many requests", Reason.HOST_PAUSED, "rate limit"),
    (r"ip is likely being blocked|ip address is blocked", Reason.HOST_PAUSED, "bot check"),
    (r"confirm your age|age-restricted|inappropriate for some", Reason.NEEDS_LOGIN, "age"),
    (r"members.only|members on level|join this channel", Reason.NEEDS_LOGIN, "members only"),
    (r"requires payment|purchase|rental", Reason.NEEDS_LOGIN, "paid"),
    (r"in your country|geo.?restrict|from your location", Reason.VIDEO_UNAVAILABLE, "country"),
    (r"copyright", Reason.VIDEO_UNAVAILABLE, "copyright"),
    (r"account.{0,40}(terminated|closed)", Reason.VIDEO_UNAVAILABLE, "account closed"),
    (r"removed|no longer available|does not exist", Reason.VIDEO_UNAVAILABLE, "removed"),
    (r"drm protected", Reason.VIDEO_UNAVAILABLE, "drm"),
    (r"premieres in|live event will begin|offline", Reason.VIDEO_UNAVAILABLE, "not yet"),
    (r"unavailable|isn.t available|not available on this app", Reason.VIDEO_UNAVAILABLE, ""),
    (r"sign in|log ?in required|requires? (a )?login|cookies", Reason.HOST_PAUSED, "bot check"),
)
_NO_FORMAT = re.compile(r"no video formats found|requested format is not available")


def classify(error: BaseException, *, has_runtime: bool) -> Trouble:
    """The trouble behind an exception of yt-dlp.

    Its class decides where that says enough, else the words of YouTube in it.

    Args:
        error: what yt-dlp raised.
        has_runtime: a JavaScript runtime is there; without one, missing formats are no wonder.
    """
    from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
    from yt_dlp.utils import ContentTooShortError, GeoRestrictedError, UnsupportedError

    for cause in _causes(error):
        if isinstance(cause, HTTPError):
            return _of_status(cause.status)
        if isinstance(cause, GeoRestrictedError):
            return Trouble(Reason.VIDEO_UNAVAILABLE, "country")
        if isinstance(cause, UnsupportedError):
            return Trouble(Reason.NO_ADDRESS, "no video page")
        if isinstance(cause, (IncompleteRead, ContentTooShortError)):
            return Trouble(Reason.TRUNCATED)
        if isinstance(cause, TimeoutError):
            return Trouble(Reason.TIMEOUT)
        if isinstance(cause, TransportError):
            slow = isinstance(cause.cause, TimeoutError) or "timed out" in str(cause)
            return Trouble(Reason.TIMEOUT if slow else Reason.CONNECTION_FAILED)
    words = str(error).lower()
    if _NO_FORMAT.search(words):
        if not has_runtime:
            return Trouble(Reason.MISSING_TOOL, "javascript runtime")
        return Trouble(Reason.VIDEO_UNAVAILABLE, "no usable format")
    for pattern, reason, detail in _BY_WORDS:
        if re.search(pattern, words):
            return Trouble(reason, detail)
    return Trouble(Reason.HTTP_ERROR, "page not understood")


def _of_status(status: int) -> Trouble:
    detail = f"status {status}"
    if status == 429:
        return Trouble(Reason.HOST_PAUSED, detail)
    if status in (404, 410):
        return Trouble(Reason.VIDEO_UNAVAILABLE, detail)
    if status == 403:  # YouTube's way to slow a client down, seldom a lasting refusal
        return Trouble(Reason.RATE_LIMITED, detail)
    if status >= 500:
        return Trouble(Reason.SERVER_ERROR, detail)
    return Trouble(Reason.HTTP_ERROR, detail)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and what is behind it, by all the ways in which yt-dlp keeps that."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop(0)
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        exc_info = getattr(found, "exc_info", None)
        waiting += [exc_info[1] if exc_info else None, getattr(found, "cause", None)]
        waiting += [found.__cause__, found.__context__]
