"""Bytes of the shards of all sources of an index, local or through a cache."""

from __future__ import annotations

from collections.abc import Sequence

from sign_etl.core.errors import VerifyError
from sign_etl.reader.shards import ShardFiles
from sign_etl.stream.cache import ShardCache
from sign_etl.stream.sources import Source

TRIES = 5


class Storage:
    """Reads members by offset; shards that are not here are fetched first.

    Pickles without open files, so a worker opens its own.

    Args:
        sources: of the index.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._files = [ShardFiles(source.root, source.shard_sizes) for source in sources]
        self._caches = [_cache(source) for source in sources]

    def read(self, source: int, shard: str, offset: int, size_bytes: int) -> bytes:
        """`size_bytes` bytes of a shard from `offset` on.

        Raises:
            VerifyError: the shard is missing, has another size than its index says, or ends early.
            FetchError: it is remote and cannot be had.
        """
        cache = self._caches[source]
        if cache is None:
            return self._files[source].read(shard, offset, size_bytes)
        for _ in range(TRIES - 1):
            cache.ensure(shard)
            try:
                return self._files[source].read(shard, offset, size_bytes)
            except VerifyError:  # evicted by the prefetcher in between
                continue
        cache.ensure(shard)
        return self._files[source].read(shard, offset, size_bytes)

    def close(self) -> None:
        """Close all files; a later read opens them again."""
        for files in self._files:
            files.close()


def _cache(source: Source) -> ShardCache | None:
    if not source.remote:
        return None
    from sign_etl.stream.remote import shard_cache

    return shard_cache(source)
