"""A file of schema 1 goes on as one of schema 2, whole or not at all."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from journeyman.adapters import log_sqlite_file, log_sqlite_schema_1
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import CorruptJournal, JourneymanError
from journeyman.journal import Fact, RunQuery, RunSummary, encode_fact, summarize
from journeyman.testing.log_probes import finished, names, read, some_run

from .sqlite_probes import rows

# The tables and statements of schema 1, as the source had them.
TABLES_1 = """
CREATE TABLE lines (id INTEGER PRIMARY KEY, fact TEXT NOT NULL);
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    status TEXT NOT NULL,
    conversation TEXT,
    started_at INTEGER NOT NULL,
    summary TEXT NOT NULL
);
CREATE INDEX runs_by_start ON runs (started_at, run);
CREATE INDEX runs_by_status ON runs (status, started_at, run);
CREATE INDEX runs_by_agent ON runs (agent, started_at, run);
CREATE INDEX runs_by_conversation ON runs (conversation, started_at, run) WHERE conversation IS NOT NULL;
CREATE TABLE tags (
    tag TEXT NOT NULL, started_at INTEGER NOT NULL, run TEXT NOT NULL, PRIMARY KEY (tag, started_at, run)
) WITHOUT ROWID;
CREATE VIEW facts AS
    SELECT runs.run AS run, lines.id & 4294967295 AS seq, json_extract(lines.fact, '$.at') AS at,
        json_extract(lines.fact, '$.kind') AS kind, lines.fact AS fact
    FROM runs JOIN lines ON lines.id BETWEEN runs.number << 32 AND (runs.number << 32) + 4294967295;
PRAGMA application_id = 1249013356;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
"""
BEGIN_1 = "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)"
TAG_1 = "INSERT INTO tags VALUES (?, ?, ?)"
APPEND_1 = "INSERT INTO lines VALUES (?, ?)"
MOVE_1 = "UPDATE runs SET summary = ? WHERE number = ?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


RUNS: dict[str, list[Fact]] = {
    f"r{number}": [
        *some_run(
            4 + number,
            at=1000 + number,
            agent=f"agent {number % 2}",
            tags=("all", f"n{number}") if number != 3 else (),
            conversation="c" if number < 2 else None,
        ),
        *([finished(4 + number)] if number == 4 else []),
    ]
    for number in range(5)
}
LAGS = {"r1": 2, "r2": 1}
"""By how many facts a run's row is behind: it was allowed to be."""


def summed(run: str, facts: Sequence[Fact]) -> RunSummary:
    summary = None
    for fact in facts:
        summary = summarize(run, summary, fact)
    assert summary is not None
    return summary


