"""Where commits are quick they are made in the event loop's own thread, and never at the cost of its waiting."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from journeyman.adapters import log_sqlite_writer
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import CallerError, Conflict
from journeyman.testing.log_probes import read, some_run

THREAD = "journeyman sqlite log"


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that wrote, on a disk that counts as quick however slow it is."""
    names: list[str] = []
    insert = log_sqlite_writer.insert_lines

    def noted(*args: Any) -> None:
        names.append(threading.current_thread().name)
        insert(*args)

    monkeypatch.setattr(log_sqlite_writer, "QUICK", 60.0)
    monkeypatch.setattr(log_sqlite_writer, "insert_lines", noted)
    return names


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[SqliteLog]:
    async with SqliteLog(tmp_path / "runs.db") as log:
        yield log


async def test_after_the_first_commit_a_quick_disk_is_written_in_place(log: SqliteLog, writers: list[str]):
    """The first commit opens the file and is timed, which is the thread's business; soon all are the loop's own."""
    own = threading.current_thread().name
    facts = some_run(40)
    for fact in facts:
        await log.append("r", fact.seq, [fact])
    assert writers[0] == THREAD
    # On a busy machine the thread may not have let go of the file yet when the next commit comes; then it makes that, too.
    first = writers.index(own)
    assert set(writers[first:]) == {own}
    assert await read(log, "r") == facts


async def test_a_slow_disk_is_left_to_the_thread(log: SqliteLog, writers: list[str], monkeypatch: pytest.MonkeyPatch):
    """Where commits take longer than a hand-over, the loop makes none."""
    monkeypatch.setattr(log_sqlite_writer, "QUICK", 0.0)
    for fact in some_run(4):
        await log.append("r", fact.seq, [fact])
    assert set(writers) == {THREAD}


async def test_appends_of_one_turn_share_a_transaction_and_many_a_hand_over(log: SqliteLog, writers: list[str]):
    """A few runs that write in the same turn are one transaction in place; for many the thread is woken once."""
    first = some_run(40)
    for fact in first:
        # On a busy machine the thread may not have let go of the file yet after the first commit.
        await log.append("warm", fact.seq, [fact])
        if writers[-1] != THREAD:
            break
    writers.clear()
    await asyncio.gather(*(log.append(f"few{n}", 0, first[:1]) for n in range(3)))
    assert writers == [threading.current_thread().name]
    writers.clear()
    await asyncio.gather(*(log.append(f"many{n}", 0, first[:1]) for n in range(log_sqlite_writer.FEW + 1)))
    assert set(writers) == {THREAD}


async def test_a_run_that_is_alone_waits_for_no_turn_of_the_loop(log: SqliteLog, writers: list[str]):
    """A run that appended last appends without going through the loop; where another one did, the turn is waited for."""
    facts = some_run(43)
    own = threading.current_thread().name
    for fact in facts[:40]:
        await log.append("r", fact.seq, [fact])
        if writers[-1] == own:
            break
    at = writers.index(own) + 1
    with pytest.raises(StopIteration):
        log.append("r", at, facts[at : at + 1]).send(None)  # type: ignore[attr-defined]  # a coroutine
    await log.append("other", 0, facts[:1])
    waits = log.append("r", at + 1, facts[at + 1 : at + 2])
    assert waits.send(None) is not None  # type: ignore[attr-defined]  # a coroutine
    waits.close()  # type: ignore[attr-defined]  # a coroutine


async def test_what_a_run_appends_in_one_turn_keeps_its_order(log: SqliteLog, writers: list[str]):
    """Appends of one run that are put one after the other are written so, though the first of them waits for its turn."""
    facts = some_run(6)
    for run in ("warm", "r"):
        await log.append(run, 0, facts[:1])
    await log.append("warm", 1, facts[1:2])
    await asyncio.gather(*(log.append("r", fact.seq, [fact]) for fact in facts[1:]))
    assert await read(log, "r") == facts


async def test_the_loop_does_not_wait_for_a_lock(log: SqliteLog, writers: list[str], tmp_path: Path):
    """While another writer holds the file the loop goes on, and the append is done when the lock is gone."""
    facts = some_run(3)
    await log.append("r", 0, facts[:1])
    with contextlib.closing(sqlite3.connect(tmp_path / "runs.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(log.append("r", 1, facts[1:2]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not writing.done()
        other.execute("ROLLBACK")
    await writing
    assert writers == [THREAD, THREAD]
    await log.append("r", 2, facts[2:])
    assert writers[2] == threading.current_thread().name
    assert await read(log, "r") == facts


async def test_conflicts_in_place_hurt_nobody_else(log: SqliteLog, writers: list[str]):
    """Of two appends of one turn for one place the first wins, and a third run's is written all the same."""
    facts = some_run(3)
    await log.append("r", 0, facts[:1])
    outcomes = await asyncio.gather(
        log.append("r", 1, facts[1:2]),
        log.append("r", 1, facts[1:2]),
        log.append("other", 0, facts[:1]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, type(None)]
    assert await read(log, "r") == facts[:2]
    assert await read(log, "other") == facts[:1]


async def test_closing_answers_whoever_still_waits(tmp_path: Path, writers: list[str]):
    """An append that a close overtakes is written or refused, and its caller hears which."""
    facts = some_run(2)
    log = SqliteLog(tmp_path / "runs.db")
    await log.append("r", 0, facts[:1])
    # A run that appended last would be written at once.
    await log.append("s", 0, facts[:1])
    late = asyncio.create_task(log.append("r", 1, facts[1:]))
    await asyncio.sleep(0)
    log._opened.writer.stop()  # type: ignore[union-attr]  # it is open
    with pytest.raises(CallerError, match="closed"):
        await late
    assert len(writers) == 2
