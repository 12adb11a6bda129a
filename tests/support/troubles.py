"""The troubles of `trouble_server`, by the word that names each in a path."""

from __future__ import annotations

import gzip
import struct
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trouble_server import Handler

LONG_PAUSE_S = 86_400
HTML = b"<!DOCTYPE html><html><body>This video is no longer here</body></html>\n" * 100
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile neighbour.mp4\n"
# A whole Flash film without any frame: header, 550x400 twips, 12 fps, 0 frames, end tag.
_SWF_BODY = bytes.fromhex("78000a8c0000fa0000") + bytes([0, 12]) + bytes([0, 0]) + bytes([0, 0])
SWF = b"FWS\x08" + struct.pack("<I", 8 + len(_SWF_BODY)) + _SWF_BODY


def _until(turns: int, trouble: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """`trouble` for the first so many requests, then the file."""
    return lambda request: trouble(request) if request.turn <= turns else request.file()


def _status(code: int, **headers: str) -> Callable[[Handler], None]:
    return lambda request: request.status(code, **headers)


def _redirect(target: str) -> Callable[[Handler], None]:
    return lambda request: request.status(302, Location=target)


def _redirect_to(trouble: str) -> Callable[[Handler], None]:
    return lambda request: request.status(302, Location=f"/{trouble}/{request.name}")


def _retry_date(request: Handler) -> None:
    request.now = time.time()
    request.status(429, Retry_After=formatdate(request.now + 2, usegmt=True))


def _hang(request: Handler) -> None:
    request.head(0, None)
    request.silence()


def _stall(request: Handler) -> None:
    request.file(sent=request.half, ranges=False)
    request.wfile.flush()
    request.silence()


def _drip(request: Handler) -> None:
    request.head(200, len(request.content), Content_Type="video/mp4")
    for byte in request.content:
        request.wfile.write(bytes([byte]))
        request.wfile.flush()
        if request.owner.closing.wait(0.05):
            return


def _cut_once(request: Handler) -> None:
    request.file(sent=request.half if request.turn == 1 else None)


def _cut_once_no_range(request: Handler) -> None:
    request.file(sent=request.half if request.turn == 1 else None, ranges=False)


def _cut_once_with(etag: str | None) -> Callable[[Handler], None]:
    return lambda request: request.file(sent=request.half if request.turn == 1 else None, etag=etag)


def _cut(request: Handler) -> None:
    request.file(sent=request.half, ranges=False)


def _creep(request: Handler) -> None:
    """A third of the whole at a time; only resuming gets there."""
    request.file(sent=len(request.content) // 3 + 1)


def _changed(request: Handler) -> None:
    """First the beginning of another version (its bytes turned round), with another ETag."""
    if request.turn == 1:
        request.head(
            200, len(request.content), ETag='"old"', Accept_Ranges="bytes", Content_Type="video/mp4"
        )
        request.wfile.write(request.content[:8] + b"old" * (request.half // 3))
    else:
        request.file()


def _lying_range(request: Handler) -> None:
    """After a cut, a 206 from another place than asked for; honest when asked for the whole."""
    if request.turn == 1:
        request.file(sent=request.half)
    elif request.headers.get("Range"):
        whole = len(request.content)
        request.head(206, whole, ETag=request.etag, Content_Range=f"bytes 0-{whole - 1}/{whole}")
        request.wfile.write(request.content)
    else:
        request.file()


def _long(request: Handler) -> None:
    """Announces more than there is, each time."""
    request.head(200, len(request.content) + 1000, Content_Type="video/mp4")
    request.wfile.write(request.content)


def _short(request: Handler) -> None:
    """Announces less than there is: whoever counts gets a file that breaks off."""
    request.head(200, request.half, Content_Type="video/mp4")
    request.wfile.write(request.content)


def _huge(request: Handler) -> None:
    request.head(200, 1 << 50, Content_Type="video/mp4")
    request.wfile.write(request.content)


def _endless(request: Handler) -> None:
    request.head(200, None, Content_Type="video/mp4")
    request.wfile.write(request.content)
    while not request.owner.closing.is_set():
        request.wfile.write(bytes(1 << 16))


def _gzip(request: Handler) -> None:
    request.body(gzip.compress(request.content, mtime=0), Content_Encoding="gzip")


def _bomb(request: Handler) -> None:
    zeros = gzip.compress(request.content + bytes(64 << 20), mtime=0)
    request.body(zeros, Content_Encoding="gzip")


def _reset(request: Handler) -> None:
    request.head(0, None)
    request.reset()


def _referer(request: Handler) -> None:
    if request.headers.get("Referer"):
        request.file()
    else:
        request.status(403)


def _auth(request: Handler) -> None:
    if request.headers.get("Authorization"):
        request.file()
    else:
        request.status(401)


TROUBLES: dict[str, Callable[[Handler], None]] = {
    "ok": lambda request: request.file(),
    "missing": _status(404),
    "gone": _status(410),
    "forbidden": _status(403),
    "teapot": _status(418),
    "broken": _status(500),
    "flaky": _until(2, _status(500)),
    "busy": _until(1, _status(429, Retry_After="1")),
    "busy-date": _until(1, _retry_date),
    "busy-always": _status(429),
    "paused": _status(429, Retry_After=str(LONG_PAUSE_S)),
    "paused-503": _status(503, Retry_After=str(LONG_PAUSE_S)),
    "hang": _hang,
    "hang-once": _until(1, _hang),
    "stall": _stall,
    "stall-once": _until(1, _stall),
    "drip": _drip,
    "cut": _cut,
    "cut-once": _cut_once,
    "cut-once-no-range": _cut_once_no_range,
    "cut-weak": _cut_once_with('W/"weak"'),
    "cut-dated": _cut_once_with(None),
    "creep": _creep,
    "changed": _changed,
    "lying-range": _lying_range,
    "long": _long,
    "short": _short,
    "html": lambda request: request.body(HTML, "text/html"),
    "playlist": lambda request: request.body(PLAYLIST),
    "concat": lambda request: request.body(CONCAT),
    "empty": lambda request: request.body(b""),
    "swf": lambda request: request.body(SWF, "application/x-shockwave-flash"),
    "gzip": _gzip,
    "bomb": _bomb,
    "huge": _huge,
    "endless": _endless,
    "redirect": _redirect_to("ok"),
    "redirect-gone": _redirect_to("gone"),
    "redirect-loop": _redirect_to("redirect-back"),
    "redirect-back": _redirect_to("redirect-loop"),
    "redirect-private": _redirect("http://10.0.0.1/secret.mp4"),
    "redirect-metadata": _redirect("http://169.254.169.254/latest/meta-data/"),
    "redirect-file": _redirect("file:///etc/hostname"),
    "redirect-away": lambda request: request.status(302, Location=request.name),
    "redirect-on": lambda request: request.status(302, Location=f"{request.path}x"),
    "reset": _reset,
    "referer": _referer,
    "auth": _auth,
}
"""What the first step of a path may be."""
