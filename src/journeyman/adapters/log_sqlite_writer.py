"""The one thread of a `SqliteLog` that writes: appends that wait at the same time become one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import enum
import queue
import sqlite3
import threading
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from ..data import Bug, JourneymanError
from ..journal import ENDED, Fact, RunSummary, summarize
from .log_rules import Followers, closed, taken, unknown
from .log_sqlite_file import LAST, SHIFT, Place, code_of, connect, data_version, explained, stored_summary

MOST = 512
"""How many appends share a transaction at most."""

KEPT = 4096
"""Of how many runs at work the end is remembered; of any other it is read again."""

STALE_FACTS = 32
STALE_BYTES = 64 * 1024
"""How far a run's stored row may lag behind its facts, where its status has not changed. Writing it each time costs a
second page per append; reading it means to read the facts since. A page of 50 runs never reads more than 3 MB of them.
"""

_CHUNKS = (64, 16, 4, 2, 1)
_INSERTS = {size: f"INSERT INTO lines VALUES {','.join(['(?,?)'] * size)}" for size in _CHUNKS}  # noqa: S608  (numbers)

_encode_summary = msgspec.json.Encoder().encode


class Append:
    """Facts that wait to be written, as facts and as lines, and who waits for them."""

    __slots__ = ("at", "done", "facts", "lines", "loop", "run")

    def __init__(self, run: str, at: int, facts: Sequence[Fact], lines: Sequence[str]) -> None:
        self.run = run
        self.at = at
        self.facts = facts
        self.lines = lines
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()


class Delete:
    """A run that is to be deleted, and who waits for it."""

    __slots__ = ("done", "loop", "run")

    def __init__(self, run: str) -> None:
        self.run = run
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()

    def carry_out(self, db: sqlite3.Connection) -> None:
        """Delete it, in a transaction of the writer's."""
        row = db.execute("SELECT number FROM runs WHERE run = ?", (self.run,)).fetchone()
        if row is None:
            raise unknown(self.run)
        first = row[0] << SHIFT
        db.execute("DELETE FROM lines WHERE id BETWEEN ? AND ?", (first, first + LAST))
        db.execute("DELETE FROM tags WHERE run = ?", (self.run,))
        db.execute("DELETE FROM runs WHERE number = ?", row)


class _Sign(enum.Enum):
    STOP = enum.auto()
    NUDGE = enum.auto()


_Asked: TypeAlias = Append | Delete
_Outcome: TypeAlias = tuple[asyncio.Future[None], asyncio.AbstractEventLoop, JourneymanError | None]


class _Tail:
    """Where a run ends, and what its row says or will say; `bytes` counts the lines that the row lags behind."""

    __slots__ = ("bytes", "number", "stored", "summary")

    def __init__(self, number: int, stored: RunSummary | None, summary: RunSummary | None) -> None:
        self.number = number
        self.stored = stored
        self.summary = summary
        self.bytes = 0

    @property
    def end(self) -> int:
        return 0 if self.summary is None else self.summary.facts


