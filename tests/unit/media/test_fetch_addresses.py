"""Where the downloader goes and where it does not; no packet leaves the loopback here."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fetching import PUBLIC, LoopbackNetwork, make_fetcher, resolver, words
from trouble_server import TroubleServer

from sign_etl.media.addresses import (
    AddressPolicy,
    AddressRefused,
    NameServiceFailed,
    UnknownHost,
    is_public,
    parse_address,
)
from sign_etl.media.fetch import Fetched, Fetcher
from sign_etl.schema.clip import Source
from sign_etl.schema.pipeline import FetchConfig

CLIP = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 40


@pytest.fixture
def server() -> Iterator[TroubleServer]:
    with TroubleServer({"a.mp4": CLIP}) as running:
        yield running


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:1:2:3:4:5:6",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "1.1.1.1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2606:4700::1111", "2002:101:101::"],
)
def test_what_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("text", "reason", "what"),
    [
        ("ftp://host/a.mp4", "address-refused", "ftp address"),
        ("file:///etc/hostname", "address-refused", "file address"),
        ("data:video/mp4;base64,AAAA", "address-refused", "data address"),
        ("x-very-long-scheme-name://host/", "address-refused", "strange address"),
        ("www.host.org/a.mp4", "no-address", "malformed address"),
        ("", "no-address", "malformed address"),
        ("http://", "no-address", "malformed address"),
        ("http:///a.mp4", "no-address", "malformed address"),
        ("http://host:99999/", "no-address", "malformed address"),
        ("http://host:port/", "no-address", "malformed address"),
        ("http://[::1/", "no-address", "malformed address"),
        ("http://ho st/", "no-address", "malformed address"),
        ("http://host/\x00", "no-address", "malformed address"),
    ],
)
def test_addresses_that_are_none(text: str, reason: str, what: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        parse_address(text)
    assert (caught.value.reason.value, caught.value.what) == (reason, what)


def test_addresses_are_cleaned() -> None:
    address = parse_address(" https://Me:p%40ss@HÖST.org:8443/ä b.mp4?q=1#part ")
    assert str(address.url) == "https://xn--hst-sna.org:8443/%C3%A4%20b.mp4?q=1"
    assert address.url.raw_host == b"xn--hst-sna.org"
    assert address.authorization == "Basic TWU6cEBzcw=="
    assert address.log_name == "https://xn--hst-sna.org:8443/ä b.mp4"
    assert parse_address("http://h/").authority == "h:80"
    assert parse_address("https://h/").authority == "h:443"


def test_redirects_are_seen_from_where_they_come() -> None:
    base = parse_address("https://host/videos/list?x=1")
    assert str(parse_address("../a.mp4", base).url) == "https://host/a.mp4"
    assert str(parse_address("//other/a.mp4", base).url) == "https://other/a.mp4"
    assert parse_address("https://me:pass@other/", base).authorization is None


def test_names_that_lead_inside_are_refused_before_any_connection(tmp_path: Path) -> None:
    network = LoopbackNetwork()
    names = resolver(inner_test=["10.0.0.7"], six_test=["fd00::7", "::ffff:192.168.0.1"])
    fetcher = make_fetcher(network=network, resolve=names, allow_private_hosts=False)
    for host in ("inner.test", "six.test", "127.0.0.1", "[::1]", "[::ffff:7f00:1]"):
        found = fetcher.fetch(Source(host, f"http://{host}/a.mp4"), tmp_path)
        assert words(found) == ("address-refused", "private address")
    assert network.asked == []


def test_short_spellings_of_the_loopback_are_refused(tmp_path: Path) -> None:
    """The system's resolver reads 127.1, 0x7f.1 and 2130706433 as 127.0.0.1."""
    network = LoopbackNetwork()
    fetcher = Fetcher(FetchConfig(attempts=1), network=network)
    for host in ("127.1", "0x7f.1", "2130706433", "0"):
        found = fetcher.fetch(Source(host, f"http://{host}/a.mp4"), tmp_path)
        assert words(found)[0] in ("address-refused", "no-address", "link-dead")
    assert network.asked == []


@pytest.mark.parametrize("path", ["redirect-private/a.mp4", "redirect-metadata/a.mp4"])
def test_redirects_inside_are_refused_before_any_connection(
    server: TroubleServer, tmp_path: Path, path: str
) -> None:
    network = LoopbackNetwork()
    fetcher = make_fetcher(
        network=network, resolve=resolver(good_test=[PUBLIC]), allow_private_hosts=False
    )
    found = fetcher.fetch(Source("1", f"http://good.test:{server.port}/{path}"), tmp_path)
    assert words(found) == ("address-refused", "redirect to a private address")
    assert network.asked == [PUBLIC]


