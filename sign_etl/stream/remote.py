"""Builds that are not here: their tables at once, their shards when somebody wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sign_etl.core.canonical import sha256_bytes
from sign_etl.core.errors import MissingExtraError, UsageError
from sign_etl.core.files import write_bytes
from sign_etl.core.places import cache_folder
from sign_etl.core.remote import EXTRAS
from sign_etl.reader.manifest import MANIFEST
from sign_etl.reader.tables import INDEX_FILE, LABELS_FILE
from sign_etl.stream.cache import ShardCache
from sign_etl.stream.sources import SIDECAR, Source

_TABLES = (MANIFEST, INDEX_FILE, LABELS_FILE)


def fetch_tables(url: str, cache: Path | None = None) -> Path:
    """Fetch manifest, index and labels of a build, or a foreign data set's index, into the cache.

    They are small and are fetched anew each time: a build may have been updated.

    Args:
        url: fsspec address of the folder.
        cache: default a folder in the user's cache.

    Returns:
        Their folder; shards are put there too.

    Raises:
        UsageError: there is no such data set.
        MissingExtraError: the address needs a package that is not installed.
    """
    files, base = _file_system(url)
    folder = (cache or cache_folder() / "shards") / sha256_bytes(url.encode())[:16]
    for names in (_TABLES, (SIDECAR,)):
        try:
            fetched = {name: files.cat_file(f"{base}/{name}") for name in names}
        except FileNotFoundError:
            continue
        for name, data in fetched.items():
            write_bytes(folder / name, data)
        return folder
    raise UsageError(
        f"{url} is neither a build nor an indexed data set",
        hint="the folder of a build has a manifest.json; other tars need `sign-etl index`",
    )


def shard_cache(source: Source) -> ShardCache:
    """The cache for the shards of a remote source."""
    return ShardCache(
        source.root,
        dict(source.shard_sizes),
        Download(source.remote),
        limit_bytes=source.cache_bytes,
    )


class Download:
    """Copies a file below an address to a local one; pickles as the address.

    Args:
        url: fsspec address of the folder.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, path: str, target: Path) -> None:
        """Copy `path` to `target`."""
        files, base = _file_system(self.url)
        files.get_file(f"{base}/{path}", str(target))


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of an address, and what it calls the folder there."""
    import fsspec

    scheme = urlsplit(url).scheme
    try:
        files, base = fsspec.core.url_to_fs(url)
        return files, str(base)
    except ImportError:
        raise MissingExtraError(f"`{url}`", EXTRAS.get(scheme, scheme)) from None
    except ValueError:
        raise UsageError(
            f"`{scheme}` is no kind of address that fsspec knows", hint="such as s3://BUCKET/FOLDER"
        ) from None
