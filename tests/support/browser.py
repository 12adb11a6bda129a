"""A headless Chromium for tests of pages, spoken to over its debugging pipe: no driver, no port."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str:
    """The browser that `SIGN_ETL_CHROMIUM` names, or the first one on the PATH; else skip."""
    named = os.environ.get("SIGN_ETL_CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no Chromium on the PATH (set SIGN_ETL_CHROMIUM)")
    return found


def onnxruntime_web() -> Path:
    """The npm package that `SIGN_ETL_ONNXRUNTIME_WEB` names; else skip."""
    folder = Path(os.environ.get("SIGN_ETL_ONNXRUNTIME_WEB", "node_modules/onnxruntime-web"))
    if not (folder / "dist").is_dir():
        pytest.skip("no npm package onnxruntime-web (set SIGN_ETL_ONNXRUNTIME_WEB to its folder)")
    return folder


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a page that loads itself again hangs up on what it had asked for."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`folder` over HTTP on this machine, as `python -m http.server` does it; its address."""
    with _Server(("127.0.0.1", 0), partial(_Silent, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Page:
    """A tab of the browser.

    Args:
        process: the browser.
        send: what it reads.
        receive: what it writes.
    """

    def __init__(self, process: subprocess.Popen[bytes], send: int, receive: int) -> None:
        self.process = process
        self.send, self.receive = send, receive
        self.left = b""
        self.number = 0
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Give one command of the DevTools protocol; its result."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.send, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.left:
                chunk = os.read(self.receive, 1 << 20)
                assert chunk, "the browser is gone"
                self.left += chunk
            line, _, self.left = self.left.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def open(self, address: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url=address)

    def evaluate(self, script: str) -> Any:
        """Value of a script, or of the promise that it gives."""
        done = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into an input of the page, as a person would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def browser(profile: Path, *, width: int = 1100, height: int = 900) -> Iterator[Page]:
    """A tab of a new headless Chromium with a profile of its own.

    Args:
        profile: folder for it.
        width: of the window.
        height: of the window.
    """
    to_read, to_send = os.pipe()
    to_receive, to_write = os.pipe()
    # The browser reads from descriptor 3 and writes to 4.
    words = [
        *("bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write}', "bash", chromium()),
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update"),
        *("--remote-debugging-pipe", f"--user-data-dir={profile}"),
        *(f"--window-size={width},{height}", "about:blank"),
    ]
    process = subprocess.Popen(
        words,
        pass_fds=(to_read, to_write),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(to_write)
    try:
        yield Page(process, to_send, to_receive)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(to_send)
        os.close(to_receive)
