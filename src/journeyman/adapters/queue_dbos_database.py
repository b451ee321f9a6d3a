"""The database in which DBOS keeps jobs: where it is, how it is opened, what its errors mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode

from ..data import CallerError, JourneymanError

try:
    import sqlalchemy as sa
    from dbos import DBOS
    from dbos import error as dbos_error
    from sqlalchemy import event
    from sqlalchemy import exc as sa_error
except ImportError as missing:
    raise CallerError('runs in the background need the package dbos: pip install "journeyman[worker]"') from missing

T = TypeVar("T")

BUSY = 30_000
"""Milliseconds that a writer of the SQLite file waits for others."""

_PAUSES = 0.05, 2.0
_LONGEST_NAME = 63  # bytes: PostgreSQL's NAMEDATALEN - 1


class Place(NamedTuple):
    """Where jobs are kept: an address for SQLAlchemy, the schema on PostgreSQL, and what to show of it."""

    url: sa.URL
    schema: str | None
    shown: str
    patience: float = 30.0

    def __repr__(self) -> str:
        return f"Place({self.shown!r})"


def place_of(journal: str) -> Place:
    """Where the jobs of a journal's runs are kept: beside it. Raises `CallerError` for a journal that workers cannot share."""
    scheme, _, rest = journal.partition("://")
    path, _, query = rest.partition("?")
    if scheme == "sqlite" and len(path) > 1 and path.startswith("/"):
        file = f"{path[1:]}.jobs"
        return Place(sa.URL.create("sqlite", database=str(Path(file).absolute())), None, f"sqlite:///{file}")
    if scheme in ("postgresql", "postgres"):
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        schema = parameters.pop("schema", "journeyman") + "_jobs"
        if len(schema.encode("utf-8", "replace")) > _LONGEST_NAME:
            raise CallerError(
                f"the schema of the queue, {schema!r}, has too long a name for PostgreSQL: shorten ?schema="
            )
        try:
            url = sa.make_url(f"postgresql+psycopg://{path}" + (f"?{urlencode(parameters)}" if parameters else ""))
        except (sa_error.ArgumentError, ValueError):
            # Not the cause, which repeats the address, and that may hold a password.
            raise CallerError("this is no address of PostgreSQL; write postgresql://user@host:5432/database") from None
        return Place(url, schema, f"postgresql://{url.host or ''}/{url.database or ''} ({schema})")
    raise CallerError(
        f'{scheme}: is no journal that workers can share; use "sqlite:///runs.db" on one machine, "postgresql://…" on many'
    )


def open_database(place: Place, connections: int) -> sa.Engine:
    """Connections to it; they are made when they are needed, and made again when they broke."""
    if place.schema is not None:
        return sa.create_engine(
            place.url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=place.patience,
            pool_pre_ping=True,
            connect_args={"application_name": "journeyman jobs", "connect_timeout": 5, "tcp_user_timeout": 30_000},
        )
    engine = sa.create_engine(place.url, pool_size=connections, max_overflow=0, pool_timeout=place.patience)
    event.listen(engine, "connect", _prepared)
    return engine


def _prepared(connection: Any, _: object) -> None:
    # As DBOS prepares its own connections, which it leaves to us with an engine of ours, and the write-ahead log: without it
    # whoever looks at the queue waits for whoever writes to it.
    connection.isolation_level = "IMMEDIATE"
    for pragma in (f"busy_timeout={BUSY}", "foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def migrate(place: Place) -> None:
    """Make the tables, or bring them up to date: only workers do so by themselves, and a job may come before the first worker.

    Whether they are there is DBOS's to say. It makes them in some fifty steps, under a lock for which it waits here; who
    looked for one of the tables instead found it in the middle of those steps, and did not find columns.
    """
    url = place.url.render_as_string(hide_password=False)
    if place.schema is None:
        # With these parameters DBOS opens the file itself.
        DBOS.migrate(url)
    else:
        DBOS.migrate(url, schema=place.schema)


def put_to(place: Place, ask: Callable[[], T]) -> T:
    """Ask until there is an answer, for as long as the place's patience lasts; whatever is asked may be asked twice."""
    pause, most = _PAUSES
    until = time.monotonic() + place.patience
    while True:
        try:
            return ask()
        except (sa_error.SQLAlchemyError, dbos_error.DBOSException, OSError) as error:
            if not _passes(error) or time.monotonic() > until:
                raise explained(error, place) from error
        time.sleep(pause)
        pause = min(pause * 2, most)


def _passes(error: BaseException) -> bool:
    # Two that make the same table at once: PostgreSQL's IF NOT EXISTS lets the second one fail.
    passing = sa_error.OperationalError | sa_error.InterfaceError | sa_error.TimeoutError
    return isinstance(error, passing) or (isinstance(error, sa_error.IntegrityError) and "pg_" in str(error.orig))


def explained(error: BaseException, place: Place) -> JourneymanError:
    """An error of the database or of DBOS as one of ours."""
    if isinstance(error, dbos_error.DBOSException):
        return CallerError(f"the queue at {place.shown} refused it: {error}")
    # What SQLAlchemy says repeats the statement with its values, and among them are prompts.
    cause = getattr(error, "orig", None) or type(error).__name__
    text = " ".join(str(cause).split())
    if place.url.password:
        text = text.replace(str(place.url.password), "…")
    return JourneymanError(f"the queue at {place.shown} could not be asked: {text}")
