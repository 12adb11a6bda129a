"""A web server on this machine that serves a few files, well or badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served: `files` by path; `cut` sends that share of a body and hangs up."""

    files: dict[str, bytes]
    cut: float = 1.0
    status: int = 200
    asked: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Site]:
    """Serve `files` for the time of the block."""
    served = Site(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            data = served.files.get(self.path)
            status = 404 if data is None else served.status
            self.send_response(status)
            body = data or b""
            self.send_header("Content-Length", str(len(body)))
            kind = "text/html" if self.path.endswith("/") else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body[: int(len(body) * served.cut)])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@cache
def closed_address() -> str:
    """An address at which nobody answers, nor will while this process lives: its port is taken."""
    _taken.bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{_taken.getsockname()[1]}"


_taken = socket.socket()
