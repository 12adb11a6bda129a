"""YouTube, through yt-dlp as a library: an optional extra.

yt-dlp connects by itself, past our address check. So it only ever gets an address that we build
from a video id, and only its YouTube extractor is allowed to run.

Since November 2025 yt-dlp wants a JavaScript runtime (deno, node, bun or quickjs) and the package
`yt-dlp-ejs` for YouTube. Without them it still tries, but finds few formats or none.
"""

from __future__ import annotations

import io
import logging
import re
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import httpx

from sign_etl.media.cookies import read_cookies
from sign_etl.media.fetched import Fetched, fetch_reject, inspect_file
from sign_etl.media.politeness import PAUSED, HostGate, HostPaused, check_stop
from sign_etl.media.trouble import Trouble
from sign_etl.media.youtube_errors import classify
from sign_etl.schema.outcome import Reason, Reject
from sign_etl.schema.pipeline import FetchConfig

AUTHORITY = "youtube.com"
"""All YouTube hosts share one gate."""

BOT_WALL_PAUSE_S = 3600.0
"""YouTube lifts its limits after about an hour."""

RUNTIMES = ("deno", "node", "bun", "quickjs")
"""In yt-dlp's order of preference."""

_HOSTS = ("youtube.com", "youtube-nocookie.com", "youtu.be")
_ID = re.compile(r"(?:[?&]v=|/(?:embed|shorts|live|v)/|youtu\.be/)([A-Za-z0-9_-]{11})(?![\w-])")

# Video without sound where there is such a thing: smaller, and nothing to merge, so no ffmpeg.
# Only plain HTTP, since playlists of segments would need it too.
FORMAT = "bestvideo[protocol^=http]/best[protocol^=http]"
FORMAT_ORDER = ("res:720", "vcodec:h264", "ext:mp4:m4a")


log = logging.getLogger(__name__)


def is_youtube(url: str) -> bool:
    """True for an address of YouTube, also one without a scheme."""
    try:
        host = httpx.URL(url if "://" in url else f"https://{url}").host
    except httpx.InvalidURL:
        return False
    return any(host == known or host.endswith(f".{known}") for known in _HOSTS)


def video_id(url: str) -> str | None:
    """The video's id in any of the usual spellings of an address, None if there is none."""
    found = _ID.search(url)
    return found[1] if found else None


def youtube_runtime() -> str | None:
    """The JavaScript runtime that yt-dlp would use, such as `deno 2.9.8`; None if there is none."""
    try:
        from yt_dlp import YoutubeDL
        from yt_dlp.globals import supported_js_runtimes
    except ImportError:
        return None
    del YoutubeDL  # importing it is what fills the list of runtimes
    for name in RUNTIMES:
        kind = supported_js_runtimes.value.get(name)
        info = kind().info if kind else None
        if info is not None and info.supported:
            return f"{info.name} {info.version}"
    return None


def fetch(
    url: str, path: Path, *, config: FetchConfig, gate: HostGate, stop: threading.Event | None
) -> Fetched | Reject:
    """Download a YouTube video.

    Args:
        url: any spelling.
        path: the final file; beginnings stay beside it for the next call.
        config: limits.
        gate: of all YouTube hosts.
        stop: ends the download when set.

    Raises:
        Stopped: `stop` was set.
    """
    found = video_id(url)
    if found is None:
        return fetch_reject(Reason.NO_ADDRESS, "no video id")
    if _version("yt-dlp") is None:
        return fetch_reject(Reason.MISSING_TOOL, "yt-dlp")
    address = f"https://www.youtube.com/watch?v={found}"
    try:
        with gate.request(stop):
            ended = download(address, path, config=config, stop=stop)
    except HostPaused:
        return fetch_reject(Reason.HOST_PAUSED, PAUSED)
    if isinstance(ended, Trouble):
        if ended.reason is Reason.HOST_PAUSED:
            gate.close_for(BOT_WALL_PAUSE_S)
            log.info("YouTube asks for a pause: %s", ended.detail)
            return fetch_reject(Reason.HOST_PAUSED, PAUSED)
        return fetch_reject(ended.reason, ended.detail)
    return inspect_file(ended, url=address)


def download(
    url: str,
    path: Path,
    *,
    config: FetchConfig,
    stop: threading.Event | None,
    extractors: tuple[str, ...] = ("youtube",),
) -> Path | Trouble:
    """Run yt-dlp on one address.

    Args:
        url: what yt-dlp gets. Trusted: see the top of this file.
        path: the final file.
        config: limits.
        stop: ends the download when set.
        extractors: yt-dlp's extractors that may run.

    Raises:
        Stopped: `stop` was set.
    """
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import YoutubeDLError

    watch = _Hook(config, stop)
    try:
        cookies = read_cookies(Path(config.cookies_file)) if config.cookies_file else None
    except (OSError, ValueError):
        return Trouble(Reason.MISSING_TOOL, "cookies file")
    options: dict[str, Any] = {
        "quiet": True,
        "noprogress": True,
        "logger": _Silence(),
        "noplaylist": True,
        "playlist_items": "1",
        "paths": {"home": str(path.parent)},
        "outtmpl": {"default": path.name.replace("%", "%%")},
        "format": FORMAT,
        "format_sort": list(FORMAT_ORDER),
        "fixup": "never",
        "updatetime": False,
        "cachedir": False,
        "socket_timeout": config.idle_timeout_s,
        "retries": config.attempts - 1,
        "extractor_retries": config.attempts - 1,
        "fragment_retries": config.attempts - 1,
        "max_filesize": config.max_bytes,
        "progress_hooks": [watch],
        "allowed_extractors": list(extractors),
        "js_runtimes": {name: {} for name in RUNTIMES},
    }
    if cookies is not None:
        # Not the file: yt-dlp writes back to what it was given, from several downloads at a time.
        options["cookiefile"] = io.StringIO(cookies)
    try:
        with YoutubeDL(options) as tool:
            tool.extract_info(url)
    except _TooLarge:
        return Trouble(Reason.TOO_LARGE)
    except _TooSlow:
        return Trouble(Reason.TIMEOUT, "total time")
    except YoutubeDLError as error:
        check_stop(stop)
        return classify(error, has_runtime=youtube_runtime() is not None)
    if not path.is_file():  # `max_filesize` skips without a word
        return Trouble(Reason.TOO_LARGE, "announced")
    return path


class _TooLarge(Exception):
    """More bytes than allowed."""


class _TooSlow(Exception):
    """More seconds than allowed."""


class _Hook:
    """yt-dlp calls this as bytes come in."""

    def __init__(self, config: FetchConfig, stop: threading.Event | None) -> None:
        self._max_bytes = config.max_bytes
        self._deadline = time.monotonic() + config.total_timeout_s
        self._stop = stop

    def __call__(self, progress: dict[str, Any]) -> None:
        check_stop(self._stop)
        if (progress.get("downloaded_bytes") or 0) > self._max_bytes:
            raise _TooLarge
        if progress.get("status") != "finished" and time.monotonic() > self._deadline:
            raise _TooSlow


class _Silence:
    """Takes yt-dlp's talk: what matters comes as an exception."""

    def debug(self, message: str) -> None: ...
    def info(self, message: str) -> None: ...
    def warning(self, message: str) -> None: ...
    def error(self, message: str) -> None: ...


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
