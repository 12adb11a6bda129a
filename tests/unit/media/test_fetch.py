"""Downloads from a loopback server: what ends how, and what is retried."""

from __future__ import annotations

import hashlib
import logging
import threading
from pathlib import Path

import pytest
from fetching import (
    CLIP,
    FakeClock,
    PatientNetwork,
    assert_whole,
    fetch,
    left_in,
    make_fetcher,
    words,
)
from file_site import closed_address
from trouble_server import TroubleServer
from troubles import SWF

from sign_etl.core.errors import AccessError, AnnotationError, DiskError, Stopped
from sign_etl.schema.clip import Source
from sign_etl.schema.pipeline import FetchConfig


def test_a_good_answer_is_a_file_with_its_facts(server: TroubleServer, tmp_path: Path) -> None:
    found = assert_whole(fetch(server, "ok/a.mp4", tmp_path))
    assert found.url == server.url("ok/a.mp4")
    assert found.validator is not None
    assert found.validator.startswith('"')
    assert left_in(tmp_path) == [".media"]
    (logged,) = server.requests("ok/a.mp4")
    assert logged.headers["accept-encoding"] == "identity"
    assert logged.headers["user-agent"] == FetchConfig().user_agent
    assert "cookie" not in logged.headers


def test_flash_is_told_by_its_bytes(server: TroubleServer, tmp_path: Path) -> None:
    assert_whole(fetch(server, "swf/a.mp4", tmp_path), SWF, "swf")


@pytest.mark.parametrize(
    ("path", "reason", "detail"),
    [
        ("missing/a.mp4", "link-dead", "status 404"),
        ("gone/a.mp4", "link-dead", "status 410"),
        ("forbidden/a.mp4", "http-forbidden", "status 403"),
        ("teapot/a.mp4", "http-error", "status 418"),
        ("html/a.mp4", "not-media", "html"),
        ("playlist/a.mp4", "not-media", "playlist"),
        ("concat/a.mp4", "not-media", "concat script"),
        ("empty/a.mp4", "not-media", "empty"),
        ("huge/a.mp4", "too-large", "announced"),
        ("redirect-file/a.mp4", "address-refused", "redirect to a file address"),
        ("redirect-private/a.mp4", "address-refused", "redirect to a private address"),
        ("redirect-metadata/a.mp4", "address-refused", "redirect to a private address"),
    ],
)
def test_what_is_final_is_asked_once(
    server: TroubleServer, tmp_path: Path, path: str, reason: str, detail: str
) -> None:
    assert words(fetch(server, path, tmp_path)) == (reason, detail)
    assert len(server.requests(path)) == 1
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "reason", "detail"),
    [
        ("broken/a.mp4", "server-error", "status 500"),
        ("busy-always/a.mp4", "rate-limited", "status 429"),
        ("cut/a.mp4", "truncated", ""),
        ("long/a.mp4", "truncated", ""),
        ("reset/a.mp4", "connection-failed", "reset"),
    ],
)
def test_what_may_pass_is_tried_again(
    server: TroubleServer, tmp_path: Path, path: str, reason: str, detail: str
) -> None:
    found = fetch(server, path, tmp_path, attempts=3)
    assert words(found) == (reason, detail)
    assert len(server.requests(path)) == 3


@pytest.mark.parametrize(
    ("path", "detail"), [("hang/a.mp4", "no answer"), ("stall/a.mp4", "body stalled")]
)
def test_silence_is_not_waited_out(
    server: TroubleServer, tmp_path: Path, path: str, detail: str
) -> None:
    network = PatientNetwork(server.silences)
    found = fetch(server, path, tmp_path, attempts=2, idle_timeout_s=0.3, network=network)
    assert words(found) == ("timeout", detail)
    assert len(server.requests(path)) == 2


def test_500_twice_then_good(server: TroubleServer, tmp_path: Path) -> None:
    clock = FakeClock()
    assert_whole(fetch(server, "flaky/a.mp4", tmp_path, clock=clock, backoff_s=1.0))
    assert server.statuses("flaky/a.mp4") == [500, 500, 200]
    assert clock.waits == [1.0, 2.0]


