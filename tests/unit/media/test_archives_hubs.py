"""Hubs through their own libraries, in processes of their own that can reach the loopback only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from archives import FILES, found, zip_of

from sign_etl.core.errors import ConfigError
from sign_etl.media.hubs import download, download_unpacked, is_hub

BRING = """
import json, sys
from pathlib import Path
from sign_etl.core.errors import SignEtlError
from sign_etl.media import archives
from sign_etl.media.fetch import Fetcher
from sign_etl.schema.archive import Archive
from sign_etl.schema.pipeline import FetchConfig

try:
    archives.bring([Archive((sys.argv[1],))], Path(sys.argv[2]), fetcher=Fetcher(FetchConfig()))
    print(json.dumps(None))
except SignEtlError as error:
    print(json.dumps([error.exit_code, error.message, error.hint]))
"""


def bring(url: str, folder: Path, home: Path, **environment: str) -> list[Any] | None:
    """What a process without any login says about a download; None for nothing."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("HF_", "KAGGLE"))
    }
    nowhere = "http://127.0.0.1:9"  # nobody listens there: no request leaves this machine
    proxies = {"HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", BRING, url, str(folder)],
        env={
            **inherited, **proxies, "HOME": str(home), "HF_HOME": str(home / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1", **environment,
        },
        capture_output=True, text=True, timeout=1100, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    reply: list[Any] | None = json.loads(done.stdout.splitlines()[-1])
    return reply


class Hub(ThreadingHTTPServer):
    """As much of the API of Hugging Face as a download of one file needs."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _HubHandler)
        self.content = content
        self.asked: list[tuple[str, str]] = []


class _HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Not to stderr."""

    def answer(self, *, body: bool) -> None:
        self.server.asked.append((self.command, self.path))
        errors = {
            "/datasets/o/gated/": (403, "GatedRepo"),
            "/datasets/o/absent/": (401, "RepoNotFound"),
            "/datasets/o/set/resolve/main/absent.zip": (404, "EntryNotFound"),
            "/datasets/o/refused/": (403, ""),
        }
        for path, (status, code) in errors.items():
            if self.path.startswith(path):
                self.send_response(status)
                if code:
                    self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        content = self.server.content
        self.send_response(200)
        self.send_header("X-Repo-Commit", "c" * 40)
        self.send_header("ETag", '"0123456789abcdef"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub")
    hub = Hub(zip_of(tmp_path / "a.zip").read_bytes())
    thread = threading.Thread(target=hub.serve_forever, args=(0.05,))
    thread.start()
    yield hub
    hub.shutdown()
    thread.join()
    hub.server_close()


def test_a_file_of_hugging_face(hub: Hub, tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{hub.server_address[1]}"
    url = "hf://datasets/o/set@v1/parts/a.zip"
    assert bring(url, tmp_path / "media", tmp_path, HF_ENDPOINT=endpoint) is None
    assert found(tmp_path / "media") == FILES
    assert ("GET", "/datasets/o/set/resolve/" + "c" * 40 + "/parts/a.zip") in hub.asked or (
        "GET", "/datasets/o/set/resolve/v1/parts/a.zip",
    ) in hub.asked  # fmt: skip
    asked = len(hub.asked)
    assert bring(url, tmp_path / "media", tmp_path, HF_ENDPOINT=endpoint) is None
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("path", "words", "hint"),
    [
        ("o/gated/a.zip", "only to people who accepted its terms", "hf auth login"),
        ("o/absent/a.zip", "has no data set `o/absent`, or not for you", "HF_TOKEN"),
        ("o/set/absent.zip", "holds no `absent.zip`", "--media"),
        ("o/refused/a.zip", "refuses `o/refused` with status 403", "hf auth login"),
    ],
)
def test_what_hugging_face_refuses(
    hub: Hub, tmp_path: Path, path: str, words: str, hint: str
) -> None:
    endpoint = f"http://127.0.0.1:{hub.server_address[1]}"
    reply = bring(f"hf://datasets/{path}", tmp_path / "media", tmp_path, HF_ENDPOINT=endpoint)
    assert reply is not None
    assert reply[0] == 3
    assert words in reply[1]
    assert hint in reply[2]
    assert not found(tmp_path / "media")


@pytest.mark.slow  # huggingface_hub tries five times
def test_hugging_face_out_of_reach(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    reply = bring(
        "hf://datasets/o/set/a.zip", tmp_path / "media", tmp_path, HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert reply is not None
    assert reply[0] == 3
    assert "Hugging Face cannot be reached" in reply[1]


def test_google_drive_out_of_reach(tmp_path: Path) -> None:
    pytest.importorskip("gdown")
    reply = bring("gdrive://1CxeQ_abcdefghijk", tmp_path / "media", tmp_path)
    assert reply is not None
    assert reply[0] == 3
    assert "Google Drive" in reply[1]


def test_kaggle_out_of_reach(tmp_path: Path) -> None:
    pytest.importorskip("kagglehub")
    reply = bring("kaggle://owner/name", tmp_path / "media", tmp_path)
    assert reply is not None
    assert reply[0] == 3
    assert "Kaggle" in reply[1]


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("hf://datasets/o/set/a.zip", "huggingface_hub", "huggingface"),
        ("gdrive://1CxeQ_abcdefghijk", "gdown", "gdrive"),
        ("kaggle://owner/name", "kagglehub", "kaggle"),
    ],
)
def test_missing_libraries_are_named(tmp_path: Path, url: str, package: str, extra: str) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / f"{package}.py").write_text("raise ImportError('not here')")
    reply = bring(url, tmp_path / "media", tmp_path, PYTHONPATH=str(hidden))
    assert reply is not None
    assert reply[0] == 3
    assert f"needs the `{extra}` extra" in reply[1]
    assert reply[2] == f"pip install 'sign-etl[{extra}]'"


@pytest.mark.parametrize(
    "url", ["hf://models/o/n/a", "hf://datasets/o", "gdrive://../x", "kaggle://../.."]
)
def test_addresses_that_are_none(tmp_path: Path, url: str) -> None:
    assert is_hub(url)
    with pytest.raises(ConfigError, match="no address of a hub"):
        (download_unpacked if url.startswith("kaggle") else download)(url, tmp_path / "x")
