"""Downloading sources: politely, resumably, and never where we should not go.

A source ends as a file with its digest, or as a reject with a reason. What may pass (a server
error, a timeout, a cut connection) is tried again with growing pauses; what is final (404, a web
page instead of a video) is not. A host that asks for a long pause is left alone for this run.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import replace
from pathlib import Path

import httpcore
import httpx

from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import OUTLIVED_S, atomic_open, disk_errors, scratch, sweep
from sign_etl.media import youtube
from sign_etl.media.addresses import (
    Address,
    AddressPolicy,
    AddressRefused,
    Resolve,
    parse_address,
    system_resolve,
)
from sign_etl.media.body import CHECKPOINT_BYTES, receive
from sign_etl.media.connection import Budget, Line
from sign_etl.media.credentials import Credentials, credentials_file
from sign_etl.media.fetched import Fetched, fetch_reject
from sign_etl.media.job import Job, Kind, no_access, request_headers, shown
from sign_etl.media.partial import Partial, Progress
from sign_etl.media.politeness import (
    PAUSED,
    Clock,
    HostGates,
    HostPaused,
    WallClock,
    backoff_s,
)
from sign_etl.media.trouble import NETWORK_ERRORS, Trouble, of_error
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject
from sign_etl.schema.pipeline import FetchConfig

__all__ = ["Fetched", "Fetcher"]

MAX_REDIRECTS = 10
REDIRECTS = (301, 302, 303, 307, 308)

log = logging.getLogger(__name__)


class Fetcher:
    """Downloads sources; thread-safe, one per process, so that its limits per host hold.

    Args:
        config: limits and manners.
        resolve: name resolution, replaceable for tests.
        network: connects to a checked IP address, replaceable for tests.
        clock: for pauses, replaceable for tests (timeouts of sockets are always real).
        chance: for the jitter.

    Raises:
        AccessError: the user's file with passwords is not private; see `media.credentials`.
    """

    def __init__(
        self,
        config: FetchConfig,
        *,
        resolve: Resolve = system_resolve,
        network: httpcore.NetworkBackend | None = None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self._config = config
        self._credentials = Credentials(credentials_file())
        self._clock = clock or WallClock()
        self._chance = chance or random.Random()
        self._gates = HostGates(
            per_host=config.per_host,
            rate_per_s=config.rate_per_s,
            burst=config.burst,
            clock=self._clock,
        )
        self._line = Line(
            policy=AddressPolicy(config.allow_private_hosts, resolve),
            ssl_context=httpx.create_ssl_context(),
            connect_timeout_s=config.connect_timeout_s,
            idle_timeout_s=config.idle_timeout_s,
            inner=network or httpcore.SyncBackend(),
        )

    def fetch(
        self, source: Source, into: Path, *, stop: threading.Event | None = None
    ) -> Fetched | Reject:
        """Bring the media of `source` onto this disk.

        Args:
            source: what; its `names` are not looked at, see `sign_etl.media.local`.
            into: the caller's private folder (created). The result lies there, or the beginning of
                it, on which the next call with the same folder and source builds.
            stop: ends waiting and reading when set.

        Raises:
            Stopped: `stop` was set; what has come is kept for the next call.
            DiskError: no space left.
        """
        if not source.url:
            return fetch_reject(Reason.NO_ADDRESS)
        into.mkdir(parents=True, exist_ok=True)
        if youtube.is_youtube(source.url):
            return youtube.fetch(
                source.url,
                Partial(into, source).final,
                config=self._config,
                gate=self._gates.gate(youtube.AUTHORITY),
                stop=stop,
            )
        return self._download(source, Partial(into, source), stop=stop, kind=Kind.MEDIA)

    def download(self, url: str, into: Path, *, stop: threading.Event | None = None) -> Path:
        """Download an archive: a file of any kind and of up to `fetch.max_archive_bytes`.

        Args:
            url: where it is.
            into: the caller's private folder (created). The file lies there, or the beginning of
                it, on which the next call with the same folder and address builds.
            stop: ends the download when set; what has come is kept.

        Returns:
            The file; found again without a request where it is there already.

        Raises:
            AccessError: it could not be had.
            Stopped: `stop` was set.
        """
        source = Source(id=url, url=url)
        into.mkdir(parents=True, exist_ok=True)
        partial = Partial(into, source)
        if partial.final.is_file():
            return partial.final
        found = self._download(source, partial, stop=stop, kind=Kind.ARCHIVE)
        if isinstance(found, Reject):
            raise no_access(url, found, "bring the files yourself and name them with --media")
        return found.path

    def get(
        self,
        url: str,
        path: Path,
        *,
        sha256: str | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Download an index file of any kind, under the same rules; see `recipes.base.Get`.

        Args:
            url: where it is.
            path: the final file, written atomically.
            sha256: what it has to be.
            stop: ends the download when set.

        Raises:
            AccessError: it could not be had.
            AnnotationError: it is not what it has to be.
        """
        source = Source(id=url, url=url)
        sweep(path.parent, older_than_s=OUTLIVED_S)
        with scratch(path.parent) as folder:
            found = self._download(source, Partial(folder, source), stop=stop, kind=Kind.INDEX)
            if isinstance(found, Reject):
                by_hand = "bring the file yourself and name it with --annotations"
                raise no_access(url, found, by_hand)
            if sha256 is not None and found.sha256 != sha256:
                raise AnnotationError(
                    f"`{shown(url)}` is not the file that this version knows",
                    hint="bring the known version of the file and name it with --annotations",
                )
            with found.path.open("rb") as file, atomic_open(path) as final:
                while chunk := file.read(1 << 20):
                    final.write(chunk)

    def close(self) -> None:
        """End of use. Every request closes its own connection, so nothing is left open here."""

    def _download(
        self, source: Source, partial: Partial, *, stop: threading.Event | None, kind: Kind
    ) -> Fetched | Reject:
        try:
            address = parse_address(source.url or "")
        except AddressRefused as error:
            return fetch_reject(error.reason, error.what)
        if address.authorization is None:
            address = replace(address, authorization=self._credentials.authorization(address))
        job = Job(source, partial, Budget(kind.total_s(self._config)), stop, kind)
        attempt, may_resume, had_bytes = 1, True, 0
        while True:
            try:
                with disk_errors(partial.path):
                    progress = partial.load() if may_resume else None
                    ended = self._attempt(job, address, progress)
            except HostPaused:
                return fetch_reject(Reason.HOST_PAUSED, PAUSED)
            if isinstance(ended, Fetched):
                return ended
            log.debug("%s: attempt %d: %s", address.log_name, attempt, ended)
            if ended.start_over and may_resume:
                may_resume = False
                continue
            has_bytes = partial.size_bytes if kind is Kind.ARCHIVE else 0
            if has_bytes - had_bytes >= CHECKPOINT_BYTES:
                attempt = 1  # a host that cuts long downloads now and then still gets us there
            had_bytes = has_bytes
            if not ended.again or attempt == self._config.attempts:
                break
            if ended.retry_after_s is None:
                pause_s = backoff_s(attempt, self._config.backoff_s, self._chance)
                self._clock.wait(pause_s, stop)
            attempt += 1
        if not ended.reason.retryable or not partial.resumable:
            partial.discard()
        return fetch_reject(ended.reason, ended.detail)

    def _attempt(self, job: Job, address: Address, progress: Progress | None) -> Fetched | Trouble:
        """Follow redirects to a body or to trouble.

        Raises:
            HostPaused: a host on the way is closed to this run.
        """
        seen: set[httpx.URL] = set()
        first = address
        for _ in range(MAX_REDIRECTS + 1):
            if address.url in seen:
                return Trouble(Reason.REDIRECT_LOOP)
            seen.add(address.url)
            headers = request_headers(self._config, job.source, first, address, progress)
            gate = self._gates.gate(address.authority)
            try:
                with (
                    gate.request(job.stop),
                    job.budget.watch(job.stop) as watch,
                    self._line.get(address, headers, watch) as response,
                ):
                    ended = self._answer(job, address, response, progress)
            except AddressRefused as error:
                detail = error.what if address is first else f"redirect to a {error.what}"
                return Trouble(Reason.ADDRESS_REFUSED, detail)
            except NETWORK_ERRORS as error:
                return of_error(error)
            if isinstance(ended, Trouble) and ended.retry_after_s is not None:
                if ended.retry_after_s > self._config.max_retry_after_s:
                    gate.close_for(ended.retry_after_s)
                    log.info(
                        "%s asks for a pause of %.0f s", address.authority, ended.retry_after_s
                    )
                    raise HostPaused
                gate.slow_down(ended.retry_after_s)
            if not isinstance(ended, Address):
                return ended
            address = ended
        return Trouble(Reason.REDIRECT_LOOP, f"more than {MAX_REDIRECTS} redirects")

    def _answer(
        self,
        job: Job,
        address: Address,
        response: httpcore.Response,
        progress: Progress | None,
    ) -> Fetched | Trouble | Address:
        location = httpx.Headers(response.headers).get("location")
        if response.status in REDIRECTS and location is not None:
            try:
                return parse_address(location, base=address)
            except AddressRefused as error:
                return Trouble(Reason.ADDRESS_REFUSED, f"redirect to a {error.what}")
        return receive(
            response,
            job.partial,
            progress,
            max_bytes=job.kind.max_bytes(self._config),
            url=str(address.url),
            media=job.kind is Kind.MEDIA,
            expect=job.source.keypoints,
        )
