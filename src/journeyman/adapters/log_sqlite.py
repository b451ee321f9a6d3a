"""`Log` in an SQLite file: the embedded default."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias, TypeVar, get_args

from ..data import CallerError, CorruptJournal
from ..journal import ENDED, Fact, Page, RunQuery, RunSummary
from .log_opening import OpenedOnUse
from .log_rules import Part, check_batch, check_query, closed, cursor, following, reading, unknown
from .log_sqlite_file import Place, connect, explained
from .log_sqlite_rows import SELECTED, Lines, bound, line_of, stored_summary
from .log_sqlite_schema import LARGEST, LAST, SHIFT
from .log_sqlite_writer import Append, Delete, Writer

T = TypeVar("T")

Synchronous: TypeAlias = Literal["OFF", "NORMAL", "FULL", "EXTRA"]

PAGE_FACTS = 256
PAGE_BYTES = 1024 * 1024
"""A reader takes facts until it has as many of either, so that a long run is never in memory as a whole."""


class SqliteLog(OpenedOnUse["_Opened"]):
    """Runs in one SQLite file, which several processes and several of these objects may use at once.

    It opens the file when it is first used; a thread of its own writes, another reads, and `close` ends both. It may be
    used from several threads and event loops; after a fork, the child opens the file anew. `synchronous` is SQLite's:
    with `FULL` what was appended survives a loss of power, with `NORMAL` only a crash of the process. `busy_timeout` is how
    many seconds it waits for another process that writes, `poll` how often followers look for what another process wrote.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        synchronous: Synchronous = "FULL",
        busy_timeout: float = 5.0,
        poll: float = 0.1,
    ) -> None:
        self.path = os.fspath(path)
        if self.path in ("", ":memory:"):
            raise CallerError(f"SqliteLog({self.path!r}): a journal needs a file; use MemoryLog to keep none")
        if synchronous not in get_args(Synchronous):
            raise CallerError(f"synchronous={synchronous!r} is none of {', '.join(get_args(Synchronous))}")
        self._place = Place(self.path, synchronous, busy_timeout)
        self._poll = poll
        super().__init__(self.path)

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        """Append facts as numbers `at` and on, durably; raises `Conflict` if the run does not end just before `at`.

        If it is cancelled, the facts may have been written or not.
        """
        check_batch(run, at, facts)
        lines = [line_of(run, fact) for fact in facts]
        await self._use().writer.carry_out(Append(run, at, facts, lines))

    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number, up to the last one, read page by page."""
        return reading(after, self._parts(run))

    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number and those to come, from this process or another, until the run ends."""
        return following(self._use().writer.followers, run, after, self._parts(run))

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
        """A page of the runs asked for, newest first."""
        statement, values = _listing(query, check_query(query))
        rows = await self._use().ask(lambda db: _rows(db, statement, values))
        shown = rows[: query.limit]
        return Page(tuple(shown), cursor(shown[-1]) if len(rows) > query.limit else None)

    async def delete(self, run: str) -> None:
        """Delete a run for good."""
        await self._use().writer.carry_out(Delete(run))

    def _open_here(self) -> _Opened:
        return _Opened(self._place, self._poll)

    def _parts(self, run: str) -> Callable[[int], Awaitable[Part]]:
        async def part(after: int) -> Part:
            return await self._use().ask(lambda db: _part(db, run, after))

        return part


class _Opened:
    """The threads of a log in one process: one writes, the other reads."""

    def __init__(self, place: Place, poll: float) -> None:
        self.pid = os.getpid()
        self.writer = Writer(place, poll)
        self._place = place
        self._reader = ThreadPoolExecutor(1, "journeyman sqlite reader")
        self._db: sqlite3.Connection | None = None

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Have the reader look something up, in one state of the file."""
        try:
            answer = asyncio.get_running_loop().run_in_executor(self._reader, self._look_up, question)
        except RuntimeError as error:
            raise closed(f"the journal {self._place.path}") from error
        return await answer

    def close(self) -> None:
        """End both threads; blocks until what waits is written."""
        self._reader.submit(self._close_reader).result()
        self._reader.shutdown()
        self.writer.stop()
        self.writer.followers.wake_all()

    def _look_up(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            db = self._db = self._db or connect(self._place)
            db.execute("BEGIN")
            try:
                return question(db)
            finally:
                db.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise explained(error, self._place.path) from error

    def _close_reader(self) -> None:
        if self._db is not None:
            self._db.close()


def _part(db: sqlite3.Connection, run: str, after: int) -> Part:
    row = db.execute(
        "SELECT number, status, agent, conversation, started_at FROM runs WHERE run = ?", (bound(run),)
    ).fetchone()
    if row is None:
        raise unknown(run)
    number, status, *said = row
    lines = Lines(run, *said)
    first = number << SHIFT
    seq = min(max(after + 1, 0), LAST)
    facts: list[Fact] = []
    size = 0
    more = False
    # Facts are decoded from bytes; to make text of them first would only cost.
    for key, line in db.execute(
        "SELECT id, CAST(fact AS BLOB) FROM lines WHERE id BETWEEN ? AND ? ORDER BY id", (first + seq, first + LAST)
    ):
        if len(facts) == PAGE_FACTS or size > PAGE_BYTES:
            more = True
            break
        if key != first + seq:
            raise CorruptJournal(f"run {run}: where fact {seq} belongs is fact {key - first}")
        facts.append(lines.fact(seq, line))
        seq += 1
        size += len(line)
    return Part(facts, more, ended=status in ENDED)


# Cursors name runs, as in every log. Of one that was deleted only the moment is left, and no run of that moment is missed.
_NUMBER = f"coalesce((SELECT number FROM runs WHERE run = ?), {LARGEST})"  # noqa: S608  (a number)

_COLUMNS = {
    "runs.status = ?": "status",
    "runs.agent = ?": "agent",
    "runs.conversation = ?": "conversation",
    "tags.tag = ?": "tag",
    "{0}.started_at > ?": "started_after",
    "{0}.started_at < ?": "started_before",
}


def _listing(query: RunQuery, place: tuple[int, str] | None) -> tuple[str, list[object]]:
    # The pages of a tag are read in the order of the tag's own index, those of anything else in one of the runs'.
    table = "runs" if query.tag is None else "tags"
    tests = {test.format(table): getattr(query, name) for test, name in _COLUMNS.items()}
    tests = {test: value for test, value in tests.items() if value is not None}
    # No time is beyond the largest number of SQLite's, and no list longer.
    values: list[object] = [_value(value) for value in (*tests.values(), *(place or ()), query.limit + 1)]
    after = [] if place is None else [f"({table}.started_at, {table}.number) < (?, {_NUMBER})"]
    where = " AND ".join((*tests, *after)) or "TRUE"
    source = "runs" if query.tag is None else "tags CROSS JOIN runs ON runs.number = tags.number"
    statement = (
        f"SELECT {SELECTED} FROM {source} WHERE {where} "  # noqa: S608  (words of ours; values are bound)
        f"ORDER BY {table}.started_at DESC, {table}.number DESC LIMIT ?"
    )
    return statement, values


def _value(value: str | int) -> str | bytes | int:
    return bound(value) if isinstance(value, str) else max(-LARGEST, min(value, LARGEST))


def _rows(db: sqlite3.Connection, statement: str, values: Sequence[object]) -> list[RunSummary]:
    return [stored_summary(db, row)[1] for row in db.execute(statement, values).fetchall()]
