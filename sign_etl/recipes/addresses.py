"""One spelling for one address, so that clips of the same video share one source."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit, urlunsplit

_YOUTUBE_HOSTS = {"youtube.com", "youtu.be", "youtube-nocookie.com"}
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_YOUTUBE_FOLDERS = {"embed", "shorts", "v", "live"}


def youtube_id(address: str) -> str | None:
    """The 11 characters that YouTube calls a video, None if the address is none of YouTube's."""
    parts = urlsplit(_with_scheme(address))
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    if host not in _YOUTUBE_HOSTS:
        return None
    steps = [step for step in parts.path.split("/") if step]
    candidates = parse_qs(parts.query).get("v", [])
    if host == "youtu.be":
        candidates = candidates + steps[:1]
    elif len(steps) > 1 and steps[0] in _YOUTUBE_FOLDERS:
        candidates = candidates + steps[1:2]
    return next((found for found in candidates if _YOUTUBE_ID.fullmatch(found)), None)


def canonical_address(address: str) -> str:
    """`address` without blanks around it, with a scheme and its host in lower case.

    All spellings of one YouTube video become one. Path and query stay as they are: they may be
    case-sensitive, and escapes are the server's own affair.

    Raises:
        ValueError: it is no http(s) address.
    """
    found = youtube_id(address)
    if found is not None:
        return f"https://www.youtube.com/watch?v={found}"
    parts = urlsplit(_with_scheme(address))
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError("no http(s) address")
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user}{at}{host.lower()}"
    return urlunsplit((parts.scheme.lower(), netloc, parts.path, parts.query, ""))


def _with_scheme(address: str) -> str:
    stripped = address.strip()
    return stripped if "://" in stripped else f"http://{stripped}"
