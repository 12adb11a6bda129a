"""YouTube: addresses, yt-dlp's exceptions, and its real code path against the loopback.

YouTube itself is never asked.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fetching import make_fetcher, words

from sign_etl.media import youtube
from sign_etl.media.trouble import Trouble
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason

CLIP = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 400
ID = "-AbC_dE1234"


@pytest.mark.parametrize(
    "address",
    [
        f"https://www.youtube.com/watch?v={ID}",
        f"http://youtube.com/watch?feature=x&v={ID}&t=3",
        f"www.youtube.com/watch?v={ID}",
        f"https://m.youtube.com/watch?v={ID}",
        f"https://youtu.be/{ID}?t=3",
        f"https://www.youtube-nocookie.com/embed/{ID}",
        f"https://www.youtube.com/shorts/{ID}",
        f"https://www.youtube.com/v/{ID}",
    ],
)
def test_the_spellings_of_one_video(address: str) -> None:
    assert youtube.is_youtube(address)
    assert youtube.video_id(address) == ID


@pytest.mark.parametrize(
    "address",
    [
        "https://notyoutube.com/watch?v=-AbC_dE1234",
        "https://youtube.com.evil.test/watch?v=-AbC_dE1234",
        "https://evil.test/?u=youtube.com",
        "http://[bad",
    ],
)
def test_what_is_not_youtube(address: str) -> None:
    assert not youtube.is_youtube(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/redirect?q=http://10.0.0.1/a.mp4",
        "https://www.youtube.com/playlist?list=PL123456789012",
        f"https://www.youtube.com/watch?v={ID}x",
    ],
)
def test_an_address_without_a_video(address: str, tmp_path: Path) -> None:
    found = make_fetcher().fetch(Source("1", address), tmp_path)
    assert words(found) == ("no-address", "no video id")


def test_without_yt_dlp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(youtube, "_version", lambda package: None)
    found = make_fetcher().fetch(Source("1", f"https://youtu.be/{ID}"), tmp_path)
    assert words(found) == ("missing-tool", "yt-dlp")


def test_a_bot_wall_closes_youtube_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def wall(url: str, path: Path, **settings: object) -> Trouble:
        asked.append(url)
        return Trouble(Reason.HOST_PAUSED, "bot check")

    monkeypatch.setattr(youtube, "_version", lambda package: "1")
    monkeypatch.setattr(youtube, "download", wall)
    fetcher = make_fetcher()
    first = fetcher.fetch(Source("1", f"https://youtu.be/{ID}"), tmp_path)
    second = fetcher.fetch(Source("2", "https://www.youtube.com/watch?v=other_video"), tmp_path)
    assert first == second
    assert words(first)[0] == "host-paused"
    assert asked == [f"https://www.youtube.com/watch?v={ID}"]


def _raised(make: Callable[[], BaseException]) -> BaseException:
    """As yt-dlp hands it out: the extractor's error inside a DownloadError."""
    from yt_dlp.utils import DownloadError

    try:
        raise make()
    except Exception as error:
        return DownloadError(f"ERROR: {error}", sys.exc_info())  # type: ignore[arg-type]


def _extractor(message: str, **more: Any) -> Callable[[], BaseException]:
    def make() -> BaseException:
        from yt_dlp.utils import ExtractorError

        return ExtractorError(message, expected=True, video_id=ID, ie="youtube", **more)

    return make


def _http(status: int) -> Callable[[], BaseException]:
    def make() -> BaseException:
        from yt_dlp.networking import Response
        from yt_dlp.networking.exceptions import HTTPError
        from yt_dlp.utils import ExtractorError

        answer = Response(io.BytesIO(), "https://www.youtube.com/", {}, status=status)
        return ExtractorError("Unable to download API page", cause=HTTPError(answer))

    return make


def _transport(cause: object) -> Callable[[], BaseException]:
    def make() -> BaseException:
        from yt_dlp.networking.exceptions import TransportError

        return TransportError(cause=cause)  # type: ignore[arg-type]

    return make


SIGN_IN = (
    "Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies for the "
    "authentication. See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ  for how to pass cookies"
)


