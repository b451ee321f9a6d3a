# ruff: noqa: ASYNC240  (small files of the test itself)
"""The file of a log in SQLite can be read by people, and is never taken for another or for whole when it is not."""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from journeyman.adapters import log_sqlite, log_sqlite_file
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import CallerError, CorruptJournal, JourneymanError
from journeyman.journal import RunQuery
from journeyman.testing.log_probes import finished, names, read, some_run, started

from .sqlite_probes import rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def log(path: Path) -> AsyncGenerator[SqliteLog]:
    async with SqliteLog(path) as log:
        yield log


async def test_people_can_read_the_file(log: SqliteLog, path: Path):
    """An SQLite shell shows facts by run, number, time and kind, each with its whole line of JSON; and what runs used."""
    await log.append("r", 0, [started(at=7), *some_run(3)[1:]])
    await log.append("s", 0, some_run(1))
    found = rows(path, "SELECT run, seq, at, kind FROM facts WHERE run = 'r' ORDER BY seq")
    assert found == [("r", 0, 7, "RunStarted"), ("r", 1, 1, "ModelRequested"), ("r", 2, 2, "ModelResponded")]
    [(line,)] = rows(path, "SELECT fact FROM facts WHERE run = 'r' AND seq = 1")
    assert line == (
        '{"v":1,"run":"r","seq":1,"kind":"ModelRequested","at":1,"model":"model","history":1,"iteration":1}'
    )
    assert rows(path, "SELECT run, status FROM runs ORDER BY run") == [("r", "running"), ("s", "running")]


async def test_a_run_in_the_view_is_found_without_reading_the_others(log: SqliteLog, path: Path):
    """The view of facts reads one run's lines by their key."""
    await log.append("r", 0, some_run(1))
    plan = " ".join(row[3] for row in rows(path, "EXPLAIN QUERY PLAN SELECT * FROM facts WHERE run = 'r'"))
    assert "SEARCH lines USING INTEGER PRIMARY KEY" in plan
    assert "SCAN" not in plan


@pytest.mark.parametrize(
    "damage",
    ["status = 'asleep'", "tags = '{'", "tags = 7", "input = 'many'", "facts = NULL", "facts = -3", "model = x'ff'"],
)
async def test_a_damaged_row_is_found(damage: str, log: SqliteLog, path: Path):
    """A row of the list that cannot be read is an error, and its run can still be read and deleted."""
    await log.append("r", 0, some_run(2))
    rows(path, f"UPDATE runs SET {damage}")  # noqa: S608  (words of the test)
    with pytest.raises(CorruptJournal, match="row of run number 1"):
        await log.runs()
    with pytest.raises(CorruptJournal, match="row of run number 1"):
        await log.append("r", 2, some_run(3)[2:])
    assert await read(log, "r") == some_run(2)
    await log.delete("r")
    assert (await log.runs()).rows == ()


@pytest.mark.parametrize("word", ["FULL", "NORMAL"])
async def test_synchronous_is_passed_on(word: log_sqlite.Synchronous, path: Path):
    """The connection that writes syncs as it was told."""
    db = log_sqlite_file.connect(log_sqlite_file.Place(str(path), word, 1))
    with contextlib.closing(db):
        assert db.execute("PRAGMA synchronous").fetchone() == ({"FULL": 2, "NORMAL": 1}[word],)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_missing_directory_is_the_callers_error_until_it_is_there(tmp_path: Path):
    """A log whose directory is missing says so each time, and works once the directory is there."""
    path = tmp_path / "later" / "runs.db"
    async with SqliteLog(path) as log:
        for attempt in (log.append("r", 0, some_run(1)), log.runs(), log.delete("r"), read(log, "r")):
            with pytest.raises(CallerError, match="see to its directory"):
                await attempt
        path.parent.mkdir()
        await log.append("r", 0, some_run(1))
        assert await names(log, RunQuery()) == ["r"]


