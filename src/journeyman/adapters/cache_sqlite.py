"""A cache's `Store` in an SQLite file."""

from __future__ import annotations

import asyncio
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..data import CallerError, JourneymanError

T = TypeVar("T")

SCHEMA = 1
"""What `PRAGMA user_version` says in files of this shape."""

APPLICATION = 0x4A726E43
"""What `PRAGMA application_id` says: "JrnC"."""

_TABLE = "CREATE TABLE answers (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL, ends REAL)"

_abandoned: list[_Opened] = []


class SqliteStore:
    """Keeps answers in one file, which several processes may use at once; opened when it is first used.

    When the file has grown to `max_bytes`, what is outlived goes first, then what was put there the longest ago: to note
    each use would make every hit a write. What was put last may be lost with the machine's power. `busy_timeout` is how many
    seconds it waits for another process that writes, `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_bytes: int = 1024 * 1024 * 1024,
        busy_timeout: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = os.fspath(path)
        if self.path in ("", ":memory:"):
            raise CallerError(f"SqliteStore({self.path!r}): it needs a file; use MemoryStore to keep none")
        self.max_bytes = max_bytes
        self._busy_timeout = busy_timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    async def get(self, key: str) -> bytes | None:
        """What was put under the key, if it is still there."""

        def look(db: sqlite3.Connection) -> bytes | None:
            row = db.execute("SELECT value, ends FROM answers WHERE key = ?", (key,)).fetchone()
            return None if row is None or (row[1] is not None and self._clock() >= row[1]) else row[0]

        return await self._use().carry_out(look)

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep the value; one that is larger than the whole store is not kept."""
        if len(value) > self.max_bytes:
            return await self.delete(key)
        row = (key, value, None if ttl is None else self._clock() + ttl)

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO answers (key, value, ends) VALUES (?, ?, ?)", row)
            self._make_room(db)

        return await self._use().carry_out(write)

    async def delete(self, key: str) -> None:
        """Forget what is under the key, if there is something."""
        await self._use().carry_out(lambda db: db.execute("DELETE FROM answers WHERE key = ?", (key,)))

    async def close(self) -> None:
        """Close the file; a later use opens it again."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None and opened.pid == os.getpid():
            await asyncio.to_thread(opened.close)

    def _use(self) -> _Opened:
        with self._lock:
            opened = self._opened
            if opened is not None and opened.pid != os.getpid():
                # In a forked child the parent's connection must not be touched (SQLite's "How To Corrupt An SQLite Database
                # File", 2.6), not even by the garbage collector.
                _abandoned.append(opened)
                opened = None
            self._opened = opened = opened or _Opened(self.path, self._busy_timeout)
            return opened

    def _make_room(self, db: sqlite3.Connection) -> None:
        if _used_bytes(db) <= self.max_bytes:
            return
        db.execute("DELETE FROM answers WHERE ends <= ?", (self._clock(),))
        while _used_bytes(db) > self.max_bytes:
            count: int = db.execute("SELECT count(*) FROM answers").fetchone()[0]
            if count <= 1:
                return
            # A tenth at once, so that a full store does not delete at every put; the newest always stays.
            oldest = "SELECT number FROM answers ORDER BY number LIMIT ?"
            db.execute(f"DELETE FROM answers WHERE number IN ({oldest})", (math.ceil((count - 1) / 10),))  # noqa: S608  (ours)


class _Opened:
    """The file in one process: a thread with a connection, which does one thing after the other."""

    def __init__(self, path: str, busy_timeout: float) -> None:
        self.pid = os.getpid()
        self._path = path
        self._busy_timeout = busy_timeout
        self._thread = ThreadPoolExecutor(1, "journeyman cache")
        self._db: sqlite3.Connection | None = None

    async def carry_out(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            done = asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)
        except RuntimeError as error:
            raise CallerError(f"the cache {self._path} was closed while it was in use") from error
        return await done

    def close(self) -> None:
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            db = self._db = self._db or _connect(self._path, self._busy_timeout)
            with db:
                return work(db)
        except sqlite3.Error as error:
            raise _explained(error, self._path) from error

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()


def _connect(path: str, busy_timeout: float) -> sqlite3.Connection:
    last_try = time.monotonic() + busy_timeout
    while True:
        db = sqlite3.connect(path, timeout=busy_timeout, check_same_thread=False)
        try:
            _set_up(db, path)
        except BaseException as error:
            db.close()
            # Changing the journal mode is not covered by SQLite's own timeout, where two open a new file at once.
            if not _is_busy(error) or time.monotonic() > last_try:
                raise
        else:
            return db
        time.sleep(0.01)


def _set_up(db: sqlite3.Connection, path: str) -> None:
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty and (_pragma(db, "application_id"), _pragma(db, "user_version")) != (APPLICATION, SCHEMA):
        raise CallerError(f"{path} is an SQLite database of something else, or of another version; name another file")
    db.execute("PRAGMA journal_mode = WAL")
    # A cache may lose what was put last; it must only never be damaged, and WAL sees to that.
    db.execute("PRAGMA synchronous = NORMAL")
    if empty:
        db.execute("BEGIN IMMEDIATE")
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            db.execute(_TABLE)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.commit()


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _used_bytes(db: sqlite3.Connection) -> int:
    return (_pragma(db, "page_count") - _pragma(db, "freelist_count")) * _pragma(db, "page_size")


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_busy(error: BaseException) -> bool:
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


_CALLERS = {
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT),
}


def _explained(error: sqlite3.Error, path: str) -> JourneymanError:
    if _code(error) in _CALLERS:
        return CallerError(
            f"the cache {path} cannot be used ({error}): see to its directory and rights, or, if it is damaged, delete it"
        )
    return JourneymanError(f"the cache {path} failed: {error}")
