"""The rows that a `SqliteLog` writes and reads: lines of facts, and each run's row in lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from ..data import CallerError, CorruptJournal
from ..journal import VERSION, Fact, RunStarted, RunSummary, decode_fact, encode_fact, summarize
from .log_sqlite_schema import LARGEST, LAST, SHIFT, UNSAID

STALE_FACTS = 32
STALE_BYTES = 64 * 1024
"""How far a run's stored row may lag behind its facts, where its status has not changed. Writing it each time costs a
second page per append; reading it means to read the facts since. A page of 50 runs never reads more than 3 MB of them.
"""

_CHUNKS = (64, 16, 4, 2, 1)
_INSERTS = {size: f"INSERT INTO lines VALUES {','.join(['(?,?)'] * size)}" for size in _CHUNKS}  # noqa: S608  (numbers)

_FIXED = ("run", "agent", "conversation", "started_at", "parent", "tags", "prompt")
_USAGE = ("input", "cache_read", "cache_write", "output", "reasoning")
_MOVING = ("model", "updated_at", "facts", "pending", *_USAGE)
_NAMES = ("number", *_FIXED, "status", *_MOVING)

# Which line is the last is asked for here, and not row by row: that would be a third of the time of a long list.
_LAST_LINE = (
    f"SELECT id FROM lines WHERE id BETWEEN runs.number << {SHIFT} AND (runs.number << {SHIFT}) + {LAST} "  # noqa: S608  (numbers)
    "ORDER BY id DESC LIMIT 1"
)
SELECTED = ", ".join(f"runs.{name}" for name in _NAMES) + f", ({_LAST_LINE})"
"""What `stored_summary` wants of a row: the columns, and the id of the run's last line."""

_INSERT = f"INSERT INTO runs ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608  (words of ours)
_UPDATE = "UPDATE runs SET " + ", ".join(f"{name} = ?" for name in _MOVING)  # noqa: S608  (words of ours)

_encode = msgspec.json.Encoder().encode
# The same few tags stand in row after row.
_tags_from = lru_cache(64)(msgspec.json.Decoder(tuple[str, ...]).decode)


class Tail:
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


def bound(name: str) -> str | bytes:
    """A name as it can be asked for: one with half a surrogate pair cannot be text, and no text equals bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass")
    return name


def line_of(run: str, fact: Fact) -> str:
    """A fact's line, without what its id and its run's row say; raises `CallerError` for what JSON cannot hold."""
    said = b',"seq":%d' % fact.seq
    if isinstance(fact, RunStarted):
        said += (b',"at":%d' % fact.at if fact.at else b"") + b',"agent":' + _encode(fact.agent)
        fact = replace(fact, conversation=None)
    whole = encode_fact(run, fact)
    # The run's name cannot be taken for this key: a quote in it has a backslash.
    kind, _, rest = whole[whole.index(b'"kind":') :].partition(said)
    return ((b"{" if VERSION == UNSAID else b'{"v":%d,' % VERSION) + kind + rest).decode()


class Lines:
    """Reads the lines of the run whose row says this."""

    __slots__ = ("_first", "_run", "_said")

    def __init__(self, run: str, agent: str, conversation: str | None, started_at: int) -> None:
        self._run = run
        self._said = b'"run":%b,"seq":' % _encode(run)
        self._first = b'"at":%b,"agent":%b,"conversation":%b,' % (
            _encode(started_at),
            _encode(agent),
            _encode(conversation),
        )

    def fact(self, seq: int, line: bytes) -> Fact:
        """The fact of a line; raises `CorruptJournal` for what is damaged, too new, or another run's or place's."""
        if line.startswith(b"{"):
            version = b"" if line.startswith(b'{"v":') else b'"v":%d,' % UNSAID
            # Of a key that comes twice the second holds, so a line that says more than it has to is taken at its word.
            line = b"{%b%b%d,%b%b" % (version, self._said, seq, b"" if seq else self._first, line[1:])
        run, fact = decode_fact(line)
        if (run, fact.seq) != (self._run, seq):
            raise CorruptJournal(f"run {self._run}: where fact {seq} belongs is fact {fact.seq} of run {run}")
        return fact


def insert_lines(db: sqlite3.Connection, rows: list[int | str]) -> None:
    """Store lines, given as ids and texts by turns."""
    # Many rows in a statement: SQLite's module gives the interpreter lock away at each, and a busy loop keeps it a while.
    start = 0
    for size in _CHUNKS:
        while len(rows) - start >= 2 * size:
            db.execute(_INSERTS[size], rows[start : start + 2 * size])
            start += 2 * size


def store_row(db: sqlite3.Connection, tail: Tail) -> None:
    """Store the run's row, if it is new, changed or too old."""
    summary, stored = tail.summary, tail.stored
    assert summary is not None  # noqa: S101  (a touched run has facts; this tells the type checkers)
    if stored is None:
        insert_row(db, tail.number, summary)
        for tag in set(summary.tags):
            db.execute("INSERT INTO tags VALUES (?, ?, ?)", (tag, summary.started_at, tail.number))
    elif stored.status != summary.status:
        # Named only where it changes: SQLite writes an index anew for each column of it that a statement names.
        db.execute(f"{_UPDATE}, status = ? WHERE number = ?", (*_moving(summary), summary.status, tail.number))
    elif summary.facts - stored.facts >= STALE_FACTS or tail.bytes >= STALE_BYTES:
        db.execute(f"{_UPDATE} WHERE number = ?", (*_moving(summary), tail.number))
    else:
        return
    tail.stored = summary
    tail.bytes = 0


