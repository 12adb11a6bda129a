"""The one downloader of model files: a bounded body over HTTP, or a few words on why not."""

from __future__ import annotations

from typing import IO

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0


class Unreachable(Exception):
    """This way to the files leads nowhere; the message says why in a few words."""


def download(url: str, file: IO[bytes], *, limit_bytes: int, way: str) -> None:
    """Write the body at `url` to `file`.

    Args:
        url: where it is. From https no redirect leads back to http.
        file: open for writing; what it holds after an error means nothing.
        limit_bytes: a longer body is cut off one chunk later.
        way: how to call this source in messages.

    Raises:
        Unreachable: no network, an HTTP error, a cut connection, or a body that is too long.
    """
    import httpx

    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=True) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200:
                raise Unreachable(f"{way} answers {answer.status_code}")
            if httpx.URL(url).scheme == "https" != answer.url.scheme:
                raise Unreachable(f"{way} leads away from https")
            size_bytes = 0
            for chunk in answer.iter_bytes():
                size_bytes += len(chunk)
                if size_bytes > limit_bytes:
                    raise Unreachable(f"{way} sends more than {limit_bytes} bytes")
                file.write(chunk)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise Unreachable(f"{way} cannot be reached") from None
