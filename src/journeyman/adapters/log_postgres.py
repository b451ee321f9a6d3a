"""`Log` in PostgreSQL, for many machines."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from functools import partial, reduce
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec

from ..data import CallerError, CorruptJournal
from ..journal import ENDED, Fact, RunQuery, RunSummary, decode_fact, summarize

try:
    import psycopg
    from psycopg import conninfo
except ImportError as missing:
    raise CallerError(
        'a journal in PostgreSQL needs the package psycopg: pip install "journeyman[postgres]"'
    ) from missing

from .log_postgres_line import Address, Answer, Lines, Row
from .log_postgres_lookout import Listening
from .log_postgres_schema import check_schema_name, listing, statements, stored
from .log_rules import Part, taken, unknown
from .log_threads import Batch, Lookout, Medium, Place, Read, ThreadedLog

KEPT = 4096
"""Of how many runs at work the end is remembered; of any other it is read again."""

CONNECTIONS = 8
"""How many connections a log opens at most, as they are needed, besides the one that followers share."""

TRIES = 8
"""How often an append is tried where, each time, the run was deleted and begun anew meanwhile."""

DEFAULTS = {
    "application_name": "journeyman",
    "connect_timeout": "10",
    # A peer that vanished without a word is noticed after this many milliseconds, not after a quarter of an hour.
    "tcp_user_timeout": "30000",
    "client_encoding": "utf8",
}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunSummary).decode


class PostgresLog(ThreadedLog):
    """Runs in the tables of one schema, which any number of machines may use at once.

    The address is libpq's, `postgresql://user:password@host:5432/database?sslmode=require`, and its password is shown
    nowhere; what is missing in it comes from libpq's own places, such as `PGPASSWORD` and `~/.pgpass`. The parameter
    `?schema=` names the schema, "journeyman" if there is none. Schema and tables are made when they are not there.

    It connects when it is first used. A connection that breaks is made again, for `patience` seconds: a restart of the
    server is a pause. An append that was cut off is stored once, or refused. `poll` is how often, in seconds, followers
    look for what no notification told them.
    """

    def __init__(self, url: str, *, patience: float = 30.0, poll: float = 1.0) -> None:
        url, schema = _without_schema(url)
        check_schema_name(schema)
        name, parameters = _parameters(url)
        # A channel is named like a table, in at most 63 bytes, whatever the schema is called.
        channel = "journeyman_" + hashlib.sha256(schema.encode()).hexdigest()[:16]
        address = Address(f"{name} ({schema})", parameters, statements(schema, channel), patience)

        def open_medium() -> tuple[Medium, Lookout]:
            return _Tables(address), Listening(address, poll)

        super().__init__(address.name, open_medium, CONNECTIONS)


def _without_schema(url: str) -> tuple[str, str]:
    scheme, found, _ = url.partition("://")
    if scheme not in ("postgresql", "postgres") or not found:
        raise CallerError("this is no address of PostgreSQL; write postgresql://user@host:5432/database")
    place, _, query = url.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    rest = urlencode([(name, value) for name, value in parameters if name != "schema"])
    schema = dict(parameters).get("schema", "journeyman")
    return (f"{place}?{rest}" if rest else place), schema


def _parameters(url: str) -> tuple[str, dict[str, Any]]:
    """A name to show and libpq's parameters; raises `CallerError` for what libpq cannot read."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        # Not the cause, which repeats parts of the address, and the address may hold a password.
        raise CallerError("this is no address of PostgreSQL; write postgresql://user@host:5432/database") from None
    if "@" in str(given.get("host")):
        raise CallerError("this is no address of PostgreSQL: write an @ in a user or password as %40")
    name = f"postgresql://{given.get('host') or ''}/{given.get('dbname') or ''}"
    return name, {**DEFAULTS, **given}


class _Tail(NamedTuple):
    """Where a run ends."""

    number: int
    summary: RunSummary


