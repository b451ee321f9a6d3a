"""The rows of an `ObjectsLog`: a small object per run, named so that the newest runs come first in a list.

A row may be some facts old, and is brought up to date with the run's objects when it is listed. It is stored before a run's
first facts, and removed before its last: so no run is without one, and one without a run is passed over.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Generator
from itertools import islice
from typing import TypeAlias

import msgspec

from ..data import CallerError, CorruptJournal
from ..journal import RunQuery, RunSummary, summarize
from .log_objects_store import AT_ONCE, Listed, Store
from .log_objects_tiles import Reader
from .log_rules import matches
from .log_threads import Place

KEPT = 16_384
"""How many rows are remembered, by their tags, so that a list asks for those that have changed."""

LONG = 200
"""Bytes of a run's id that order runs which began in the same microsecond."""

_LATEST = (1 << 63) - 1
ROWS = "rows"


class Row(msgspec.Struct, frozen=True):
    """A run's summary, as of `facts` facts; 0 says that the run may not even have begun."""

    generation: int
    facts: int
    summary: RunSummary


Found: TypeAlias = "tuple[str, Row | None]"

_decode = msgspec.json.Decoder(Row).decode
_encode = msgspec.json.Encoder().encode


def row_key(started_at: int, run: str) -> str:
    """The name of a run's row; names sort as lists do, newest first and then by id backwards."""
    name = run.encode("utf-8", "surrogatepass")
    turned = bytes(255 - byte for byte in name[:LONG]).hex()
    rest = "" if len(name) <= LONG else hashlib.sha256(name).hexdigest()
    # The "g" comes after all digits: an id comes after those that begin with it.
    return f"{_moment(started_at)}-{turned}g{rest}"


def _moment(started_at: int) -> str:
    return f"{ROWS}/{_LATEST - max(-_LATEST, min(started_at, _LATEST)):016x}"


class Rows:
    """The rows of all runs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, Row]] = {}

    def write(self, row: Row) -> None:
        """Store a run's row."""
        self._store.put(row_key(row.summary.started_at, row.summary.run), _encode(row))

    def read(self, started_at: int, run: str) -> Row | None:
        """A run's row, if there is a whole one."""
        data = self._store.get(row_key(started_at, run))
        try:
            return None if data is None else _decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # It is made anew from the run.
            return None

    def remove(self, started_at: int, run: str) -> None:
        """Remove a run's row."""
        self._store.remove([row_key(started_at, run)])

    def page(self, query: RunQuery, after: Place | None) -> list[RunSummary]:
        """List runs, newest first, up to one more than asked for."""
        rows: list[RunSummary] = []
        listed = self._listed(query, after)
        while entries := list(islice(listed, AT_ONCE * 4)):
            found = self._store.each(self._fresh, self._store.each(self._look, entries))
            rows += [summary for summary in found if summary is not None and matches(summary, query)]
            if len(rows) > query.limit:
                break
        return rows[: query.limit + 1]

    def _listed(self, query: RunQuery, after: Place | None) -> Generator[Listed]:
        start = None if after is None else row_key(*after)
        if query.started_before is not None:
            # The last of all names of that moment, for what comes after them.
            start = max(start or "", f"{_moment(query.started_before)}-~")
        end = None if query.started_after is None else _moment(query.started_after)
        for entry in self._store.listed(ROWS, start):
            if end is not None and entry.key >= end:
                return
            yield entry

    def _look(self, entry: Listed) -> Found:
        tag, row = self._kept.get(entry.key, ("", None))
        if tag == entry.tag:
            return entry.key, row
        data = self._store.get(entry.key)
        row = None if data is None else _row(entry.key, data)
        if row is not None:
            with self._lock:
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                self._kept[entry.key] = (entry.tag, row)
        return entry.key, row

    def _fresh(self, found: Found) -> RunSummary | None:
        key, row = found
        if row is None:
            return None
        if row.facts and row.summary.status == "finished":
            # For good: nothing is appended any more, and before it is deleted its row is.
            return row.summary
        summary = up_to_date(self._store, row.summary.run, row.generation, row.summary if row.facts else None)
        return summary if summary is not None and row_key(summary.started_at, summary.run) == key else None


def up_to_date(store: Store, run: str, generation: int, summary: RunSummary | None) -> RunSummary | None:
    """The summary with what came after it; None where that run is no more, or never was."""
    reader = Reader(store, run)
    after = -1 if summary is None else summary.facts - 1
    more = True
    while more:
        try:
            facts, more, _ = reader.part(after)
        except CallerError:
            return None
        if reader.generation != generation:
            return None
        for fact in facts:
            summary = summarize(run, summary, fact)
            after = fact.seq
    return summary


def _row(key: str, data: bytes) -> Row:
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptJournal(
            f"the row {key} cannot be read ({error}); the next append to its run makes it anew"
        ) from error