def insert_row(db: sqlite3.Connection, number: int, summary: RunSummary) -> None:
    """Store a new run's row, apart from its tags."""
    tags = _encode(summary.tags).decode() if summary.tags else None
    fixed = (summary.run, summary.agent, summary.conversation, summary.started_at, summary.parent, tags, summary.prompt)
    db.execute(_INSERT, (number, *fixed, summary.status, *_moving(summary)))


def _moving(summary: RunSummary) -> tuple[str | int, ...]:
    used = summary.usage
    # A provider may claim any number of tokens, and an imported fact any time: what a list shows must not stop a run.
    counts = (summary.updated_at, summary.facts, summary.pending)
    buckets = (used.input, used.cache_read, used.cache_write, used.output, used.reasoning)
    return summary.model, *(max(-LARGEST, min(count, LARGEST)) for count in counts + buckets)


def stored_summary(db: sqlite3.Connection, row: Sequence[Any]) -> tuple[RunSummary, RunSummary]:
    """A run's row as it is stored, and brought up to date with the lines after it."""
    before = summary = _summary(row)
    first = row[0] << SHIFT
    if row[-1] == first + before.facts - 1:
        return before, before
    if before.facts < 1:
        raise CorruptJournal(f"the row of run number {row[0]} cannot be read: it counts {before.facts} facts")
    lines = Lines(before.run, before.agent, before.conversation, before.started_at)
    found = db.execute(
        "SELECT id, CAST(fact AS BLOB) FROM lines WHERE id BETWEEN ? AND ? ORDER BY id",
        (first + summary.facts, first + LAST),
    )
    for key, line in found:
        summary = summarize(summary.run, summary, lines.fact(key - first, line)) or summary
    return before, summary


def _summary(row: Sequence[Any]) -> RunSummary:
    # Written out, for this is what a long list consists of; and checked, since a file can be damaged.
    number, run, agent, conversation, started_at, parent, tags, prompt, status, model, updated_at, facts = row[:12]
    pending, plain, cache_read, cache_write, output, reasoning, _ = row[12:]
    try:
        values: dict[str, Any] = {
            "run": run,
            "agent": agent,
            "model": model,
            "status": status,
            "started_at": started_at,
            "updated_at": updated_at,
            "facts": facts,
            "pending": pending,
            "usage": {
                "input": plain,
                "cache_read": cache_read,
                "cache_write": cache_write,
                "output": output,
                "reasoning": reasoning,
            },
            "parent": parent,
            "conversation": conversation,
            "tags": () if tags is None else _tags_from(tags),
            "prompt": prompt,
        }
        return msgspec.convert(values, RunSummary)
    except (msgspec.MsgspecError, TypeError, CallerError) as error:
        raise CorruptJournal(f"the row of run number {number} cannot be read: {error}") from error
