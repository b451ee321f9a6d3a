"""The rows that a `SqliteLog` writes: lines of facts, and each run's row in lists."""

from __future__ import annotations

import sqlite3

import msgspec

from ..journal import RunSummary

STALE_FACTS = 32
STALE_BYTES = 64 * 1024
"""How far a run's stored row may lag behind its facts, where its status has not changed. Writing it each time costs a
second page per append; reading it means to read the facts since. A page of 50 runs never reads more than 3 MB of them.
"""

_CHUNKS = (64, 16, 4, 2, 1)
_INSERTS = {size: f"INSERT INTO lines VALUES {','.join(['(?,?)'] * size)}" for size in _CHUNKS}  # noqa: S608  (numbers)

_encode_summary = msgspec.json.Encoder().encode


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
        text = _encode_summary(summary).decode()
        db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
            (tail.number, summary.run, summary.agent, summary.status, summary.conversation, summary.started_at, text),
        )
        tags = [(tag, summary.started_at, summary.run) for tag in set(summary.tags)]
        db.executemany("INSERT INTO tags VALUES (?, ?, ?)", tags)
    elif stored.status != summary.status:
        text = _encode_summary(summary).decode()
        db.execute("UPDATE runs SET status = ?, summary = ? WHERE number = ?", (summary.status, text, tail.number))
    elif summary.facts - stored.facts >= STALE_FACTS or tail.bytes >= STALE_BYTES:
        text = _encode_summary(summary).decode()
        db.execute("UPDATE runs SET summary = ? WHERE number = ?", (text, tail.number))
    else:
        return
    tail.stored = summary
    tail.bytes = 0
