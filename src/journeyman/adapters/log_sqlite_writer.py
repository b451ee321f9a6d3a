"""The writer of a `SqliteLog`: appends that wait at the same time become one transaction.

A thread of its own writes, so that a slow disk never holds an event loop up. Where a commit of late took less than handing
it over does, the few appends of one turn of a loop are written in place instead: on a good disk that is most of them, and
half the CPU. Whatever goes wrong there, a lock held by another process above all, is left to the thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import enum
import math
import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from typing import TypeAlias

from ..data import Bug, JourneymanError
from ..journal import ENDED, Fact, summarize
from .log_rules import Followers, closed, taken, unknown
from .log_sqlite_file import Place, code_of, connect, data_version, explained
from .log_sqlite_rows import SELECTED, Tail, bound, insert_lines, store_row, stored_summary
from .log_sqlite_schema import LAST, SHIFT

MOST = 512
"""How many appends share a transaction at most."""

KEPT = 4096
"""Of how many runs at work the end is remembered; of any other it is read again."""

QUICK = 0.001
"""Seconds: a loop writes in place while commits take less on average; twice a thread's hand-over, a tenth of a stall."""

FEW = 8
"""How many appends of one turn of a loop are written in place at most; for more, the hand-over is shared."""


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
        row = db.execute("SELECT number FROM runs WHERE run = ?", (bound(self.run),)).fetchone()
        if row is None:
            raise unknown(self.run)
        first = row[0] << SHIFT
        db.execute("DELETE FROM lines WHERE id BETWEEN ? AND ?", (first, first + LAST))
        db.execute("DELETE FROM tags WHERE number = ?", row)
        db.execute("DELETE FROM runs WHERE number = ?", row)


class _Sign(enum.Enum):
    STOP = enum.auto()
    NUDGE = enum.auto()


_Asked: TypeAlias = Append | Delete
_Outcome: TypeAlias = tuple[asyncio.Future[None], asyncio.AbstractEventLoop, JourneymanError | None]


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
        # Whoever holds it uses the connection and what is known of the file: the thread, or an event loop in place.
        self._turn = threading.Lock()
        self._pace = math.inf
        self._gathered: dict[asyncio.AbstractEventLoop, list[Append]] = {}
        self._last = ""
        self._db: sqlite3.Connection | None = None
        self._waits = True
        self._version = 0
        self._tails: dict[str, Tail] = {}
        self._numbered = 0
        # A daemon, so that a program that forgot to close its log still ends; whatever was acknowledged is on the disk.
        self._thread = threading.Thread(target=self._work, name="journeyman sqlite log", daemon=True)
        self._thread.start()

    async def carry_out(self, asked: _Asked) -> None:
        """Wait until it is durable; raises what became of it."""
        if isinstance(asked, Append):
            alone, self._last = asked.run == self._last, asked.run
            if self._pace >= QUICK:
                self._put(asked)
            # A run that has the log to itself waits for nobody who might share the commit: two turns of the loop less.
            elif not alone or asked.loop in self._gathered or not self._written_in_place((asked,)):
                self._gather(asked)
        else:
            self._put(asked)
        await asked.done

    def stop(self) -> None:
        """Finish what was put, close the file and end the thread; blocks until then."""
        self._put(_Sign.STOP)
        self._thread.join()

    def _gather(self, append: Append) -> None:
        gathered = self._gathered.get(append.loop)
        if gathered is None:
            self._gathered[append.loop] = [append]
            append.loop.call_soon(self._write_gathered, append.loop)
        else:
            gathered.append(append)

    def _write_gathered(self, loop: asyncio.AbstractEventLoop) -> None:
        appends = self._gathered.pop(loop)
        if not self._written_in_place(appends):
            for item in appends:
                try:
                    self._put(item)
                except JourneymanError as error:
                    item.done.set_exception(error)

    def _written_in_place(self, appends: Sequence[Append]) -> bool:
        if len(appends) > FEW or not self._inbox.empty() or not self._turn.acquire(blocking=False):
            return False
        try:
            if self._db is None or self._stopped:
                return False
            self._wait_for_others(self._db, wait=False)
            outcomes = self._transaction(appends)
        except Exception:  # noqa: BLE001  (the thread meets it again, and knows what to do about it)
            self._forget()
            return False
        finally:
            self._turn.release()
        _settle(outcomes)
        self._tell_followers(appends)
        return True

    def _wait_for_others(self, db: sqlite3.Connection, *, wait: bool) -> None:
        # An event loop cannot wait for another process's lock; the thread can.
        if wait is not self._waits:
            db.execute(f"PRAGMA busy_timeout = {int(self._place.busy_timeout * 1000) if wait else 0}")
            self._waits = wait

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
                with self._turn:
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
            with self._turn:
                self._db = self._db or self._connected()
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
        if self._db is not None:
            self._wait_for_others(self._db, wait=True)
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
        self._tell_followers(appends)

    def _tell_followers(self, appends: Sequence[Append]) -> None:
        if self.followers.waiting:
            for run in {item.run for item in appends}:
                self.followers.wake(run)

    def _transaction(self, appends: Sequence[Append]) -> list[_Outcome]:
        begun = time.perf_counter()
        db = self._begin()
        rows: list[int | str] = []
        touched: dict[str, Tail] = {}
        outcomes = [(item.done, item.loop, self._take(db, item, rows, touched)) for item in appends]
        insert_lines(db, rows)
        for tail in touched.values():
            store_row(db, tail)
        db.execute("COMMIT")
        took = time.perf_counter() - begun
        self._pace = took if self._pace == math.inf else self._pace + (took - self._pace) / 16
        for run, tail in touched.items():
            if tail.summary is not None and tail.summary.status in ENDED:
                del self._tails[run]
        if len(self._tails) > KEPT:
            self._tails.clear()
        return outcomes

    def _begin(self) -> sqlite3.Connection:
        db = self._db = self._db or self._connected()
        db.execute("BEGIN IMMEDIATE")
        self._notice(db)
        return db

    def _connected(self) -> sqlite3.Connection:
        self._waits = True
        return connect(self._place)

    def _take(
        self, db: sqlite3.Connection, item: Append, rows: list[int | str], touched: dict[str, Tail]
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

    def _found(self, db: sqlite3.Connection, run: str) -> Tail:
        row = db.execute(f"SELECT {SELECTED} FROM runs WHERE run = ?", (bound(run),)).fetchone()  # noqa: S608  (names of columns)
        if row is None:
            last: int = self._numbered or db.execute("SELECT coalesce(max(number), 0) FROM runs").fetchone()[0]
            self._numbered = last + 1
            tail = Tail(self._numbered, None, None)
        else:
            tail = Tail(row[0], *stored_summary(db, row))
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
