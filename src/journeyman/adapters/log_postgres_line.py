"""The connections of a `PostgresLog`: how they are made, made again, and what their errors mean."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import psycopg
from psycopg import sql

from ..data import CallerError, CorruptJournal, JourneymanError
from .log_postgres_schema import TABLES, VERSION, Statements
from .log_threads import patience

Row: TypeAlias = tuple[Any, ...]
"""A row of whatever a statement selects."""

Connection: TypeAlias = "psycopg.Connection[Row]"

PASSING = {"40001", "40P01", "57P01", "57P02", "57P03", "53300", "25006"}
"""Errors that go by: another transaction was in the way (40…); the server ends, has crashed or starts (57P…), has no more
connections to give, or has just become a standby of another (appendix A of PostgreSQL's manual, "Error Codes").
"""

LOCK = 0x4A726E6C
"""The advisory lock under which tables are made: "Jrnl"."""


class Address(NamedTuple):
    """Where the server is; `name` says it without the password."""

    name: str
    parameters: dict[str, Any]
    statements: Statements
    patience: float

    def __repr__(self) -> str:
        return f"Address({self.name!r})"


class Answer(NamedTuple):
    """What a statement gave; `again` says that it was put more than once, and may have been carried out before."""

    rows: list[Row]
    again: bool


def connect(address: Address) -> Connection:
    """A connection of one's own; raises `psycopg.Error`."""
    return psycopg.Connection.connect(**address.parameters, autocommit=True)


class Lines:
    """A connection for each thread that asks; one that breaks is replaced, and the statement put again."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._mine = threading.local()
        self._all: set[Connection] = set()
        self._lock = threading.Lock()
        self._proven = False

    def ask(self, statement: sql.Composed, values: Mapping[str, Any]) -> Answer:
        """Put a statement until it is answered, for as long as the log's patience lasts."""
        wait = patience(self._address.patience, 0.02)
        again = False
        while True:
            try:
                return Answer(_all_rows(self._connection().execute(statement, values)), again)
            except psycopg.Error as error:
                if not self._passes(error):
                    raise explained(error, self._address) from error
                self._drop()
                if not wait():
                    raise JourneymanError(
                        f"the journal {self._address.name} could not be reached for {self._address.patience} seconds "
                        f"(patience); whether what was asked last has been stored is not known: {told(error, self._address)}"
                    ) from error
                again = True

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = connect(self._address)
            with self._lock:
                self._all.add(connection)
                self._mine.connection = connection
                if not self._proven:
                    make_tables(connection, self._address)
                    self._proven = True
        return connection

    def _drop(self) -> None:
        connection: Connection | None = getattr(self._mine, "connection", None)
        self._mine.connection = None
        if connection is not None:
            with self._lock:
                self._all.discard(connection)
            with contextlib.suppress(psycopg.Error):
                connection.close()

    def _passes(self, error: psycopg.Error) -> bool:
        """Whether it is worth another try: not before the server was reached once, for then the address is wrong."""
        connection: Connection | None = getattr(self._mine, "connection", None)
        return error.sqlstate in PASSING or (self._proven and (connection is None or connection.closed))


def make_tables(connection: Connection, address: Address) -> None:
    """Make the tables if they are not there; of several processes one does it."""
    if _check_kind(connection, address):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if not _check_kind(connection, address):
            connection.execute(address.statements.make)


def _check_kind(connection: Connection, address: Address) -> bool:
    """Whether the tables are there and are ours."""
    schema = address.statements.schema
    found = connection.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = %s AND relname = ANY(%s)",
        (schema, list(TABLES)),
    ).fetchall()
    if not found:
        return False
    if len(found) < len(TABLES):
        raise CallerError(f"the schema {schema!r} has tables of something else; name another one with ?schema=")
    [(version,)] = connection.execute(address.statements.version).fetchall()
    if version > VERSION:
        raise CorruptJournal(
            f"the schema {schema!r} was made by a newer journeyman (version {version}, this one knows {VERSION}): upgrade it"
        )
    return True


def _all_rows(cursor: psycopg.Cursor[Row]) -> list[Row]:
    return cursor.fetchall() if cursor.description else []


def told(error: psycopg.Error, address: Address) -> str:
    """What the error says, without the password."""
    text = " ".join(str(error).split())
    password = address.parameters.get("password")
    return text.replace(str(password), "…") if password else text


def explained(error: psycopg.Error, address: Address) -> JourneymanError:
    """An error of PostgreSQL's as one that says who can mend it."""
    text = told(error, address)
    kind = (error.sqlstate or "")[:2]
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        return CallerError(
            f"the journal {address.name} cannot be reached ({text}): see to its address, user and password"
        )
    if kind in ("28", "3D", "42", "25"):
        return CallerError(
            f"the journal {address.name} cannot be opened or written ({text}): see to the rights of its user"
        )
    if kind in ("22", "54") or isinstance(error, psycopg.DataError):
        return CallerError(f"a fact or a name is too large or unfit for the journal {address.name}: {text}")
    if error.sqlstate == "53100":
        return JourneymanError(f"the disk with the journal {address.name} is full ({text}); nothing of this was stored")
    return JourneymanError(f"the journal {address.name} failed: {text}")
