"""Receiving a body: to disk, hashed on the way, judged by its first bytes, under a size limit."""

from __future__ import annotations

import functools
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpcore
import httpx

from sign_etl.core.seams import seam
from sign_etl.media.fetched import Fetched, judge_head
from sign_etl.media.partial import Partial, Progress, any_validator, strong_validator
from sign_etl.media.sniff import HEAD_BYTES
from sign_etl.media.trouble import NETWORK_ERRORS, Trouble, of_error, of_status
from sign_etl.schema.outcome import Reason, Reject

CHECKPOINT_BYTES = 8 << 20
"""A kill costs so many bytes of a resumable download at most."""

PIECE_BYTES = 1 << 20

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class _BrokenEncoding(Exception):
    """The body is not what Content-Encoding says."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a body is received.

    Attributes:
        progress: append behind these bytes; None to start over.
        total_bytes: announced size of the whole file, None if unknown.
        validator: makes this body resumable; None if it is not.
        gzip: the body must be unpacked.
    """

    progress: Progress | None
    total_bytes: int | None
    validator: str | None
    gzip: bool


def receive(
    response: httpcore.Response,
    partial: Partial,
    progress: Progress | None,
    *,
    max_bytes: int,
    url: str,
    media: bool = True,
    expect: str | None = None,
) -> Fetched | Trouble:
    """Write the body of a final answer (no redirect).

    Args:
        response: its head has arrived.
        partial: where to.
        progress: what the request offered to build on, None if it asked for the whole.
        max_bytes: largest file accepted.
        url: goes into the result.
        media: it has to be a video by its first bytes; else anything (an index file).
        expect: it has to be this format of keypoints instead, see `judge_head`.

    Raises:
        Stopped: the run stops; what came is noted for a resume.
        OSError: the disk.
    """
    headers = httpx.Headers(response.headers)
    plan = _plan(response.status, headers, progress)
    if isinstance(plan, Trouble):
        return plan
    if plan.total_bytes is not None and plan.total_bytes > max_bytes:
        return Trouble(Reason.TOO_LARGE, "announced")
    judge = functools.partial(judge_head, expect=expect) if media else None
    return _write(response, partial, plan, headers, max_bytes=max_bytes, url=url, judge=judge)


def _plan(status: int, headers: httpx.Headers, progress: Progress | None) -> _Plan | Trouble:
    if status == 206 and progress is not None:
        return _plan_resume(headers, progress)
    if status == 416 and progress is not None:
        return _start_over()  # our bytes are no part of what is there now
    if status not in (200, 203):
        return of_status(status, headers)
    # We ask for the plain bytes; some servers pack whatever they send.
    encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding in ("gzip", "x-gzip"):
        return _Plan(None, None, None, gzip=True)
    if encoding != "identity":
        return Trouble(Reason.HTTP_ERROR, "content encoding")
    length = headers.get("content-length", "")
    total_bytes = int(length) if length.isascii() and length.isdigit() else None
    resumable = headers.get("accept-ranges", "").strip().lower() != "none"
    return _Plan(None, total_bytes, strong_validator(headers) if resumable else None, gzip=False)


def _plan_resume(headers: httpx.Headers, progress: Progress) -> _Plan | Trouble:
    """Build on our bytes only if this is their very continuation."""
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
    if found is None or headers.get("content-encoding", "identity").lower() != "identity":
        return _start_over()
    first, last = int(found[1]), int(found[2])
    total_bytes = None if found[3] == "*" else int(found[3])
    field = "etag" if progress.validator.startswith('"') else "last-modified"
    if (
        first != progress.size_bytes
        or total_bytes is None
        or last + 1 != total_bytes
        or progress.total_bytes not in (None, total_bytes)
        # A 206 to an If-Range need not repeat the validator, but must not contradict it.
        or headers.get(field, progress.validator) != progress.validator
    ):
        return _start_over()
    return _Plan(progress, total_bytes, progress.validator, gzip=False)