def make(path: Path) -> None:
    """A file as it was left by a program that knew schema 1."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(TABLES_1)
        # Numbers have gaps where runs were deleted.
        for number, (run, facts) in enumerate(RUNS.items(), 2):
            row = summed(run, facts[: len(facts) - LAGS.get(run, 0)])
            text = msgspec.json.encode(row).decode()
            db.execute(BEGIN_1, (number, run, row.agent, row.status, row.conversation, row.started_at, text))
            db.executemany(TAG_1, [(tag, row.started_at, run) for tag in row.tags])
            lines = [((number << 32) + fact.seq, encode_fact(run, fact).decode()) for fact in facts]
            db.executemany(APPEND_1, lines)
        db.commit()


async def whole(log: SqliteLog) -> None:
    """All that was in the file is there, by each way that leads to it."""
    assert {run: await read(log, run) for run in RUNS} == RUNS
    page = await log.runs()
    assert page.rows == tuple(summed(run, RUNS[run]) for run in reversed(RUNS))
    for query, wanted in (
        (RunQuery(status="finished"), ["r4"]),
        (RunQuery(agent="agent 1"), ["r3", "r1"]),
        (RunQuery(conversation="c"), ["r1", "r0"]),
        (RunQuery(tag="all"), ["r4", "r2", "r1", "r0"]),
        (RunQuery(tag="n3"), []),
        (RunQuery(limit=2, before="1003:r3"), ["r2", "r1"]),
    ):
        assert await names(log, query) == wanted


async def test_all_that_was_in_it_is_in_it(path: Path):
    """Facts, lists, tags and cursors of a file of schema 1 are there after it was opened, and when it is opened again."""
    make(path)
    for _ in range(2):
        async with SqliteLog(path) as log:
            await whole(log)
        assert rows(path, "PRAGMA user_version") == [(2,)]
        assert rows(path, "PRAGMA integrity_check") == [("ok",)]


async def test_its_runs_go_on(path: Path):
    """A run that began in schema 1 is appended to, listed and deleted, and a new one does not take a number of another."""
    make(path)
    async with SqliteLog(path) as log:
        await log.append("r2", 6, [*some_run(8)[6:], finished(8)])
        await log.append("new", 0, some_run(3))
        assert await read(log, "r2") == [*RUNS["r2"], *some_run(8)[6:], finished(8)]
        assert await read(log, "new") == some_run(3)
        await log.delete("r1")
        assert await names(log, RunQuery(tag="all")) == ["r4", "r2", "r0"]
        assert await names(log, RunQuery(status="finished")) == ["r4", "r2"]
    assert [seq for (seq,) in rows(path, "SELECT seq FROM facts WHERE run = 'r2' ORDER BY seq")] == list(range(9))


async def test_its_facts_are_left_as_they_are(path: Path):
    """Not a byte of a fact is written anew."""
    make(path)
    before = rows(path, "SELECT * FROM lines")
    async with SqliteLog(path) as log:
        await log.runs()
    assert rows(path, "SELECT * FROM lines") == before


async def test_it_has_the_tables_that_a_new_file_has(path: Path):
    """Tables and indexes are those of a file that was made by this version."""
    make(path)
    new = path.with_name("new.db")
    for each in (path, new):
        async with SqliteLog(each) as log:
            await log.append("x", 0, some_run(1))
    schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    assert rows(path, schema) == rows(new, schema)


async def test_what_people_added_stays(path: Path):
    """Views and tables that somebody else made in the file are there afterwards, and those over our view work."""
    make(path)
    rows(path, "CREATE VIEW told AS SELECT run FROM facts WHERE kind = 'ModelResponded'")
    rows(path, "CREATE VIEW shown AS SELECT summary FROM runs")
    rows(path, "CREATE TABLE notes AS SELECT 'mine' AS note")
    async with SqliteLog(path) as log:
        await whole(log)
    assert rows(path, "SELECT * FROM notes") == [("mine",)]
    assert len(rows(path, "SELECT * FROM told WHERE run = 'r0'")) == 1


async def test_a_damaged_row_hurts_no_other(path: Path):
    """A row that could not be read before cannot be read now, and its facts and all other runs can."""
    make(path)
    rows(path, "UPDATE runs SET summary = '{' WHERE run = 'r4'")
    async with SqliteLog(path) as log:
        with pytest.raises(CorruptJournal, match="row of run number 6"):
            await log.runs()
        assert await names(log, RunQuery(status="running")) == ["r3", "r2", "r1", "r0"]
        assert await read(log, "r4") == RUNS["r4"]
        await log.delete("r4")
        assert await names(log, RunQuery()) == ["r3", "r2", "r1", "r0"]


async def test_it_is_taken_whole_or_not_at_all(path: Path, monkeypatch: pytest.MonkeyPatch):
    """When it fails half way, the file is as it was, and the next one that opens it does it."""
    make(path)
    before = rows(path, "SELECT * FROM runs")
    insert, done = log_sqlite_schema_1.insert_row, []

    def failing(db: sqlite3.Connection, number: int, summary: RunSummary) -> None:
        if len(done) == 2:
            raise sqlite3.OperationalError("disk I/O error")
        done.append(number)
        insert(db, number, summary)

    monkeypatch.setattr(log_sqlite_schema_1, "insert_row", failing)
    async with SqliteLog(path) as log:
        with pytest.raises(JourneymanError, match="disk I/O error"):
            await log.runs()
        with pytest.raises(JourneymanError, match="disk I/O error"):
            await log.append("r0", 4, [finished(4)])
        assert rows(path, "PRAGMA user_version") == [(1,)]
        assert rows(path, "SELECT * FROM runs") == before
        monkeypatch.undo()
        await whole(log)


def test_several_may_open_it_at_once(path: Path):
    """Of threads that open the file together one takes it over, and each finds all of it."""
    make(path)
    barrier = threading.Barrier(6, timeout=60)
    failed: list[BaseException] = []

    async def work(run: str) -> None:
        async with SqliteLog(path, busy_timeout=60) as log:
            barrier.wait()
            await log.append(run, 0, some_run(3))
            assert {run: await read(log, run) for run in RUNS} == RUNS

    def thread(run: str) -> None:
        try:
            asyncio.run(work(run))
        except BaseException as error:  # noqa: BLE001  (told below)
            failed.append(error)

    threads = [threading.Thread(target=thread, args=(f"t{number}",)) for number in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert len(rows(path, "SELECT * FROM runs")) == len(RUNS) + 6


async def test_a_program_of_schema_1_that_has_it_open_does_no_harm(path: Path):
    """An older program under way may append whole lines, which are read; what it would do to rows fails, and says so."""
    make(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as older:
        older.execute("SELECT * FROM runs").fetchall()
        async with SqliteLog(path) as log:
            await whole(log)
            line = encode_fact("r0", some_run(5)[4]).decode()
            older.execute(APPEND_1, ((2 << 32) + 4, line))
            assert await read(log, "r0") == some_run(5, at=1000, agent="agent 0", tags=("all", "n0"), conversation="c")
            for statement, values in ((BEGIN_1, (99, "s", "a", "running", None, 1, "{}")), (MOVE_1, ("{}", 2))):
                with pytest.raises(sqlite3.OperationalError):
                    older.execute(statement, values)
            await log.append("r0", 5, [finished(5)])


async def test_an_older_program_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A program that knows schema 1 alone does not open the file any more, and says what to do."""
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(1))
    monkeypatch.setattr(log_sqlite_file, "SCHEMA", 1)
    async with SqliteLog(path) as log:
        with pytest.raises(CorruptJournal, match=r"schema 2, this one knows 1\): upgrade it"):
            await read(log, "r")