class _Tables:
    def __init__(self, address: Address) -> None:
        self._address = address
        self._statements = address.statements
        self._lines = Lines(address)
        self._tails: dict[str, _Tail] = {}

    def append(self, batch: Batch) -> None:
        """Add a batch in one statement."""
        token = uuid.uuid4()
        tail = self._tails.pop(batch.run, None)
        if tail is None or tail.summary.facts != batch.at:
            tail = self._checked_tail(batch)
        again = False
        for _ in range(TRIES if batch.facts else 0):
            summary = reduce(partial(summarize, batch.run), batch.facts, tail and tail.summary)
            assert summary is not None  # noqa: S101  (the batch was checked: fact 0 is RunStarted)
            answer = self._store(batch, tail, summary, token)
            again = again or answer.again
            if answer.rows:
                self._remember(batch.run, _Tail(answer.rows[0][0], summary))
                return
            # Somebody else was there. If the connection broke after our statement left, it may have been ourselves.
            if again and self._was_written_by(batch, token):
                return
            tail = self._checked_tail(batch)
        if batch.facts:
            raise taken(batch.run, batch.at, batch.at)

    def reader(self, run: str, *, follows: bool) -> Read:  # noqa: ARG002  (the status is at hand)
        """Reads a run by its index."""
        return partial(self._part, run)

    def page(self, query: RunQuery, after: Place | None) -> list[RunSummary]:
        """List runs by an index."""
        rows = self._lines.ask(*listing(self._statements.schema, query, after)).rows
        return [_summary(text) for (text,) in rows]

    def delete(self, run: str) -> None:
        """Delete a run with its facts."""
        self._tails.pop(run, None)
        tail = self._tail(run)
        if tail is None:
            raise unknown(run)
        # By its number: if this is cut off and put again, a run that was begun anew meanwhile is left alone.
        self._lines.ask(self._statements.delete, {"number": tail.number, "run": stored(run)})

    def close(self) -> None:
        """Close the connections."""
        self._lines.close()

    def _store(self, batch: Batch, tail: _Tail | None, summary: RunSummary, token: uuid.UUID) -> Answer:
        values: dict[str, Any] = {
            "run": stored(batch.run),
            "at": batch.at,
            "facts": summary.facts,
            "status": summary.status,
            "summary": _encode(summary).decode(),
            "append": token,
            "lines": [line.decode() for line in batch.lines],
        }
        if tail is not None:
            return self._lines.ask(self._statements.go_on, {**values, "number": tail.number})
        values["agent"] = stored(summary.agent)
        values["conversation"] = None if summary.conversation is None else stored(summary.conversation)
        values["started_at"] = summary.started_at
        values["tags"] = [stored(tag) for tag in dict.fromkeys(summary.tags)]
        return self._lines.ask(self._statements.begin, values)

    def _checked_tail(self, batch: Batch) -> _Tail | None:
        tail = self._tail(batch.run)
        end = 0 if tail is None else tail.summary.facts
        if end != batch.at:
            raise taken(batch.run, batch.at, end)
        return tail

    def _tail(self, run: str) -> _Tail | None:
        rows = self._lines.ask(self._statements.tail, {"run": stored(run)}).rows
        if not rows:
            return None
        number, facts, text = rows[0]
        summary = _summary(text)
        if summary.facts != facts:
            raise CorruptJournal(f"run {run}: its row says {facts} facts, and its summary {summary.facts}")
        return _Tail(number, summary)

    def _was_written_by(self, batch: Batch, token: uuid.UUID) -> bool:
        tail = self._tail(batch.run)
        values = {"number": tail.number if tail else 0, "at": batch.at}
        return self._lines.ask(self._statements.written_by, values).rows == [(token,)]

    def _remember(self, run: str, tail: _Tail) -> None:
        if tail.summary.status not in ENDED:
            if len(self._tails) >= KEPT:
                self._tails.clear()
            self._tails[run] = tail

    def _part(self, run: str, after: int) -> Part:
        first = min(max(after + 1, 0), (1 << 31) - 1)
        rows = self._lines.ask(self._statements.part, {"run": stored(run), "first": first}).rows
        if not rows:
            raise unknown(run)
        end, status = rows[0][:2]
        facts = _facts(run, first, rows)
        # A run of which the last facts are missing would else be waited for, for ever.
        if first < end and not facts:
            raise CorruptJournal(f"run {run}: fact {first} is missing of {end}")
        more = first + len(facts) < end
        return Part(facts, more, ended=not more and status in ENDED)


def _facts(run: str, first: int, rows: Sequence[Row]) -> list[Fact]:
    facts: list[Fact] = []
    for _, _, seq, line in rows:
        if seq is None:
            break
        named, fact = decode_fact(line.encode())
        if (seq, named, fact.seq) != (first + len(facts), run, seq):
            raise CorruptJournal(
                f"run {run}: where fact {first + len(facts)} belongs is fact {fact.seq} of run {named}"
            )
        facts.append(fact)
    return facts


def _summary(text: str) -> RunSummary:
    try:
        return _decode(text)
    except msgspec.MsgspecError as error:
        raise CorruptJournal(f"the row of a run cannot be read: {error}") from error
