# ruff: noqa: ASYNC240  (small files of the test itself)
"""Writers of a log in SQLite win or lose cleanly, survive kills and full disks, and leave nobody waiting."""

import asyncio
import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from journeyman.adapters import log_sqlite_rows, log_sqlite_writer
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import Bug, CallerError, Conflict, JourneymanError, Message, ModelResponse
from journeyman.journal import ModelResponded, RunQuery, ToolPending, summarize
from journeyman.testing.log_probes import finished, names, read, some_run, started

from .sqlite_probes import Meddling, meddle, python, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def log(path: Path) -> AsyncGenerator[SqliteLog]:
    async with SqliteLog(path) as log:
        yield log


async def test_a_row_lags_behind_within_bounds(log: SqliteLog, path: Path):
    """A run's row is written again after some facts or some bytes, though its status has not changed."""

    def facts_in_row() -> int:
        [(count,)] = rows(path, "SELECT facts FROM runs")
        return count

    facts = some_run(40)
    for fact in facts:
        await log.append("r", fact.seq, [fact])
        assert fact.seq + 1 - facts_in_row() < log_sqlite_rows.STALE_FACTS
    assert facts_in_row() > 1
    large = ModelResponded(seq=40, at=1, response=ModelResponse(Message.assistant("x" * log_sqlite_rows.STALE_BYTES)))
    await log.append("r", 40, [large])
    assert facts_in_row() == 41


