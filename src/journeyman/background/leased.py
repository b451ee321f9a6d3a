"""A journal as a worker may write to it: as long as its lease stands, and until it is told to end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from ..data import Conflict
from ..journal import Fact, Log, ModelRequested, Page, RunQuery, RunSummary
from ..queues import Keeper


class Drained(Conflict):
    """The worker ends; the run can be taken up by another one where it stands."""


class LeasedLog:
    """The log of one job.

    Facts announce effects, so a worker that has lost its lease is stopped before the next effect of its runs, whatever the
    other worker has written by then. A worker that ends lets the run `root` come as far as its next request to the model:
    what has happened is written, what would happen next is not begun.
    """

    def __init__(self, log: Log, keeper: Keeper, root: str, ends: Callable[[], bool]) -> None:
        self._log = log
        self._keeper = keeper
        self._claim = keeper.claim()
        self._root = root
        self._ends = ends

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        """Add facts; raises `Lost`, `Drained`, and whatever the log raises."""
        await self._keeper.hold(self._claim)
        if run == self._root and self._ends() and facts and type(facts[-1]) is ModelRequested:
            if len(facts) > 1:
                await self._log.append(run, at, facts[:-1])
            raise Drained(f"the worker ends before request {facts[-1].iteration} of run {run}")
        await self._log.append(run, at, facts)

    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The log's."""
        return self._log.read(run, after)

    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The log's."""
        return self._log.watch(run, after)

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (a frozen value)
        """The log's."""
        return await self._log.runs(query)

    async def delete(self, run: str) -> None:
        """The log's."""
        await self._log.delete(run)

    async def close(self) -> None:
        """Nothing: the log is the worker's to close."""