@pytest.mark.parametrize(
    ("make", "reason", "detail"),
    [
        (_extractor(SIGN_IN), "host-paused", "bot check"),
        (_extractor("Sign in. Use --cookies-from-browser"), "host-paused", "bot check"),
        (
            _extractor(
                "Video unavailable. This content isn't available, try again later. The current "
                "session has been rate-limited by YouTube for up to an hour."
            ),
            "host-paused",
            "rate limit",
        ),
        (
            _extractor(
                "All player responses are invalid. Your IP is likely being blocked by Youtube"
            ),
            "host-paused",
            "bot check",
        ),
        (_extractor("YouTube is requiring a captcha challenge"), "host-paused", "bot check"),
        (_http(429), "host-paused", "status 429"),
        (
            _extractor("Private video. Sign in if you've been granted access to this video"),
            "video-unavailable",
            "private",
        ),
        (_extractor("Video unavailable. This video is private"), "video-unavailable", "private"),
        (_extractor("Video unavailable"), "video-unavailable", ""),
        (_extractor("This video isn't available anymore"), "video-unavailable", ""),
        (
            _extractor("This video has been removed by the uploader"),
            "video-unavailable",
            "removed",
        ),
        (
            _extractor(
                "Video unavailable. This video is no longer available because the YouTube account "
                "associated with this video has been terminated."
            ),
            "video-unavailable",
            "account closed",
        ),
        (
            _extractor(
                "Video unavailable. This video contains content from X, who has blocked it on "
                "copyright grounds"
            ),
            "video-unavailable",
            "copyright",
        ),
        (_extractor("This video is DRM protected"), "video-unavailable", "drm"),
        (_extractor("Premieres in 3 hours"), "video-unavailable", "not yet"),
        (_extractor("Sign in to confirm your age"), "needs-login", "age"),
        (
            _extractor("Join this channel to get access to members-only content"),
            "needs-login",
            "members only",
        ),
        (_http(404), "video-unavailable", "status 404"),
        (_http(403), "rate-limited", "status 403"),
        (_http(503), "server-error", "status 503"),
        (_transport(TimeoutError("timed out")), "timeout", ""),
        (_transport("<urlopen error timed out>"), "timeout", ""),
        (_transport(ConnectionResetError(104, "reset")), "connection-failed", ""),
        (_extractor("No video formats found!"), "video-unavailable", "no usable format"),
        (_extractor("Unable to extract yt initial data"), "http-error", "page not understood"),
    ],
)
def test_what_exceptions_mean(make: Any, reason: str, detail: str) -> None:
    pytest.importorskip("yt_dlp")
    trouble = youtube.classify(_raised(make), has_runtime=True)
    assert (trouble.reason.value, trouble.detail) == (reason, detail)


def test_exceptions_that_have_classes() -> None:
    utils = pytest.importorskip("yt_dlp.utils")
    exceptions = pytest.importorskip("yt_dlp.networking.exceptions")
    cases = [
        (utils.GeoRestrictedError("not for you"), Reason.VIDEO_UNAVAILABLE),
        (utils.UnsupportedError("https://x/"), Reason.NO_ADDRESS),
        (utils.ContentTooShortError(1, 2), Reason.TRUNCATED),
        (exceptions.IncompleteRead(1, 2), Reason.TRUNCATED),
        (exceptions.SSLError("bad"), Reason.CONNECTION_FAILED),
    ]
    for error, reason in cases:
        assert youtube.classify(error, has_runtime=True).reason is reason


@pytest.mark.parametrize(
    "message",
    ["No video formats found!", "Requested format is not available. Use --list-formats for a list"],
)
def test_missing_formats_without_a_runtime(message: str) -> None:
    pytest.importorskip("yt_dlp")
    trouble = youtube.classify(_raised(_extractor(message)), has_runtime=False)
    assert trouble == Trouble(Reason.MISSING_TOOL, "javascript runtime")


@pytest.mark.parametrize(
    ("name", "says", "found"),
    [
        ("deno", "deno 2.9.8 (stable, release, x86_64-unknown-linux-gnu)", "deno 2.9.8"),
        ("deno", "deno 1.40.0", None),
        ("node", "v24.1.0", "node 24.1.0"),
        ("node", "v18.19.0", None),
        ("other", "1.0", None),
    ],
)
def test_which_runtime_would_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str, found: str | None
) -> None:
    pytest.importorskip("yt_dlp")
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    # A deno beside the interpreter (the `deno` package) would come first.
    monkeypatch.setattr("yt_dlp.utils._jsruntime._find_exe", lambda basename: basename)
    assert youtube.youtube_runtime() == found