def test_the_checked_address_is_the_one_connected_to(server: TroubleServer, tmp_path: Path) -> None:
    """A name that is public when asked first and private afterwards gets one question only."""
    answers = iter([[PUBLIC], ["10.0.0.1"]])
    network = LoopbackNetwork()
    fetcher = make_fetcher(
        network=network, resolve=lambda host, port: next(answers), allow_private_hosts=False
    )
    address = f"http://rebind.test:{server.port}/ok/a.mp4"
    assert isinstance(fetcher.fetch(Source("1", address), tmp_path), Fetched)
    assert network.asked == [PUBLIC]
    assert server.log[0].headers["host"] == f"rebind.test:{server.port}"
    assert words(fetcher.fetch(Source("2", address), tmp_path))[0] == "address-refused"
    assert network.asked == [PUBLIC]


def test_of_several_addresses_the_private_ones_are_left_out(
    server: TroubleServer, tmp_path: Path
) -> None:
    network = LoopbackNetwork()
    names = resolver(both_test=["10.0.0.1", PUBLIC])
    fetcher = make_fetcher(network=network, resolve=names, allow_private_hosts=False)
    address = f"http://both.test:{server.port}/ok/a.mp4"
    assert isinstance(fetcher.fetch(Source("1", address), tmp_path), Fetched)
    assert network.asked == [PUBLIC]


def test_an_address_that_does_not_answer_gives_way_to_the_next(
    server: TroubleServer, tmp_path: Path
) -> None:
    """The real network: nothing listens on the first address, all of it loopback."""
    names = resolver(two_test=["127.0.0.2", "127.0.0.1"])
    fetcher = make_fetcher(resolve=names, allow_private_hosts=("two.test",))
    address = f"http://two.test:{server.port}/ok/a.mp4"
    assert isinstance(fetcher.fetch(Source("1", address), tmp_path), Fetched)


@pytest.mark.parametrize(
    ("allow", "host", "address", "allowed"),
    [
        (False, "h", "10.0.0.1", False),
        (True, "h", "10.0.0.1", True),
        ((), "h", "10.0.0.1", False),
        (("10.0.0.1",), "h", "10.0.0.1", True),
        (("10.0.0.1",), "h", "10.0.0.2", False),
        (("10.0.0.0/8",), "h", "10.0.0.2", True),
        (("media.lan",), "Media.LAN.", "10.0.0.2", True),
        (("media.lan",), "other.lan", "10.0.0.2", False),
        (("::1",), "h", "::1", True),
        (("[::1]",), "::1", "::1", True),
        (("127.0.0.1",), "h", "169.254.169.254", False),
    ],
)
def test_who_may_be_private(
    allow: bool | tuple[str, ...], host: str, address: str, allowed: bool
) -> None:
    assert AddressPolicy(allow).allows(host, ipaddress.ip_address(address)) is allowed


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("a.lan, 10.0.0.0/8", ("a.lan", "10.0.0.0/8")),
        ("true", True),
        ("false", False),
        (True, True),
        (["a.lan"], ("a.lan",)),
    ],
)
def test_how_private_hosts_are_written(written: object, read: object) -> None:
    assert FetchConfig.model_validate({"allow_private_hosts": written}).allow_private_hosts == read


def test_a_name_that_does_not_exist_is_a_dead_link(tmp_path: Path) -> None:
    calls: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        calls.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    found = make_fetcher(resolve=resolve).fetch(Source("1", "http://gone.test/a.mp4"), tmp_path)
    assert words(found) == ("link-dead", "unknown host")
    assert calls == ["gone.test"]
    with pytest.raises(UnknownHost):
        AddressPolicy().connectable("a" * 64 + ".test", 80)  # real resolver: not even asked


def test_a_name_service_that_fails_is_asked_again(tmp_path: Path) -> None:
    calls: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        calls.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    fetcher = make_fetcher(resolve=resolve, attempts=3)
    found = fetcher.fetch(Source("1", "http://good.test/a.mp4"), tmp_path)
    assert words(found) == ("connection-failed", "name service")
    assert len(calls) == 3
    with pytest.raises(NameServiceFailed):
        AddressPolicy(resolve=resolve).connectable("good.test", 80)


def test_proxies_of_the_environment_are_not_used(
    server: TroubleServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    found = make_fetcher().fetch(Source("1", server.url("ok/a.mp4")), tmp_path)
    assert isinstance(found, Fetched)


class _Once(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CLIP)))
        self.end_headers()
        self.wfile.write(CLIP)

    def log_message(self, format: str, *args: object) -> None:
        """Not to stderr."""


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS server on the loopback for `good.test`: its port and its certificate."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    command += ["-subj", "/CN=good.test", "-addext", "subjectAltName=DNS:good.test"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    running = HTTPServer(("127.0.0.1", 0), _Once)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield running.server_address[1], certificate
    running.shutdown()
    thread.join()
    running.server_close()


def test_certificates_are_checked_against_the_name(
    tls: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = tls
    names = resolver(good_test=[PUBLIC], bad_test=[PUBLIC])

    def fetch(host: str) -> object:
        fetcher = make_fetcher(network=LoopbackNetwork(), resolve=names)
        return fetcher.fetch(Source(host, f"https://{host}:{port}/a.mp4"), tmp_path / host)

    assert words(fetch("good.test")) == ("connection-failed", "certificate refused")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert isinstance(fetch("good.test"), Fetched)
    assert words(fetch("bad.test")) == ("connection-failed", "certificate refused")
