"""yt-dlp under our limits: its own code against a server of ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fetching import FakeClock, words
from trouble_server import TroubleServer

from sign_etl.core.errors import Stopped
from sign_etl.media import youtube
from sign_etl.media.politeness import HostGate
from sign_etl.media.trouble import Trouble
from sign_etl.schema.outcome import Reason
from sign_etl.schema.pipeline import FetchConfig

CLIP = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 400
ID = "-AbC_dE1234"


@pytest.fixture
def server() -> Iterator[TroubleServer]:
    pytest.importorskip("yt_dlp")
    with TroubleServer({"a.mp4": CLIP}) as running:
        yield running


def run(
    server: TroubleServer, path: str, into: Path, stop: threading.Event | None = None, **more: Any
) -> Path | Trouble:
    """yt-dlp with its generic extractor instead of YouTube's."""
    config = FetchConfig(**({"attempts": 2, "idle_timeout_s": 600} | more))
    return youtube.download(
        server.url(path), into / "v 100%(id)s.media", config=config, stop=stop, extractors=(".*",)
    )


def test_yt_dlp_brings_a_file(server: TroubleServer, tmp_path: Path) -> None:
    path = run(server, "ok/a.mp4", tmp_path)
    assert path == tmp_path / "v 100%(id)s.media"
    assert path.read_bytes() == CLIP
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/a.mp4", Reason.VIDEO_UNAVAILABLE),
        ("busy-always/a.mp4", Reason.HOST_PAUSED),
        ("broken/a.mp4", Reason.SERVER_ERROR),
        ("html/a.mp4", Reason.NO_ADDRESS),
    ],
)
def test_yt_dlp_in_trouble(
    server: TroubleServer, tmp_path: Path, path: str, reason: Reason
) -> None:
    ended = run(server, path, tmp_path)
    assert isinstance(ended, Trouble)
    assert ended.reason is reason


def test_yt_dlp_under_our_limits(server: TroubleServer, tmp_path: Path) -> None:
    announced = run(server, "ok/a.mp4", tmp_path, max_bytes=1000)
    assert announced == Trouble(Reason.TOO_LARGE, "announced")
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        run(server, "ok/a.mp4", tmp_path, stop)


def test_only_the_extractor_of_youtube_may_run(server: TroubleServer, tmp_path: Path) -> None:
    config = FetchConfig()
    url = server.url("ok/a.mp4")
    ended = youtube.download(url, tmp_path / "a.media", config=config, stop=None)
    assert isinstance(ended, Trouble)
    assert server.log == []


def _format(name: str, height: int, *, codec: str = "avc1", **more: str) -> dict[str, Any]:
    """A format as YouTube's extractor lists them: video only, H.264 in MP4, over HTTPS."""
    ours = {"format_id": name, "ext": "mp4", "vcodec": codec, "acodec": "none"}
    place = {"protocol": "https", "url": "http://127.0.0.1/"}
    return ours | place | {"width": height * 16 // 9, "height": height} | more


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ([_format("1080", 1080), _format("720", 720), _format("480", 480)], "720"),
        ([_format("720", 720), _format("vp9", 720, codec="vp9", ext="webm")], "720"),
        ([_format("360", 360), _format("list", 720, protocol="m3u8_native")], "360"),
        ([_format("both", 720, acodec="mp4a"), _format("silent", 720)], "silent"),
        ([_format("both", 360, acodec="mp4a")], "both"),
        ([_format("tall", 1280) | {"width": 720}, _format("small", 480)], "tall"),
    ],
)
def test_the_format_that_needs_no_ffmpeg(offered: list[dict[str, Any]], taken: str) -> None:
    yt_dlp = pytest.importorskip("yt_dlp")
    sound = _format("sound", 0, codec="none", acodec="mp4a", ext="m4a")
    info = {"id": ID, "title": "t", "extractor": "youtube", "extractor_key": "Youtube"}
    with yt_dlp.YoutubeDL(
        {"quiet": True, "format": youtube.FORMAT, "format_sort": list(youtube.FORMAT_ORDER)}
    ) as tool:
        chosen = tool.process_video_result(info | {"formats": [*offered, sound]}, download=False)
    assert chosen["format_id"] == taken


def test_what_youtube_gives_is_judged_like_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def playlist(url: str, path: Path, **settings: object) -> Path:
        path.write_bytes(b"#EXTM3U\n")
        return path

    monkeypatch.setattr(youtube, "_version", lambda package: "1")
    monkeypatch.setattr(youtube, "download", playlist)
    gate = HostGate(per_host=1, rate_per_s=1, burst=1, clock=FakeClock())
    found = youtube.fetch(
        f"https://youtu.be/{ID}", tmp_path / "a", config=FetchConfig(), gate=gate, stop=None
    )
    assert words(found) == ("not-media", "playlist")


JAR = """# Netscape HTTP Cookie File
# made by an add-on
127.0.0.1\tFALSE\t/\tFALSE\t0\tSID\to-so-secret
#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t\tHSID\to-so-secret
a line that was damaged: o-so-secret
127.0.0.1\tFALSE\t/\tFALSE\tsoon\tSID2\to-so-secret
"""


def test_cookies_are_sent_and_their_file_is_left_alone(
    server: TroubleServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text(JAR)
    jar.chmod(0o400)
    config = FetchConfig(cookies_file=str(jar))
    into = tmp_path / "into"
    into.mkdir()
    found = youtube.download(
        server.url("ok/a.mp4"), into / "clip", config=config, stop=None, extractors=(".*",)
    )
    assert found == into / "clip", found
    sent = {logged.headers.get("cookie") for logged in server.requests("ok/a.mp4")}
    assert sent == {"SID=o-so-secret; HSID=o-so-secret"}
    assert capfd.readouterr() == ("", ""), "yt-dlp shows what it does not understand"
    assert jar.read_text() == JAR
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cookies.txt", "into"]
    assert sorted(path.name for path in into.iterdir()) == ["clip"]


def test_a_cookies_file_that_is_missing_here(tmp_path: Path) -> None:
    """On another machine of a cluster, say."""
    config = FetchConfig(cookies_file=str(tmp_path / "absent"))
    found = youtube.download("http://127.0.0.1:9/", tmp_path / "x", config=config, stop=None)
    assert found == Trouble(Reason.MISSING_TOOL, "cookies file")


def test_a_cookies_file_that_is_none(server: TroubleServer, tmp_path: Path) -> None:
    jar = tmp_path / "cookies.txt"
    jar.write_text('{"SID": "o-so-secret"}')
    config = FetchConfig(cookies_file=str(jar))
    found = youtube.download(
        server.url("ok/a.mp4"), tmp_path / "x", config=config, stop=None, extractors=(".*",)
    )
    assert found == Trouble(Reason.MISSING_TOOL, "cookies file")