def _start_over() -> Trouble:
    return Trouble(Reason.HTTP_ERROR, "broken range", start_over=True)


def _write(
    response: httpcore.Response,
    partial: Partial,
    plan: _Plan,
    headers: httpx.Headers,
    *,
    max_bytes: int,
    url: str,
    judge: Callable[[bytes], str | Reject] | None,
) -> Fetched | Trouble:
    sink = _Sink(partial, plan)
    head_due = judge is not None and sink.size_bytes < HEAD_BYTES
    trouble: Trouble | None = None
    try:
        for piece in _pieces(response, gzip=plan.gzip):
            if sink.size_bytes + len(piece) > max_bytes:
                return Trouble(Reason.TOO_LARGE)
            sink.add(piece)
            if judge and head_due and sink.size_bytes >= HEAD_BYTES:
                head_due = False
                verdict = judge(sink.head())
                if isinstance(verdict, Reject):  # no need to load two gigabytes of web page
                    return Trouble(verdict.reason, verdict.detail)
        if plan.total_bytes is not None and sink.size_bytes != plan.total_bytes:
            trouble = Trouble(Reason.TRUNCATED, again=True)
    except _BrokenEncoding:
        return Trouble(Reason.HTTP_ERROR, "broken gzip")
    except NETWORK_ERRORS as error:
        trouble = of_error(error, in_body=True)
    finally:
        sink.close()
    if trouble is not None:
        return trouble
    container = judge(sink.head()) if judge else ""
    if isinstance(container, Reject):
        return Trouble(container.reason, container.detail)
    path = partial.finish()
    validator = any_validator(headers) or plan.validator
    return Fetched(path, sink.hasher.hexdigest(), sink.size_bytes, container, url, validator)


class _Sink:
    """The growing file, its digest, and the note that a resume needs."""

    def __init__(self, partial: Partial, plan: _Plan) -> None:
        self._partial = partial
        self._plan = plan
        self.size_bytes = plan.progress.size_bytes if plan.progress else 0
        self.hasher = plan.progress.hasher if plan.progress else hashlib.sha256()
        self._noted_bytes = self.size_bytes
        self._file = partial.append(plan.progress) if plan.progress else partial.start_over()

    def add(self, piece: bytes) -> None:
        self._file.write(piece)
        seam("fetch.receiving", self._partial.path)
        self.hasher.update(piece)
        self.size_bytes += len(piece)
        if self.size_bytes - self._noted_bytes >= CHECKPOINT_BYTES:
            self._file.flush()
            self._note()

    def head(self) -> bytes:
        if not self._file.closed:
            self._file.flush()
        with self._partial.path.open("rb") as file:
            return file.read(HEAD_BYTES)

    def close(self) -> None:
        """Close the file; what it holds by now may be built on."""
        try:
            self._file.close()
        except OSError:
            # Closing flushes once more, so a full disk shows here too, usually a second time.
            self._partial.discard()
            raise
        self._note()

    def _note(self) -> None:
        if self._plan.validator is None or self.size_bytes == self._noted_bytes:
            return
        self._partial.note(
            self.size_bytes,
            self.hasher.hexdigest(),
            validator=self._plan.validator,
            total_bytes=self._plan.total_bytes,
        )
        self._noted_bytes = self.size_bytes


def _pieces(response: httpcore.Response, *, gzip: bool) -> Iterator[bytes]:
    """The body in pieces of bounded size, unpacked where it is packed.

    Raises:
        _BrokenEncoding: it cannot be unpacked.
        httpcore.RemoteProtocolError: the packed stream ends before its end.
    """
    chunks: Iterator[bytes] = response.iter_stream()
    if not gzip:
        yield from chunks
        return
    unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    for chunk in chunks:
        packed = chunk
        while packed and not unpack.eof:
            try:
                piece = unpack.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                raise _BrokenEncoding from error
            packed = unpack.unconsumed_tail
            if piece:
                yield piece
    if not unpack.eof:
        raise httpcore.RemoteProtocolError("gzip stream ends early")
