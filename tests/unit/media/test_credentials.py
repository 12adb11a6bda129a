"""Passwords of the user: from one private file, to the right host, into nothing that is kept."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fetching import make_fetcher, words
from trouble_server import TroubleServer

from sign_etl.core.errors import AccessError
from sign_etl.media.addresses import parse_address
from sign_etl.media.credentials import Credentials, credentials_file
from sign_etl.schema.clip import Source

SECRET = "o-so-secret"


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    path.write_text(
        f"machine 127.0.0.1 login jane password {SECRET}\n"
        f"machine data.example.org login jane password {SECRET}\n"
        "default login anybody password everywhere\n"
    )
    path.chmod(0o600)
    monkeypatch.setenv("SIGN_ETL_NETRC", str(path))
    return path


@pytest.fixture
def server(clip: bytes) -> Iterator[TroubleServer]:
    with TroubleServer({"clip.mp4": clip}) as server:
        yield server


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from media import write_video

    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4").read_bytes()


def test_sent_to_its_host(netrc: Path, server: TroubleServer, tmp_path: Path) -> None:
    found = make_fetcher().fetch(Source("a", server.url("auth/clip.mp4")), tmp_path / "into")
    assert hasattr(found, "path"), found
    sent = server.requests("auth/clip.mp4")[0].headers["authorization"]
    assert sent == "Basic amFuZTpvLXNvLXNlY3JldA=="


def test_without_the_file_nothing_is_sent(server: TroubleServer, tmp_path: Path) -> None:
    found = make_fetcher().fetch(Source("a", server.url("auth/clip.mp4")), tmp_path / "into")
    assert words(found) == ("http-forbidden", "status 401")
    assert "authorization" not in server.requests("auth/clip.mp4")[0].headers


def test_not_sent_on_after_a_redirect(
    netrc: Path, server: TroubleServer, tmp_path: Path, clip: bytes
) -> None:
    with TroubleServer({"clip.mp4": clip}) as other:
        url = server.url(f"redirect-away/{other.url('auth/clip.mp4')}")
        found = make_fetcher().fetch(Source("a", url), tmp_path / "into")
        assert words(found) == ("http-forbidden", "status 401")
        assert "authorization" not in other.requests("auth/clip.mp4")[0].headers


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://data.example.org/a.zip", True),
        ("https://DATA.example.org:8443/a.zip", True),
        ("http://data.example.org/a.zip", False),
        ("https://example.org/a.zip", False),
        ("https://data.example.org.evil.net/a.zip", False),
        ("http://127.0.0.1/a.zip", True),
    ],
)
def test_which_addresses_get_it(netrc: Path, url: str, sent: bool) -> None:
    found = Credentials(netrc).authorization(parse_address(url))
    assert (found is not None) == sent


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(netrc: Path, mode: int) -> None:
    netrc.chmod(mode)
    with pytest.raises(AccessError, match="others may read") as caught:
        make_fetcher()
    assert caught.value.exit_code == 3
    assert caught.value.hint == f"chmod 600 {netrc}"


def test_a_file_that_makes_no_sense_is_not_quoted(netrc: Path) -> None:
    netrc.write_text(f"machine 127.0.0.1 login jane passwort {SECRET}\n")
    with pytest.raises(AccessError, match="cannot understand") as caught:
        make_fetcher()
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_it_stands_in_no_log(
    netrc: Path, server: TroubleServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fetcher = make_fetcher(attempts=2)
    for trouble in ("auth", "broken", "missing", "cut", "redirect"):
        fetcher.fetch(Source("a", server.url(f"{trouble}/clip.mp4")), tmp_path / trouble)
    assert "broken" in caplog.text, "nothing was logged at all"
    for word in (SECRET, "amFuZ", "jane"):
        assert word not in caplog.text
        for path in tmp_path.rglob("*.json"):
            assert word not in path.read_text()


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SIGN_ETL_NETRC", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert credentials_file().name == "netrc"
    assert credentials_file().parent.name == "sign-etl"
    assert Credentials(tmp_path / "absent").authorization(parse_address("https://a/b")) is None
    assert os.environ.get("SIGN_ETL_NETRC") is None
