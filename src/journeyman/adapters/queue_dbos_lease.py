"""Leases: how workers know of each other who is alive.

A worker that does not renew its lease is dead to the others, who take over its jobs. It may only have been stopped for a while,
and wake up in the middle of a run that another one carries on; so it asks its lease before each fact that it writes (the
journal's fence would refuse that fact, too, but only once the other one has written something).
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy import exc as sa_error
from sqlalchemy.schema import CreateTable

from ..queues import Lost
from .queue_dbos_database import Place, open_database, put_to

log = logging.getLogger(__name__)

_NOW_SQLITE = "(julianday('now') - 2440587.5) * 86400.0"
_NOW_POSTGRES = "extract(epoch from clock_timestamp())::float8"


class Lease:
    """The lease of one worker, renewed by a thread of its own: an event loop that is busy is not dead."""

    def __init__(self, place: Place, worker: str, seconds: float) -> None:
        self._place = place
        self._worker = worker
        self.seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._beaten = asyncio.Event()
        self._claim = 0
        self._until = 0.0
        self._since = 0.0
        self._ended = threading.Event()
        self._database = open_database(place, 2)
        # The database's clock, in seconds: those of many machines differ.
        self._now: sa.ColumnElement[float] = sa.literal_column(_NOW_SQLITE if place.schema is None else _NOW_POSTGRES)
        self._workers = sa.Table(
            "workers",
            sa.MetaData(schema=place.schema),
            sa.Column("name", sa.Text, primary_key=True),
            sa.Column("until", sa.Double, nullable=False),
            sa.Column("lost", sa.Boolean, nullable=False),
        )
        self._thread = threading.Thread(target=self._work, name="journeyman lease", daemon=True)

    def open(self) -> None:
        """Enter the worker and begin to renew."""
        put_to(self._place, self._make)
        put_to(self._place, self._beat)
        self._thread.start()

    def claim(self) -> int:
        """The number of the lease as it stands."""
        return self._claim

    async def hold(self, claim: int) -> None:
        """Return while the lease of that number stands; raises `Lost` once it is over."""
        while claim == self._claim and time.monotonic() >= self._until:
            self._beaten.clear()
            await self._beaten.wait()
        if claim != self._claim:
            raise Lost("this worker was silent for longer than its lease, and its runs are others' now")

    def take_over(self, recover: Callable[[str], None]) -> None:
        """Have the jobs of dead workers recovered; `recover` is told of each, perhaps more than once."""
        # Whoever has just been away itself, or whose database has, cannot tell who else was: all get time to renew.
        if time.monotonic() - self._since < self.seconds / 2:
            return
        workers = self._workers.c
        over = sa.select(workers.name, workers.until).where(workers.until < self._now, workers.name != self._worker)
        with self._database.begin() as connection:
            found = connection.execute(over).all()
        for name, until in found:
            # From here on that worker knows, if it comes back, that its jobs are no longer its own.
            if not self._carried_out(self._update(name).where(workers.until < self._now).values(lost=True)):
                continue
            # A worker that ended in good order has said so, with a lease until 0.
            log.log(logging.WARNING if until else logging.INFO, "worker %s is gone; its jobs are taken over", name)
            recover(name)
            self._carried_out(sa.delete(self._workers).where(workers.name == name, workers.lost))

    def close(self) -> None:
        """Give the lease up: what is left undone is taken over at once."""
        self._ended.set()
        self._thread.join(timeout=self.seconds)
        self._claim += 1
        try:
            self._carried_out(self._update(self._worker).values(until=0.0))
        except sa_error.SQLAlchemyError:
            log.warning("the lease of worker %s could not be given up; it runs out by itself", self._worker)
        self._database.dispose()

    def _work(self) -> None:
        while not self._ended.wait(self.seconds / 3):
            try:
                self._beat()
            except sa_error.SQLAlchemyError as error:
                log.warning("the lease could not be renewed: %s", type(error).__name__)
            except RuntimeError:
                # The event loop was closed without a word, and with it all that the lease was for.
                return

    def _beat(self) -> None:
        # Before the database is asked: its answer may take a while, and the lease runs from what it saw.
        at = time.monotonic()
        until = self._now + self.seconds
        entry = {"name": self._worker, "until": until, "lost": False}
        with self._database.begin() as connection:
            renewed = connection.execute(
                self._update(self._worker).where(sa.not_(self._workers.c.lost)).values(until=until)
            ).rowcount
            if not renewed:
                connection.execute(sa.delete(self._workers).where(self._workers.c.name == self._worker))
                connection.execute(sa.insert(self._workers).values(entry))
        if not renewed:
            self._claim += 1
        if not renewed or at >= self._until:
            self._since = at
        self._until = at + self.seconds
        self._loop.call_soon_threadsafe(self._beaten.set)

    def _make(self) -> None:
        with self._database.begin() as connection:
            connection.execute(CreateTable(self._workers, if_not_exists=True))

    def _update(self, name: str) -> sa.Update:
        return sa.update(self._workers).where(self._workers.c.name == name)

    def _carried_out(self, statement: sa.Update | sa.Delete) -> int:
        with self._database.begin() as connection:
            return connection.execute(statement).rowcount