class Writer:
    """Writes what is put to it, in order.

    `poll` is how often, in seconds, it looks for other processes' changes while somebody follows a run.
    """

    def __init__(self, place: Place, poll: float) -> None:
        self._place = place
        self.followers = Followers(joined=self._nudge)
        self._poll = poll
        self._lock = threading.Lock()
        self._stopped = False
        self._inbox: queue.SimpleQueue[_Asked | _Sign] = queue.SimpleQueue()
        self._db: sqlite3.Connection | None = None
        self._version = 0
        self._tails: dict[str, _Tail] = {}
        self._numbered = 0
        # A daemon, so that a program that forgot to close its log still ends; whatever was acknowledged is on the disk.
        self._thread = threading.Thread(target=self._work, name="journeyman sqlite log", daemon=True)
        self._thread.start()

    async def carry_out(self, asked: _Asked) -> None:
        """Wait until it is durable; raises what became of it."""
        self._put(asked)
        await asked.done

    def stop(self) -> None:
        """Finish what was put, close the file and end the thread; blocks until then."""
        self._put(_Sign.STOP)
        self._thread.join()

    def _nudge(self) -> None:
        # Somebody began to follow a run: the thread may be asleep for longer than until the next look.
        self._put(_Sign.NUDGE)

    def _put(self, item: _Asked | _Sign) -> None:
        # The lock keeps STOP the last: whatever came after it would wait for ever.
        with self._lock:
            if self._stopped:
                raise closed(f"the journal {self._place.path}")
            self._stopped = item is _Sign.STOP
            self._inbox.put(item)

    def _work(self) -> None:
        going = True
        while going:
            asked, going = self._next()
            try:
                self._handle(asked)
            except Exception as error:  # noqa: BLE001  (whatever it is, nobody may wait for ever for its outcome)
                self._forget()
                _answer([(item.done, item.loop, Bug(f"the journal's writer failed: {error!r}")) for item in asked])
        if self._db is not None:
            self._db.close()

    def _next(self) -> tuple[list[_Asked], bool]:
        """All that waits, after waiting for something; False when it is the last."""
        asked: list[_Asked] = []
        inbox = self._inbox
        try:
            item = inbox.get(timeout=self._poll if self.followers.waiting else None)
        except queue.Empty:
            self._look()
            return asked, True
        while item is not _Sign.STOP:
            if not isinstance(item, _Sign):
                asked.append(item)
            if inbox.empty() or len(asked) >= MOST:
                return asked, True
            item = inbox.get_nowait()
        return asked, False

    def _look(self) -> None:
        try:
            if self._db is None:
                self._db = connect(self._place)
            self._notice(self._db)
        except (sqlite3.Error, JourneymanError):
            # Nobody waits for a look; the followers meet the trouble themselves when they read.
            self._forget()
            self.followers.wake_all()

    def _notice(self, db: sqlite3.Connection) -> None:
        version = data_version(db)
        if version != self._version:
            self._version = version
            self._tails.clear()
            self._numbered = 0
            self.followers.wake_all()

    def _handle(self, asked: Sequence[_Asked]) -> None:
        appends: list[Append] = []
        for item in asked:
            if isinstance(item, Append):
                appends.append(item)
                continue
            self._write(appends)
            appends = []
            self._delete(item)
        self._write(appends)

    def _write(self, appends: Sequence[Append]) -> None:
        if not appends:
            return
        try:
            outcomes = self._transaction(appends)
        except (sqlite3.Error, OverflowError, JourneymanError) as error:
            self._forget()
            if len(appends) > 1 and self._db is not None and code_of(error) != sqlite3.SQLITE_BUSY:
                # What cannot be written, because it is too large or the disk too full for it, must not hurt the others.
                for item in appends:
                    self._write((item,))
                return
            outcomes = [(item.done, item.loop, self._explained(error)) for item in appends]
        _answer(outcomes)
        if self.followers.waiting:
            for run in {item.run for item in appends}:
                self.followers.wake(run)

    def _transaction(self, appends: Sequence[Append]) -> list[_Outcome]:
        db = self._begin()
        rows: list[int | str] = []
        touched: dict[str, _Tail] = {}
        outcomes = [(item.done, item.loop, self._take(db, item, rows, touched)) for item in appends]
        _insert(db, rows)
        for tail in touched.values():
            _store_row(db, tail)
        db.execute("COMMIT")
        for run, tail in touched.items():
            if tail.summary is not None and tail.summary.status in ENDED:
                del self._tails[run]
        if len(self._tails) > KEPT:
            self._tails.clear()
        return outcomes

    def _begin(self) -> sqlite3.Connection:
        db = self._db = self._db or connect(self._place)
        db.execute("BEGIN IMMEDIATE")
        self._notice(db)
        return db

    def _take(
        self, db: sqlite3.Connection, item: Append, rows: list[int | str], touched: dict[str, _Tail]
    ) -> JourneymanError | None:
        """Add an append to the transaction, or say why it cannot be."""
        run = item.run
        try:
            tail = self._tails.get(run) or self._found(db, run)
        except JourneymanError as error:
            return error
        if tail.end != item.at:
            return taken(run, item.at, tail.end)
        key = (tail.number << SHIFT) + item.at
        for fact, line in zip(item.facts, item.lines, strict=True):
            rows += (key, line)
            key += 1
            tail.summary = summarize(run, tail.summary, fact)
            tail.bytes += len(line)
        if tail.summary is not None:
            touched[run] = tail
        return None

    def _found(self, db: sqlite3.Connection, run: str) -> _Tail:
        row = db.execute("SELECT number, summary FROM runs WHERE run = ?", (run,)).fetchone()
        if row is None:
            last: int = self._numbered or db.execute("SELECT coalesce(max(number), 0) FROM runs").fetchone()[0]
            self._numbered = last + 1
            tail = _Tail(self._numbered, None, None)
        else:
            tail = _Tail(row[0], *stored_summary(db, row[0], row[1]))
        self._tails[run] = tail
        return tail

    def _delete(self, item: Delete) -> None:
        error: JourneymanError | None = None
        try:
            db = self._begin()
            item.carry_out(db)
            db.execute("COMMIT")
            self._tails.pop(item.run, None)
        except (sqlite3.Error, JourneymanError) as trouble:
            self._forget()
            error = self._explained(trouble)
        _answer([(item.done, item.loop, error)])
        self.followers.wake(item.run)

    def _forget(self) -> None:
        """Undo the transaction, and believe nothing about what the file holds."""
        self._tails.clear()
        self._numbered = 0
        db = self._db
        if db is None:
            return
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot even undo is beyond use; the next append opens another.
            self._db = None
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def _explained(self, error: Exception) -> JourneymanError:
        # One for each caller: they note their run on it.
        told = copy.copy(error) if isinstance(error, JourneymanError) else explained(error, self._place.path)
        told.__cause__ = error
        return told


