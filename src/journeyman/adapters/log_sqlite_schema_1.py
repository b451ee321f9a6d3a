"""Takes a file of a `SqliteLog` from schema 1 to 2.

Facts are left as they are: their lines said more than they do now, and are read all the same. What lists show of the runs is put
into columns, and indexes end with a run's number instead of its name. For 10,000 runs that takes a fifth of a second.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
from msgspec.structs import replace

from ..journal import RunSummary
from .log_sqlite_rows import insert_row
from .log_sqlite_schema import ROWS

# Aside, and not under another name: renaming a table also changes, or fails at, whatever views people have made over it. What is
# freed first is room for what comes, so that the file does not grow.
_ASIDE = """
CREATE TEMP TABLE runs_of_1 AS SELECT * FROM runs;
CREATE TEMP TABLE tags_of_1 AS SELECT * FROM tags;
DROP VIEW facts;
DROP TABLE runs;
DROP TABLE tags;
"""
_AWAY = """
INSERT INTO tags SELECT tag, tags_of_1.started_at, number FROM tags_of_1 JOIN runs ON runs.run = tags_of_1.run;
DROP TABLE tags_of_1;
DROP TABLE runs_of_1;
"""
_DAMAGED = "INSERT INTO runs (number, run, agent, status, conversation, started_at) VALUES (?, ?, ?, ?, ?, ?)"

_summary_from = msgspec.json.Decoder(RunSummary).decode


def from_schema_1(db: sqlite3.Connection) -> None:
    """Do it, in the transaction that is open."""
    carry_out(db, _ASIDE + ROWS)
    for row in db.execute("SELECT number, run, agent, status, conversation, started_at, summary FROM runs_of_1"):
        _move(db, row)
    carry_out(db, _AWAY)


def carry_out(db: sqlite3.Connection, statements: str) -> None:
    """Several statements, in the transaction that is open: `executescript` would end it."""
    for statement in statements.split(";\n"):
        db.execute(statement)


def _move(db: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    number, run, agent, status, conversation, started_at, text = row
    try:
        summary = _summary_from(text)
    except (msgspec.MsgspecError, TypeError, UnicodeError):
        # It could not be listed before and cannot be now, and says so; its facts can be read, and others need not suffer.
        db.execute(_DAMAGED, row[:-1])
        return
    # The columns were never behind the summary.
    said = {"run": run, "agent": agent, "status": status, "conversation": conversation, "started_at": started_at}
    insert_row(db, number, replace(summary, **said))