async def test_a_file_of_another_kind_is_damaged_or_none(path: Path):
    """A file that is no database is left alone, and the error says what to do."""
    path.write_bytes(b"this is a diary, not a database\n" * 100)
    async with SqliteLog(path) as log:
        with pytest.raises(CorruptJournal, match="put a backup in its place"):
            await log.append("r", 0, some_run(1))
        with pytest.raises(CorruptJournal, match="put a backup in its place"):
            await log.runs()
    assert path.read_bytes().startswith(b"this is a diary")


async def test_a_damaged_file_is_found(path: Path):
    """A database with pages overwritten is an error that says what to do, not a shorter run."""
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(2000))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    async with SqliteLog(path) as log:
        with pytest.raises(CorruptJournal, match="is damaged"):
            await read(log, "r")
        with pytest.raises(CorruptJournal, match="is damaged"):
            await log.append("r", 2000, [finished(2000)])


async def test_a_line_that_is_missing_is_found(log: SqliteLog, path: Path):
    """A run that lacks a line in its middle is damaged, and is not read as a shorter one."""
    await log.append("r", 0, some_run(5))
    rows(path, "DELETE FROM lines WHERE id & 4294967295 = 2")
    with pytest.raises(CorruptJournal, match="where fact 2 belongs is fact 3"):
        await read(log, "r")


async def test_text_that_is_none_is_damage(log: SqliteLog, path: Path):
    """A name in the file that is no UTF-8 is damage, and is told as that."""
    await log.append("r", 0, some_run(2))
    rows(path, "UPDATE runs SET agent = CAST(x'ff' AS TEXT)")
    with pytest.raises(CorruptJournal, match="is damaged"):
        await log.runs()
    with pytest.raises(CorruptJournal, match="is damaged"):
        await read(log, "r")


async def test_another_programs_database_is_left_alone(path: Path):
    """Our tables are not put into somebody else's database."""
    rows(path, "CREATE TABLE customers (name TEXT)")
    async with SqliteLog(path) as log:
        with pytest.raises(CallerError, match="SQLite database of something else"):
            await log.append("r", 0, some_run(1))
    assert rows(path, "SELECT name FROM sqlite_master") == [("customers",)]


async def test_a_newer_file_is_refused(path: Path):
    """A file that a newer version wrote is not touched."""
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(1))
    rows(path, "PRAGMA user_version = 99")
    async with SqliteLog(path) as log:
        with pytest.raises(CorruptJournal, match=r"schema 99, this one knows 2\): upgrade"):
            await log.append("r", 1, some_run(2)[1:])
        with pytest.raises(CorruptJournal, match="upgrade"):
            await read(log, "r")


def test_many_may_open_a_new_file_at_once(path: Path):
    """Threads that open a file which is not there yet all get to write."""
    barrier = threading.Barrier(8, timeout=60)
    failed: list[BaseException] = []

    async def work(run: str) -> None:
        async with SqliteLog(path) as log:
            barrier.wait()
            await log.append(run, 0, some_run(3))

    def thread(run: str) -> None:
        try:
            asyncio.run(work(run))
        except BaseException as error:  # noqa: BLE001  (told below)
            failed.append(error)

    threads = [threading.Thread(target=thread, args=(f"r{number}",)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert len(rows(path, "SELECT * FROM runs")) == 8


async def test_a_file_that_is_locked_while_it_is_opened_is_told(path: Path):
    """Opening a new file that somebody else keeps locked ends after the timeout, with an error."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with SqliteLog(path, busy_timeout=0.05) as log:
            with pytest.raises(JourneymanError, match="locked for longer than busy_timeout"):
                await log.append("r", 0, some_run(1))
            other.execute("ROLLBACK")
            await log.append("r", 0, some_run(1))


async def test_opening_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch):
    """A new file that another process is just opening is tried again within the timeout."""
    opened, tries = log_sqlite_file._opened, []

    def locked_at_first(place: log_sqlite_file.Place) -> sqlite3.Connection:
        tries.append(place)
        if len(tries) == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error
        return opened(place)

    monkeypatch.setattr(log_sqlite_file, "_opened", locked_at_first)
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(1))
    assert len(tries) == 2
