"""Fetches the shards of remote builds ahead of the training loop, in the order of the plan."""

from __future__ import annotations

from threading import Event, Thread

from sign_etl.stream.cache import ShardCache
from sign_etl.stream.index import Index
from sign_etl.stream.plan import Plan
from sign_etl.stream.schedule import Schedule

IDLE_S = 0.2


class Prefetcher:
    """A thread that keeps the next shards of one source in its cache and evicts the others.

    It alone evicts, since it alone knows the plan: workers fetch what is missing and no more.
    A shard is spared only for one that is needed sooner.

    Args:
        cache: of the source.
        index: of the samples.
        plan: of the epoch.
        source: number of the source.
        ahead: shards that are fetched before they are needed.
    """

    def __init__(
        self, cache: ShardCache, index: Index, plan: Plan, source: int, ahead: int
    ) -> None:
        self._cache = cache
        self._schedule = cache.schedule = Schedule(index, plan, source)
        self._ahead = ahead
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True, name="sign-etl-prefetch")
        self.error: Exception | None = None

    def start(self, step: int) -> None:
        """Begin with what is needed from `step` on."""
        self._schedule.step = step
        self._thread.start()

    def reached(self, step: int) -> None:
        """Tell that the loop is at `step`.

        Raises:
            SignEtlError: a shard could not be fetched.
        """
        self._schedule.step = step
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        """End after the shard that is being fetched."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def turn(self) -> bool:
        """Evict what is too much, fetch one shard; False if there was none to fetch."""
        self._cache.trim()
        missing = [name for name in self._wanted() if not self._cache.has(name)]
        if missing:
            self._cache.ensure(missing[0])
        return bool(missing)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self.turn():
                    self._stop.wait(IDLE_S)
        except Exception as error:
            # It is raised where the loop is, with the thread's own traceback.
            self.error = error

    def _wanted(self) -> list[str]:
        limit, total = self._cache.limit_bytes, 0
        wanted: list[str] = []
        for name in self._schedule.upcoming(self._schedule.step)[: self._ahead]:
            total += self._cache.sizes[name]
            if limit is not None and total > limit and wanted:
                break
            wanted.append(name)
        return wanted
