"""`Log` in this process's memory."""

from __future__ import annotations

import heapq
import threading
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from ..journal import ENDED, Fact, Page, RunQuery, RunSummary, summarize
from .log_rules import (
    Followers,
    Part,
    check_batch,
    check_query,
    closed,
    cursor,
    following,
    matches,
    reading,
    taken,
    unknown,
)

PAGE = 1000
"""How many facts a reader takes at once, so that a long run does not hold the others up."""


class MemoryLog:
    """Runs that last as long as somebody holds the log; it keeps the fact objects themselves.

    It may be used from several threads and event loops at once. Nothing needs to be closed; closing it forgets all runs
    and ends all followers with a `CallerError`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts: dict[str, list[Fact]] = {}
        self._rows: dict[str, RunSummary] = {}
        self._followers = Followers()
        self._waiting = self._followers.waiting
        self._closed = False

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        """Append facts as numbers `at` and on; raises `Conflict` if the run does not end just before `at`."""
        check_batch(run, at, facts)
        with self._lock:
            kept = self._facts.get(run)
            end = len(kept) if kept is not None else self._end_of_unknown()
            if end != at:
                raise taken(run, at, end)
            if kept is not None:
                kept.extend(facts)
            elif facts:
                self._facts[run] = list(facts)
        if self._waiting:
            self._followers.wake(run)

    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number, up to the last one."""

        async def part(after: int) -> Part:
            return self._part(run, after)

        return reading(after, part)

    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number and those to come, until the run ends."""

        async def part(after: int) -> Part:
            return self._part(run, after)

        return following(self._followers, run, after, part)

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
        """A page of the runs asked for, newest first."""
        place = check_query(query)
        with self._lock:
            self._check_open()
            summaries = [self._row(run, kept) for run, kept in self._facts.items()]
        found = (
            summary
            for summary in summaries
            if matches(summary, query) and (place is None or (summary.started_at, summary.run) < place)
        )
        rows = heapq.nlargest(query.limit + 1, found, key=lambda summary: (summary.started_at, summary.run))
        shown = tuple(rows[: query.limit])
        return Page(shown, cursor(shown[-1]) if len(rows) > query.limit else None)

    async def delete(self, run: str) -> None:
        """Forget a run."""
        with self._lock:
            self._check_open()
            if self._facts.pop(run, None) is None:
                raise unknown(run)
            self._rows.pop(run, None)
        self._followers.wake(run)

    async def close(self) -> None:
        """Forget all runs."""
        with self._lock:
            self._closed = True
            self._facts.clear()
            self._rows.clear()
        self._followers.wake_all()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _part(self, run: str, after: int) -> Part:
        with self._lock:
            self._check_open()
            kept = self._facts.get(run)
            if kept is None:
                raise unknown(run)
            first = max(after + 1, 0)
            facts = kept[first : first + PAGE]
            more = first + len(facts) < len(kept)
            return Part(facts, more, ended=not more and self._row(run, kept).status in ENDED)

    def _row(self, run: str, kept: list[Fact]) -> RunSummary:
        """A run's row in lists; brought up to date when somebody asks, since most runs are never listed."""
        row = self._rows.get(run)
        if row is None or row.facts != len(kept):
            for fact in kept[0 if row is None else row.facts :]:
                row = summarize(run, row, fact)
            assert row is not None  # noqa: S101  (a run begins with RunStarted; this tells the type checkers)
            self._rows[run] = row
        return row

    def _end_of_unknown(self) -> int:
        # A closed log has no runs, so that the hot path, an append to a known run, need not ask whether it is.
        self._check_open()
        return 0

    def _check_open(self) -> None:
        if self._closed:
            raise closed("the log in memory")
