"""A web server on the loopback that serves real files with every kind of trouble.

The first step of a path names the trouble, the rest the file: `/flaky/clip.mp4` answers 500 twice
and then gives `clip.mp4`. What changes from request to request is counted per path, so the n-th
request for a path has the same answer in every run. `troubles.TROUBLES` is the list.

In a test:

    with TroubleServer(folder) as server:
        server.url("flaky/clip.mp4")
        server.requests("/flaky/clip.mp4")     # what was asked for, in order

As a process, which prints its port as its first line and writes a JSON line for each request:

    python tests/support/trouble_server.py --media DIR --log FILE
"""

from __future__ import annotations

import argparse
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from troubles import TROUBLES

MODIFIED = formatdate(1_600_000_000, usegmt=True)


@dataclass(frozen=True)
class Logged:
    """One request.

    Attributes:
        number: counts from 1 over the life of the server.
        path: as asked for, with query.
        headers: of the request, names in lower case.
        status: of the answer; 0 where there was none.
        time_s: seconds since the epoch.
    """

    number: int
    path: str
    headers: dict[str, str]
    status: int
    time_s: float


class TroubleServer:
    """See the top of the file.

    Args:
        media: a folder, or file names with their bytes.
        log_file: also write the log there, one JSON line a request.
        host: address to listen on.
    """

    def __init__(
        self,
        media: Path | Mapping[str, bytes],
        *,
        log_file: Path | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self._media = media
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._log_file = log_file.open("a", encoding="utf-8") if log_file else None
        self.log: list[Logged] = []
        self.closing = threading.Event()
        self.silences = threading.Semaphore(0)
        """Released when a connection has nothing more to say and stays open."""
        handler = type("BoundHandler", (Handler,), {"owner": self})
        self._server = _Server((host, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.host, self.port = host, int(self._server.server_address[1])

    def __enter__(self) -> TroubleServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._log_file is not None:
            self._log_file.close()

    def url(self, path: str) -> str:
        """The address of `path`, such as `flaky/clip.mp4`."""
        return f"http://{self.host}:{self.port}/{path.lstrip('/')}"

    def requests(self, path: str) -> list[Logged]:
        """The requests for `path` so far, in order."""
        wanted = "/" + path.lstrip("/")
        with self._lock:
            return [logged for logged in self.log if logged.path == wanted]

    def statuses(self, path: str) -> list[int]:
        """The answers to `requests(path)`."""
        return [logged.status for logged in self.requests(path)]

    def content(self, name: str) -> bytes | None:
        """The bytes of a media file, None if there is none of this name."""
        if isinstance(self._media, Path):
            path = (self._media / name).resolve()
            inside = path.is_relative_to(self._media.resolve())
            return path.read_bytes() if inside and path.is_file() else None
        return self._media.get(name)

    def count(self, path: str) -> int:
        """Which request for this path this is, from 1."""
        with self._lock:
            self._counts[path] += 1
            return self._counts[path]

    def note(self, path: str, headers: dict[str, str], status: int) -> None:
        """Log a request, before its answer goes out: whoever has the answer finds it logged."""
        with self._lock:
            logged = Logged(len(self.log) + 1, path, headers, status, time.time())
            self.log.append(logged)
            if self._log_file is not None:
                self._log_file.write(json.dumps(asdict(logged)) + "\n")
                self._log_file.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


class Handler(BaseHTTPRequestHandler):
    """One request; `troubles` are written in terms of its methods."""

    owner: TroubleServer
    protocol_version = "HTTP/1.1"
    now: float | None = None

    def do_GET(self) -> None:
        self.close_connection = True
        trouble, _, name = urlsplit(self.path).path.lstrip("/").partition("/")
        self.name = unquote(name)
        self.content = self.owner.content(self.name) or b""
        self.etag = f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'
        self.turn = self.owner.count(self.path)
        act = TROUBLES.get(trouble)
        try:
            if act is None:
                self.status(404)
            else:
                act(self)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough

    def log_message(self, format: str, *args: Any) -> None:
        """Not to stderr."""

    def head(self, status: int, length: int | None, **headers: str) -> None:
        """Log the request and send the head of the answer."""
        seen = {name.lower(): value for name, value in self.headers.items()}
        self.owner.note(self.path, seen, status)
        if status == 0:
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()

    def status(self, status: int, **headers: str) -> None:
        """A whole answer with a short text."""
        body = f"status {status}\n".encode()
        self.head(status, len(body), Content_Type="text/plain", **headers)
        self.wfile.write(body)

    def body(self, data: bytes, media_type: str = "video/mp4", **headers: str) -> None:
        """A whole answer with these bytes."""
        self.head(200, len(data), Content_Type=media_type, **headers)
        self.wfile.write(data)

    def file(self, *, sent: int | None = None, ranges: bool = True, etag: str | None = "") -> None:
        """The media file, or what the Range header wants of it.

        Args:
            sent: stop after so many bytes, whatever the head announces.
            ranges: honour Range.
            etag: another one than the true one, or none.
        """
        if self.owner.content(self.name) is None:
            self.status(404)  # no trouble of ours: the test names a file that is not there
            return
        etag = self.etag if etag == "" else etag
        marks = {"Last_Modified": MODIFIED, "Content_Type": "video/mp4"}
        if etag is not None:
            marks["ETag"] = etag
        wanted = self.headers.get("Range")
        start = 0
        if ranges:
            marks["Accept_Ranges"] = "bytes"
            if wanted and self.headers.get("If-Range", etag) in (etag, MODIFIED):
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
        whole = len(self.content)
        if start >= whole > 0:
            self.status(416, Content_Range=f"bytes */{whole}")
            return
        part = self.content[start:]
        if start:
            marks["Content_Range"] = f"bytes {start}-{whole - 1}/{whole}"
        self.head(206 if start else 200, len(part), **marks)
        self.wfile.write(part if sent is None else part[:sent])

    def silence(self) -> None:
        """Say nothing more, and stay."""
        self.owner.silences.release()
        self.owner.closing.wait()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The time of an answer, that of its other dates where it has any."""
        return super().date_time_string(self.now if timestamp is None else timestamp)

    def reset(self) -> None:
        """Cut the connection with a RST instead of a FIN, as a crashing machine does."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        socket.close(self.connection.detach())

    @property
    def half(self) -> int:
        """Half of the file's size."""
        return len(self.content) // 2


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="a web server full of trouble, on the loopback")
    parser.add_argument("--media", type=Path, required=True, help="folder with real files")
    parser.add_argument("--log", type=Path, required=True, help="JSON lines, appended")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    options = parser.parse_args()
    with TroubleServer(options.media, log_file=options.log, host=options.host) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
