"""Cookies as browsers export them (Netscape format): only read, only whole lines.

yt-dlp shows lines that it does not understand on the screen, and a line holds a login. So it never
sees one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

HEAD: Final = "# Netscape HTTP Cookie File\n"

_HTTP_ONLY = "#HttpOnly_"
_FIELDS = 7
_EXPIRY = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?)?")
"""Nothing or 0 for a cookie of a session; a few tools write fractions."""


def read_cookies(path: Path) -> str:
    """The cookies of a file: domain, subdomains, path, secure, expiry, name, value by tabs.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text, or holds no cookie.
    """
    lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    cookies = [line for line in lines if _is_cookie(line)]
    if not cookies:
        raise ValueError("no cookies")
    return HEAD + "".join(f"{line}\n" for line in cookies)


def _is_cookie(line: str) -> bool:
    if line.startswith("#") and not line.startswith(_HTTP_ONLY):
        return False
    fields = line.split("\t")
    return len(fields) == _FIELDS and _EXPIRY.fullmatch(fields[4]) is not None