def test_a_short_retry_after_is_waited_for(server: TroubleServer, tmp_path: Path) -> None:
    clock = FakeClock()
    assert_whole(fetch(server, "busy/a.mp4", tmp_path, clock=clock, backoff_s=7.0))
    assert server.statuses("busy/a.mp4") == [429, 200]
    assert sum(clock.waits) == pytest.approx(1.0)


def test_a_retry_after_may_be_a_date(server: TroubleServer, tmp_path: Path) -> None:
    clock = FakeClock()
    assert_whole(fetch(server, "busy-date/a.mp4", tmp_path, clock=clock, backoff_s=50.0))
    assert sum(clock.waits) == 2.0


@pytest.mark.parametrize("path", ["paused/a.mp4", "paused-503/a.mp4"])
def test_a_long_retry_after_closes_the_host(
    server: TroubleServer, tmp_path: Path, path: str
) -> None:
    clock = FakeClock()
    fetcher = make_fetcher(clock=clock)
    first = fetcher.fetch(Source("1", server.url(path)), tmp_path)
    second = fetcher.fetch(Source("2", server.url("ok/a.mp4")), tmp_path)
    assert words(first) == words(second) == ("host-paused", "the host asked for a pause")
    assert first == second
    assert len(server.log) == 1
    assert clock.waits == []


def test_another_host_goes_on_while_one_is_paused(server: TroubleServer, tmp_path: Path) -> None:
    with TroubleServer({"a.mp4": CLIP}) as other:
        fetcher = make_fetcher()
        fetcher.fetch(Source("1", server.url("paused/a.mp4")), tmp_path)
        assert_whole(fetcher.fetch(Source("2", other.url("ok/a.mp4")), tmp_path))


def test_redirects_are_followed(server: TroubleServer, tmp_path: Path) -> None:
    found = assert_whole(fetch(server, "redirect/a.mp4", tmp_path))
    assert found.url == server.url("ok/a.mp4")
    assert words(fetch(server, "redirect-gone/a.mp4", tmp_path)) == ("link-dead", "status 410")


def test_redirects_come_to_an_end(server: TroubleServer, tmp_path: Path) -> None:
    assert words(fetch(server, "redirect-loop/a.mp4", tmp_path)) == ("redirect-loop", "")
    assert len(server.log) == 2
    assert words(fetch(server, "redirect-on/a.mp4", tmp_path)) == (
        "redirect-loop",
        "more than 10 redirects",
    )
    assert len(server.log) == 2 + 11


def test_sizes_have_a_limit(server: TroubleServer, tmp_path: Path) -> None:
    limit = len(CLIP)
    assert_whole(fetch(server, "ok/a.mp4", tmp_path / "1", max_bytes=limit))
    assert words(fetch(server, "ok/a.mp4", tmp_path / "2", max_bytes=limit - 1)) == (
        "too-large",
        "announced",
    )
    assert words(fetch(server, "endless/a.mp4", tmp_path / "3", max_bytes=limit)) == (
        "too-large",
        "",
    )
    assert words(fetch(server, "bomb/a.mp4", tmp_path / "4", max_bytes=limit)) == ("too-large", "")
    assert left_in(tmp_path / "3") == left_in(tmp_path / "4") == []


def test_gzip_that_nobody_asked_for_is_unpacked(server: TroubleServer, tmp_path: Path) -> None:
    assert_whole(fetch(server, "gzip/a.mp4", tmp_path))


def test_a_slow_drip_ends_with_the_total_time(server: TroubleServer, tmp_path: Path) -> None:
    found = fetch(server, "drip/a.mp4", tmp_path, total_timeout_s=0.5)
    assert words(found) == ("timeout", "total time")
    assert len(server.requests("drip/a.mp4")) <= 1


def test_a_web_page_is_not_loaded_to_its_end(server: TroubleServer, tmp_path: Path) -> None:
    found = fetch(server, "endless/b.mp4", tmp_path, max_bytes=1 << 40)
    assert words(found)[0] == "not-media"  # the server would go on for ever


