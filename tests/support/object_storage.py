"""S3 on the loopback interface: a real server (moto), and a proxy before it that makes trouble."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUCKET = "signs"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret-that-no-log-shows",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",  # what is tested are our own repetitions
}
HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


@dataclass
class Trouble:
    """What happens to requests, by their number.

    Attributes:
        every: each so-many-th request meets the next kind of trouble; 0 for none.
        kinds: in turn: an HTTP status, `lost` (done, but the reply never comes) or `cut` (the
            connection ends before anything is done).
    """

    every: int = 0
    kinds: tuple[str, ...] = ("500", "503", "lost", "cut")
    requests: int = 0
    met: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self) -> str | None:
        """The trouble of the request that comes now."""
        with self.lock:
            self.requests += 1
            if not self.every or self.requests % self.every:
                return None
            kind = self.kinds[self.requests // self.every % len(self.kinds)]
            self.met[kind] = self.met.get(kind, 0) + 1
            return kind


@contextmanager
def object_storage(trouble: Trouble) -> Iterator[str]:
    """Serve S3 with one bucket; yields the endpoint's address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    connection = HTTPConnection(host, port)
    connection.request("PUT", f"/{BUCKET}")
    assert connection.getresponse().status == 200
    connection.close()
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _handler(host, port, trouble))
    proxy.daemon_threads = True
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
        server.stop()


def _handler(host: str, port: int, trouble: Trouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self._body()
            kind = trouble.next()
            if kind == "cut":
                self._hang_up()
            elif kind is not None and kind.isdecimal():
                self._answer(int(kind), {}, b"<Error><Code>InternalError</Code></Error>")
            else:
                status, headers, reply = self._forward(body)
                if kind == "lost":
                    self._hang_up()
                else:
                    self._answer(status, headers, reply)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = HTTPConnection(host, port, timeout=1100)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            connection.request(self.command, self.path, body, headers)
            reply = connection.getresponse()
            found = dict(reply.getheaders())
            data = reply.read()
            connection.close()
            return reply.status, found, data

        def _answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in {*HOP, "date", "server"}:
                    self.send_header(name, value)
            length = headers.get("Content-Length") or headers.get("content-length")
            head = self.command == "HEAD"
            self.send_header("Content-Length", length if head and length else str(len(data)))
            self.end_headers()
            if not head:
                self.wfile.write(data)

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
