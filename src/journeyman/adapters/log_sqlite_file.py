"""The SQLite file of `SqliteLog`: how it is opened, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from typing import NamedTuple

from ..data import CallerError, CorruptJournal, JourneymanError
from .log_sqlite_schema import APPLICATION, LINES, ROWS, SCHEMA
from .log_sqlite_schema_1 import carry_out, from_schema_1


class Place(NamedTuple):
    """Where the file is and how it is used; `busy_timeout` is in seconds."""

    path: str
    synchronous: str
    busy_timeout: float


def connect(place: Place) -> sqlite3.Connection:
    """A connection to the file, which is made if it is not there; for one thread at a time, as its owner sees to.

    Raises `sqlite3.Error`, and `CallerError` or `CorruptJournal` for a file that is of another kind or newer.
    """
    last_try = time.monotonic() + place.busy_timeout
    while True:
        try:
            return _opened(place)
        except sqlite3.Error as error:
            # Where two open a new file at once, SQLite tells one of them that it is locked without waiting for the
            # other: changing the journal mode is not covered by its own timeout.
            if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() > last_try:
                raise
        time.sleep(0.01)


def _opened(place: Place) -> sqlite3.Connection:
    db = sqlite3.connect(place.path, timeout=place.busy_timeout, isolation_level=None, check_same_thread=False)
    try:
        _set_up(db, place)
    except BaseException:
        db.close()
        raise
    return db


def _set_up(db: sqlite3.Connection, place: Place) -> None:
    _check_kind(db, place.path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {place.synchronous}")
    # A small write-ahead log is soon written over instead of growing, which makes each sync cheaper (measured on ext4).
    db.execute("PRAGMA wal_autocheckpoint = 256")
    if _pragma(db, "user_version") < SCHEMA:
        _make(db, place.path)


def _make(db: sqlite3.Connection, path: str) -> None:
    db.execute("BEGIN IMMEDIATE")
    # Of several that open it at once only the first finds something to do.
    match _check_kind(db, path):
        case 0:
            carry_out(db, LINES + ROWS)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        case 1:
            from_schema_1(db)
            db.execute(f"PRAGMA user_version = {SCHEMA}")
        case _:
            pass
    db.execute("COMMIT")


def _check_kind(db: sqlite3.Connection, path: str) -> int:
    """The version of the file, 0 for an empty one."""
    version = _pragma(db, "user_version")
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if empty and version == 0:
        return 0
    if _pragma(db, "application_id") != APPLICATION:
        raise CallerError(f"{path} is an SQLite database of something else; name another file for the journal")
    if version > SCHEMA:
        raise CorruptJournal(
            f"{path} was written by a newer journeyman (schema {version}, this one knows {SCHEMA}): upgrade it"
        )
    return version


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def data_version(db: sqlite3.Connection) -> int:
    """A number that changes when another connection has changed the file."""
    return _pragma(db, "data_version")


_CANNOT_OPEN = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY}
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


def code_of(error: Exception) -> int:
    """SQLite's primary result code, or 0."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def explained(error: Exception, path: str) -> JourneymanError:
    """An error of SQLite's as one that says who can mend it."""
    code = code_of(error)
    if code in _CANNOT_OPEN:
        return CallerError(f"the journal {path} cannot be opened or written ({error}): see to its directory and rights")
    # The module itself says so, without a code, of text that is none.
    if code in _DAMAGED or "decode to UTF-8" in str(error):
        return CorruptJournal(
            f"{path} is damaged, or no SQLite database ({error}): put a backup in its place, or save what can be read "
            f"with `sqlite3 {path} .recover`"
        )
    if code == sqlite3.SQLITE_FULL:
        return JourneymanError(f"the disk with the journal {path} is full ({error}); nothing of this was stored")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JourneymanError(
            f"another process kept the journal {path} locked for longer than busy_timeout ({error}); nothing was stored"
        )
    if isinstance(error, OverflowError | sqlite3.DataError) or code == sqlite3.SQLITE_TOOBIG:
        return CallerError(f"a fact is too large, or its time beyond all years, for the journal {path}: {error}")
    return JourneymanError(f"the journal {path} failed: {error}")
