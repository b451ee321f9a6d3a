"""How a `PostgresLog` hears what other processes write: notifications, and a slow poll as a net below them."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Collection

import psycopg

from .log_postgres_line import Address, Connection, connect
from .log_postgres_schema import stored

LEASE = 60.0
"""Seconds for which a run is marked as followed; it is marked again after half of them."""


class Listening:
    """Waits for notifications on a connection of its own.

    What happened between a follower's first read and our listening is found by looking once, and what is lost with a broken
    connection by looking every `poll` seconds.
    """

    def __init__(self, address: Address, poll: float) -> None:
        self._address = address
        self._poll = poll
        self._connection: Connection | None = None
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._marks: dict[str, tuple[int, int] | None] = {}
        self._looked = 0.0
        self._marked = 0.0

    def wait(self, runs: Collection[str]) -> Collection[str]:
        """The runs that may have changed."""
        try:
            return self._wait({stored(run): run for run in runs})
        except psycopg.Error:
            self._drop()
            raise

    def wake(self) -> None:
        """End a wait."""
        # A bell that is full has been heard; one that is closed has nobody left to hear it.
        with contextlib.suppress(OSError):
            self._bell.send(b"!", socket.MSG_DONTWAIT if hasattr(socket, "MSG_DONTWAIT") else 0)

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._ear.close()
        self._bell.close()

    def _wait(self, runs: dict[str, str]) -> Collection[str]:
        connection = self._connection or self._connected()
        new = any(run not in self._marks for run in runs)
        now = time.monotonic()
        if new or now - self._marked > LEASE / 2:
            connection.execute(self._address.statements.follow, {"runs": list(runs), "seconds": LEASE})
            self._marked = now
        if new or now - self._looked >= self._poll:
            return self._look(connection, runs)
        heard = _heard(connection) or self._listen(connection, self._looked + self._poll - now)
        return runs.values() if "" in heard else [runs[run] for run in heard & runs.keys()]

    def _connected(self) -> Connection:
        self._marks = {}
        self._connection = connect(self._address)
        self._connection.execute(self._address.statements.listen)
        return self._connection

    def _look(self, connection: Connection, runs: dict[str, str]) -> Collection[str]:
        self._looked = time.monotonic()
        before = self._marks
        marks: dict[str, tuple[int, int] | None] = dict.fromkeys(runs)
        for run, number, facts in connection.execute(self._address.statements.watched, {"runs": list(runs)}):
            marks[run] = (number, facts)
        self._marks = marks
        return [runs[run] for run, mark in marks.items() if run not in before or before[run] != mark]

    def _listen(self, connection: Connection, seconds: float) -> set[str]:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._ear, selectors.EVENT_READ)
            selector.select(seconds)
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)
        return _heard(connection)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()


def _heard(connection: Connection) -> set[str]:
    return {note.payload for note in connection.notifies(timeout=0)}
