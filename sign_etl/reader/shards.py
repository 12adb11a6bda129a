"""Member bytes by offset: `pread` on a bounded number of open shards, from any thread."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from sign_etl.core.errors import VerifyError

OPEN_SHARDS = 64
"""Shards kept open; the rest is closed, least recently used first."""

VERIFY_HINT = "`sign-etl verify` names what is damaged; the same `sign-etl ingest` mends it"


class ShardFiles:
    """The open shards of one build.

    Thread-safe. Pickles without its open files, so a copy in another process opens its own.

    Args:
        root: the build.
        sizes: size in bytes of each shard by its path, as the manifest says.
        limit: number of shards kept open.
    """

    def __init__(self, root: Path, sizes: Mapping[str, int], *, limit: int = OPEN_SHARDS) -> None:
        self._root = root
        self._sizes = dict(sizes)
        self._limit = limit
        self._start()

    def _start(self) -> None:
        self._lock = Lock()
        self._open: OrderedDict[str, int] = OrderedDict()
        self._users: dict[int, int] = {}
        self._retired: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {"_root": self._root, "_sizes": self._sizes, "_limit": self._limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def __del__(self) -> None:
        if hasattr(self, "_open"):
            self.close()

    def read(self, shard: str, offset: int, size_bytes: int) -> bytes:
        """`size_bytes` bytes of a shard from `offset` on.

        Raises:
            VerifyError: the shard is missing, has another size than the manifest says, or ends
                before the last byte.
        """
        with self._borrow(shard) as handle:
            parts = []
            missing = size_bytes
            while missing:
                part = os.pread(handle, missing, offset + size_bytes - missing)
                if not part:
                    raise VerifyError(f"{shard} ends inside a member", hint=VERIFY_HINT)
                parts.append(part)
                missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Close all shards that nobody reads at the moment, the others after their last reader."""
        with self._lock:
            for handle in self._open.values():
                self._retire(handle)
            self._open.clear()

    @contextmanager
    def _borrow(self, shard: str) -> Iterator[int]:
        # A shard that falls out of the cache while another thread reads it must stay open: its
        # number could be given to another file in between.
        with self._lock:
            handle = self._open.get(shard)
            if handle is None:
                handle = self._open[shard] = self._open_checked(shard)
            self._open.move_to_end(shard)
            self._users[handle] = self._users.get(handle, 0) + 1
            while len(self._open) > self._limit:
                self._retire(self._open.popitem(last=False)[1])
        try:
            yield handle
        finally:
            with self._lock:
                self._users[handle] -= 1
                if not self._users[handle]:
                    del self._users[handle]
                    if handle in self._retired:
                        self._retired.remove(handle)
                        os.close(handle)

    def _retire(self, handle: int) -> None:
        if handle in self._users:
            self._retired.add(handle)
        else:
            os.close(handle)

    def _open_checked(self, shard: str) -> int:
        if shard not in self._sizes:
            raise VerifyError(f"the manifest names no shard `{shard}`", hint=VERIFY_HINT)
        try:
            handle = os.open(self._root / shard, os.O_RDONLY)
        except FileNotFoundError:
            raise VerifyError(f"{shard} is missing", hint=VERIFY_HINT) from None
        size = os.fstat(handle).st_size
        if size != self._sizes[shard]:
            os.close(handle)
            raise VerifyError(
                f"{shard} has {size:,} bytes, the manifest says {self._sizes[shard]:,}",
                hint=VERIFY_HINT,
            )
        return handle