def test_nobody_there(tmp_path: Path) -> None:
    source = Source("1", f"{closed_address()}/ok/a.mp4")
    found = make_fetcher(attempts=2).fetch(source, tmp_path)
    assert words(found) == ("connection-failed", "refused")


def test_sources_bring_headers_and_passwords(
    server: TroubleServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fetcher = make_fetcher()
    headers = (("Referer", "http://www.aslpro.com/cgi-bin/aslpro/aslpro.cgi"),)
    assert_whole(fetcher.fetch(Source("1", server.url("referer/a.mp4"), headers=headers), tmp_path))
    address = server.url("auth/a.mp4?token=s3cret").replace("//", "//me:pa%3Ass@")
    found = assert_whole(fetcher.fetch(Source("2", address), tmp_path))
    assert found.url == server.url("auth/a.mp4?token=s3cret")
    (logged,) = server.requests("auth/a.mp4?token=s3cret")
    assert logged.headers["authorization"] == "Basic bWU6cGE6c3M="
    fetcher.fetch(Source("3", address.replace("auth/", "forbidden/")), tmp_path)
    assert "status 403" in caplog.text
    assert not any(word in caplog.text for word in ("s3cret", "pa%3Ass", "bWU6"))


def test_a_password_is_not_handed_on_to_another_host(server: TroubleServer, tmp_path: Path) -> None:
    with TroubleServer({"a.mp4": CLIP}) as other:
        address = f"http://me:pass@127.0.0.1:{other.port}/redirect/a.mp4"
        assert_whole(make_fetcher().fetch(Source("1", address), tmp_path))
        assert "authorization" in other.requests("ok/a.mp4")[0].headers  # the same host
        elsewhere = server.url("ok/a.mp4")
        address = f"http://me:pass@127.0.0.1:{other.port}/redirect-away/{elsewhere}"
        assert_whole(make_fetcher().fetch(Source("2", address), tmp_path))
        assert "authorization" not in server.requests("ok/a.mp4")[0].headers


def test_a_stop_ends_a_hanging_read(server: TroubleServer, tmp_path: Path) -> None:
    stop = threading.Event()

    def stop_when_bytes_came() -> None:
        while not any(part.stat().st_size for part in tmp_path.glob("*.part")):
            stop.wait(0.01)
        stop.set()

    source = Source("1", server.url("stall-once/a.mp4"))
    watcher = threading.Thread(target=stop_when_bytes_came)
    watcher.start()
    with pytest.raises(Stopped):
        make_fetcher().fetch(source, tmp_path, stop=stop)
    watcher.join()
    assert_whole(make_fetcher().fetch(source, tmp_path))
    assert server.statuses("stall-once/a.mp4") == [200, 206]


def test_a_stop_before_the_start_asks_nobody(server: TroubleServer, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        make_fetcher().fetch(Source("1", server.url("ok/a.mp4")), tmp_path, stop=stop)
    assert server.log == []


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
def test_a_full_disk_is_no_fault_of_the_source(server: TroubleServer, tmp_path: Path) -> None:
    fetch(server, "cut-once/a.mp4", tmp_path, attempts=1)
    (note,) = tmp_path.glob("*.part.json")
    (part,) = tmp_path.glob("*.part")
    note.unlink()
    part.unlink()
    part.symlink_to("/dev/full")
    with pytest.raises(DiskError):
        fetch(server, "cut-once/a.mp4", tmp_path, attempts=1)


def test_index_files_of_any_kind(server: TroubleServer, tmp_path: Path) -> None:
    fetcher = make_fetcher(attempts=1)
    page = tmp_path / "index" / "page.html"
    fetcher.get(server.url("html/x"), page)
    known = hashlib.sha256(page.read_bytes()).hexdigest()
    fetcher.get(server.url("html/x"), page, sha256=known)
    with pytest.raises(AnnotationError, match="not the file"):
        fetcher.get(server.url("html/x"), page, sha256="0" * 64)
    with pytest.raises(AccessError, match=r"link-dead \(status 404\)"):
        fetcher.get(server.url("missing/x?key=s3cret"), page)
    assert list(page.parent.iterdir()) == [page]