def test_threads_with_logs_of_their_own_race_for_a_place(path: Path):
    """Of several logs on the same file, each in its thread, exactly one wins each place."""
    facts = some_run(40)
    wins: list[int] = []
    barrier = threading.Barrier(4, timeout=60)

    async def writer() -> None:
        async with SqliteLog(path) as log:
            while len(wins) < 40:
                barrier.wait()
                at = len(wins)
                barrier.wait()
                try:
                    await log.append("r", at, [facts[at]])
                except Conflict:
                    pass
                else:
                    wins.append(at)
                barrier.wait()

    threads = [threading.Thread(target=asyncio.run, args=(writer(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wins == list(range(40))
    assert [seq for (seq,) in rows(path, "SELECT seq FROM facts ORDER BY seq")] == list(range(40))


RACER = """
import asyncio, sys
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import Conflict
from journeyman.testing.log_probes import some_run
async def main():
    facts = some_run(60)
    async with SqliteLog(sys.argv[1], busy_timeout=60) as log:
        for at in range(60):
            try:
                await log.append("r", at, [facts[at]])
            except Conflict:
                continue
            print(at)
asyncio.run(main())
"""


async def test_processes_race_for_a_place(path: Path):
    """Of several processes that append at the same place exactly one wins, and the run has no gap."""
    wins: list[int] = []
    # A racer that runs ahead of the others finds its next place empty; one that lags behind loses. So none may stop early.
    for status, printed in await asyncio.gather(*(python(RACER, path) for _ in range(3))):
        assert status == 0
        wins += map(int, printed.split())
    assert sorted(wins) == list(range(60))
    async with SqliteLog(path) as log:
        assert await read(log, "r") == some_run(60)


async def test_a_deposed_writer_hears_of_it(path: Path):
    """A writer that remembers where a run ended is corrected when another log appended, deleted or began anew."""
    facts = some_run(8)
    async with SqliteLog(path) as one, SqliteLog(path) as other:
        await one.append("r", 0, facts[:2])
        await other.append("r", 2, facts[2:4])
        with pytest.raises(Conflict, match="has 4 facts, so fact 2"):
            await one.append("r", 2, facts[2:3])
        await one.append("r", 4, facts[4:5])
        await other.delete("r")
        with pytest.raises(Conflict, match="has 0 facts, so fact 5"):
            await one.append("r", 5, facts[5:6])
        await other.append("r", 0, facts[:1])
        await one.append("r", 1, facts[1:2])
        assert await read(other, "r") == facts[:2]
        await other.append("s", 0, facts[:3])
        assert await read(one, "s") == facts[:3]
        await one.append("t", 0, facts[:4])
        assert await read(other, "t") == facts[:4]


async def test_lists_are_right_whoever_wrote(path: Path):
    """A run that two logs write by turns is listed as its facts say."""
    facts = [*some_run(80), finished(80)]
    row = None
    async with SqliteLog(path) as one, SqliteLog(path) as other:
        for fact in facts:
            await (one if fact.seq % 3 else other).append("r", fact.seq, [fact])
            row = summarize("r", row, fact)
        assert (await one.runs()).rows == (row,)
        assert await names(other, RunQuery(status="finished")) == ["r"]


KILLED = """
import asyncio, os, sys
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.testing.log_probes import some_run
async def main():
    facts = some_run(100_000)
    log = SqliteLog(sys.argv[1])
    for at in range(100_000):
        await log.append("r", at, [facts[at]])
        os.write(1, b"%d\\n" % at)
asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
async def test_what_was_acknowledged_outlives_a_kill(path: Path):
    """A process that is killed while it appends has lost nothing that it was told is durable."""
    acknowledged = -1
    for stop_at in (50, 120, 333):
        path.unlink(missing_ok=True)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, path, stdout=subprocess.PIPE)
        assert process.stdout is not None
        async for line in process.stdout:
            acknowledged = int(line)
            if acknowledged == stop_at:
                process.kill()
        await process.wait()
        async with SqliteLog(path) as log:
            facts = await read(log, "r")
            assert len(facts) > acknowledged
            assert facts == some_run(len(facts))
            await log.append("r", len(facts), [finished(len(facts))])


async def test_only_what_cannot_be_written_as_json_is_refused(log: SqliteLog):
    """A fact that has no JSON is refused before anything is written."""
    await log.append("r", 0, some_run(1))
    for info in (object(), "half a pair: \ud800"):
        with pytest.raises(CallerError, match="ToolPending 1 cannot be written as JSON"):
            await log.append("r", 1, [ToolPending(seq=1, call_id="c", info=info)])
    assert await read(log, "r") == some_run(1)


async def test_a_full_disk_is_told_to_everybody_and_passes(log: SqliteLog):
    """When there is no room, each caller hears of it and nothing is half written; with room it goes on."""
    await log.append("r", 0, some_run(1))
    await meddle(log, lambda db: db.execute("PRAGMA max_page_count = 20"))
    large = ModelResponse(Message.assistant("x" * 200_000))
    small = some_run(2)
    outcomes = await asyncio.gather(
        log.append("r", 1, [ModelResponded(seq=1, response=large)]),
        log.append("s", 0, [*some_run(2), ModelResponded(seq=2, response=large)]),
        log.append("t", 0, small),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [JourneymanError, JourneymanError, type(None)]
    assert "is full" in str(outcomes[0])
    assert outcomes[0] is not outcomes[1]
    assert await names(log, RunQuery()) == ["t", "r"]
    assert await read(log, "r") == some_run(1)
    await meddle(log, lambda db: db.execute("PRAGMA max_page_count = 1000000"))
    await log.append("r", 1, [ModelResponded(seq=1, response=large)])
    assert len(await read(log, "r")) == 2


async def test_a_file_that_became_read_only_is_told(log: SqliteLog):
    """An append to a file that may not be written is the caller's to mend; it can still be read."""
    await log.append("r", 0, some_run(1))
    await meddle(log, lambda db: db.execute("PRAGMA query_only = 1"))
    with pytest.raises(CallerError, match="readonly"):
        await log.append("r", 1, some_run(2)[1:])
    with pytest.raises(CallerError, match="readonly"):
        await log.delete("r")
    assert await read(log, "r") == some_run(1)


async def test_a_fact_that_is_too_large_hurts_no_other(log: SqliteLog):
    """Of appends that wait together only the one that SQLite cannot hold fails."""
    await log.append("r", 0, some_run(1))
    await meddle(log, lambda db: db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000))
    large = ModelResponse(Message.assistant("x" * 200_000))
    outcomes = await asyncio.gather(
        log.append("r", 1, [ModelResponded(seq=1, response=large)]),
        log.append("s", 0, some_run(3)),
        log.append("t", 0, [started(at=2**70)]),
        log.append("u", 0, some_run(3)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [CallerError, type(None), CallerError, type(None)]
    assert "too large" in str(outcomes[0])
    assert await names(log, RunQuery()) == ["u", "s", "r"]


async def test_a_file_that_stays_locked_is_told(path: Path):
    """When another process keeps the file locked for too long, everybody who waited hears of it, and later it works."""
    async with SqliteLog(path, busy_timeout=0.05) as log:
        await log.append("r", 0, some_run(1))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            outcomes = await asyncio.gather(
                log.append("r", 1, some_run(2)[1:]), log.append("s", 0, some_run(1)), return_exceptions=True
            )
            assert [type(outcome) for outcome in outcomes] == [JourneymanError, JourneymanError]
            assert "locked for longer than busy_timeout" in str(outcomes[1])
            with pytest.raises(JourneymanError, match="locked"):
                await log.delete("r")
            other.execute("ROLLBACK")
        await log.append("r", 1, some_run(2)[1:])


async def test_the_ends_of_many_runs_are_looked_up_again(log: SqliteLog, monkeypatch: pytest.MonkeyPatch):
    """Of more runs at work than are remembered each goes on where it was."""
    monkeypatch.setattr(log_sqlite_writer, "KEPT", 3)
    facts = some_run(4)
    for fact in facts:
        for number in range(5):
            await log.append(f"r{number}", fact.seq, [fact])
    assert len(log._use().writer._tails) <= 3
    assert [await read(log, f"r{number}") for number in range(5)] == [facts] * 5


async def test_a_fault_of_ours_leaves_nobody_waiting(log: SqliteLog, monkeypatch: pytest.MonkeyPatch):
    """Should the writer meet an error that nobody thought of, callers are told, and the next append works."""
    await log.append("r", 0, some_run(1))
    monkeypatch.setattr(log_sqlite_writer, "summarize", lambda *_: 1 // 0)
    with pytest.raises(Bug, match="ZeroDivisionError"):
        await log.append("r", 1, some_run(2)[1:])
    monkeypatch.undo()
    await log.append("r", 1, some_run(2)[1:])
    assert await read(log, "r") == some_run(2)


async def test_a_connection_that_is_beyond_use_is_replaced(log: SqliteLog):
    """An append after the writer's connection broke opens another one."""
    await log.append("r", 0, some_run(1))
    with pytest.raises(JourneymanError, match="failed: Cannot operate on a closed database"):
        await meddle(log, lambda db: db.close())
    await log.append("r", 1, some_run(2)[1:])
    assert await read(log, "r") == some_run(2)


async def test_a_cancelled_append_hurts_nobody(log: SqliteLog):
    """An append whose caller stopped waiting is written or not; the writer and the others go on."""
    await log.append("r", 0, some_run(1))
    cancelled = asyncio.ensure_future(log.append("r", 1, some_run(2)[1:]))
    failing = asyncio.ensure_future(log.append("r", 9, some_run(10)[9:]))
    await asyncio.sleep(0)
    cancelled.cancel()
    failing.cancel()
    await log.append("s", 0, some_run(1))
    assert cancelled.cancelled()
    assert len(await read(log, "r")) in (1, 2)


def test_a_loop_that_ended_hurts_nobody(path: Path):
    """A caller whose event loop is closed while its append waits takes nothing from other loops."""
    log = SqliteLog(path)
    held = threading.Event()
    asyncio.run(log.append("r", 0, some_run(1)))
    loop = asyncio.new_event_loop()

    async def leave_behind() -> None:
        log._use().writer._put(Meddling(lambda _: held.wait()))
        left.append(asyncio.ensure_future(log.append("r", 1, some_run(2)[1:])))
        await asyncio.sleep(0)

    left: list[asyncio.Future[None]] = []
    loop.run_until_complete(leave_behind())
    left[0].cancel()
    loop.run_until_complete(asyncio.wait(left))
    loop.close()
    held.set()

    async def go_on() -> int:
        async with log:
            await log.append("s", 0, some_run(1))
            return len(await read(log, "r"))

    assert asyncio.run(go_on()) == 2