def _insert(db: sqlite3.Connection, rows: list[int | str]) -> None:
    # Many rows in a statement: SQLite's module gives the interpreter lock away at each, and a busy loop keeps it a while.
    start = 0
    for size in _CHUNKS:
        while len(rows) - start >= 2 * size:
            db.execute(_INSERTS[size], rows[start : start + 2 * size])
            start += 2 * size


def _store_row(db: sqlite3.Connection, tail: _Tail) -> None:
    summary, stored = tail.summary, tail.stored
    assert summary is not None  # noqa: S101  (a touched run has facts; this tells the type checkers)
    if stored is None:
        text = _encode_summary(summary).decode()
        db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
            (tail.number, summary.run, summary.agent, summary.status, summary.conversation, summary.started_at, text),
        )
        tags = [(tag, summary.started_at, summary.run) for tag in set(summary.tags)]
        db.executemany("INSERT INTO tags VALUES (?, ?, ?)", tags)
    elif stored.status != summary.status:
        text = _encode_summary(summary).decode()
        db.execute("UPDATE runs SET status = ?, summary = ? WHERE number = ?", (summary.status, text, tail.number))
    elif summary.facts - stored.facts >= STALE_FACTS or tail.bytes >= STALE_BYTES:
        text = _encode_summary(summary).decode()
        db.execute("UPDATE runs SET summary = ? WHERE number = ?", (text, tail.number))
    else:
        return
    tail.stored = summary
    tail.bytes = 0


def _answer(outcomes: Sequence[_Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[1], []).append(outcome)
    for loop, mine in by_loop.items():
        # A loop that was closed has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, mine)


def _settle(outcomes: Sequence[_Outcome]) -> None:
    for done, _, error in outcomes:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
