# ruff: noqa: ASYNC240  (small files of the test itself)
"""A log in SQLite does what every log must, in several processes, after crashes and with a full disk."""

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from journeyman.adapters import log_sqlite, log_sqlite_file, log_sqlite_writer
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import Bug, CallerError, Conflict, CorruptJournal, JourneymanError, Message, ModelResponse
from journeyman.journal import ModelResponded, RunQuery, ToolPending, summarize
from journeyman.testing.log_kit import DAMAGE_CHECKS, LOG_CHECKS, DamageCheck, LogCheck
from journeyman.testing.log_probes import finished, follow, listening, names, read, some_run, started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def log(path: Path) -> AsyncGenerator[SqliteLog]:
    async with SqliteLog(path) as log:
        yield log


def rows(path: Path, statement: str, *values: object) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = db.execute(statement, values).fetchall()
        db.commit()
    return found


async def python(program: str, *arguments: object) -> tuple[int, str]:
    """Run a program in another process; its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *map(str, arguments), stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


class Meddling(log_sqlite_writer.Delete):
    """Something that happens on the writer's thread, where SQLite lets its connection be used."""

    __slots__ = ("_act",)

    def __init__(self, act: Callable[[sqlite3.Connection], object]) -> None:
        super().__init__("nothing")
        self._act = act

    def carry_out(self, db: sqlite3.Connection) -> None:
        self._act(db)


async def meddle(log: SqliteLog, act: Callable[[sqlite3.Connection], object]) -> None:
    await log._use().writer.carry_out(Meddling(act))


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck, log: SqliteLog):
    """A log in SQLite passes each check of the kit."""
    await check(log)


@pytest.mark.parametrize("check", DAMAGE_CHECKS, ids=lambda check: check.__name__)
async def test_finds_damage(check: DamageCheck, log: SqliteLog, path: Path):
    """A log in SQLite finds the damages of the kit."""

    async def rewrite(run: str, seq: int, damage: Callable[[bytes], bytes]) -> None:
        [(number, line)] = rows(
            path, "SELECT id, fact FROM lines JOIN runs ON id = (number << 32) + ? WHERE run = ?", seq, run
        )
        rows(path, "UPDATE lines SET fact = ? WHERE id = ?", damage(line.encode()).decode("utf-8", "replace"), number)

    await check(log, rewrite)


# What is in the file


async def test_a_run_outlives_its_log(path: Path):
    """What was appended is read after the log was closed and opened again, and the run goes on."""
    facts = some_run(6)
    async with SqliteLog(path) as log:
        await log.append("r", 0, facts[:4])
    async with SqliteLog(str(path)) as log:
        await log.append("r", 4, facts[4:])
        assert await read(log, "r") == facts
    assert [file.name for file in path.parent.iterdir()] == ["runs.db"]


async def test_people_can_read_the_file(log: SqliteLog, path: Path):
    """An SQLite shell shows facts by run, number, time and kind, and each fact is its line of JSON."""
    await log.append("r", 0, [started(at=7), *some_run(3)[1:]])
    await log.append("s", 0, some_run(1))
    found = rows(path, "SELECT run, seq, at, kind FROM facts WHERE run = 'r' ORDER BY seq")
    assert found == [("r", 0, 7, "RunStarted"), ("r", 1, 1, "ModelRequested"), ("r", 2, 2, "ModelResponded")]
    [(line,)] = rows(path, "SELECT fact FROM facts WHERE run = 'r' AND seq = 1")
    assert line == (
        '{"v":1,"run":"r","kind":"ModelRequested","seq":1,"at":1,"model":"model","history":1,"iteration":1}'
    )
    assert rows(path, "SELECT run, status FROM runs ORDER BY run") == [("r", "running"), ("s", "running")]


async def test_a_run_in_the_view_is_found_without_reading_the_others(log: SqliteLog, path: Path):
    """The view of facts reads one run's lines by their key."""
    await log.append("r", 0, some_run(1))
    plan = " ".join(row[3] for row in rows(path, "EXPLAIN QUERY PLAN SELECT * FROM facts WHERE run = 'r'"))
    assert "SEARCH lines USING INTEGER PRIMARY KEY" in plan
    assert "SCAN" not in plan


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(before="1:r"),
        RunQuery(status="waiting"),
        RunQuery(status="waiting", before="1:r"),
        RunQuery(agent="a"),
        RunQuery(conversation="c", before="1:r"),
        RunQuery(tag="t"),
        RunQuery(tag="t", before="1:r", status="waiting"),
        RunQuery(started_after=1, started_before=9),
    ],
    ids=str,
)
async def test_lists_come_out_of_an_index(query: RunQuery, log: SqliteLog, path: Path):
    """No list sorts, or reads a table from end to end."""
    await log.append("r", 0, some_run(1))
    statement, values = log_sqlite._listing(query, log_sqlite.check_query(query))
    plan = " ".join(row[3] for row in rows(path, f"EXPLAIN QUERY PLAN {statement}", *values))
    assert "TEMP B-TREE" not in plan
    assert "SCAN runs USING INDEX runs_by_start" in plan or "SCAN" not in plan


async def test_a_row_lags_behind_within_bounds(log: SqliteLog, path: Path):
    """A run's row is written again after some facts or some bytes, though its status has not changed."""

    def facts_in_row() -> int:
        [(count,)] = rows(path, "SELECT json_extract(summary, '$.facts') FROM runs")
        return count

    facts = some_run(40)
    for fact in facts:
        await log.append("r", fact.seq, [fact])
        assert fact.seq + 1 - facts_in_row() < log_sqlite_writer.STALE_FACTS
    assert facts_in_row() > 1
    large = ModelResponded(seq=40, at=1, response=ModelResponse(Message.assistant("x" * log_sqlite_writer.STALE_BYTES)))
    await log.append("r", 40, [large])
    assert facts_in_row() == 41


async def test_a_damaged_row_is_found(log: SqliteLog, path: Path):
    """A row of the list that cannot be read is an error, and its run can still be read and deleted."""
    await log.append("r", 0, some_run(2))
    rows(path, "UPDATE runs SET summary = '{'")
    with pytest.raises(CorruptJournal, match="row of run number 1"):
        await log.runs()
    with pytest.raises(CorruptJournal, match="row of run number 1"):
        await log.append("r", 2, some_run(3)[2:])
    assert await read(log, "r") == some_run(2)
    await log.delete("r")
    assert (await log.runs()).rows == ()


# Opening


async def test_memory_is_no_file():
    """A path that SQLite would keep in memory is refused."""
    for path in (":memory:", ""):
        with pytest.raises(CallerError, match="use MemoryLog"):
            SqliteLog(path)


async def test_an_unknown_synchronous_is_refused(path: Path):
    """`synchronous` is one of SQLite's words."""
    with pytest.raises(CallerError, match="OFF, NORMAL, FULL, EXTRA"):
        SqliteLog(path, synchronous="full; DROP TABLE runs")  # type: ignore[arg-type]  # that is the claim


@pytest.mark.parametrize("word", ["FULL", "NORMAL"])
async def test_synchronous_is_passed_on(word: log_sqlite.Synchronous, path: Path):
    """The connection that writes syncs as it was told."""
    db = log_sqlite_file.connect(log_sqlite_file.Place(str(path), word, 1))
    with contextlib.closing(db):
        assert db.execute("PRAGMA synchronous").fetchone() == ({"FULL": 2, "NORMAL": 1}[word],)
        assert db.execute("PRAGMA journal_mode").fetchone() == (b"wal",)


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
        with pytest.raises(CorruptJournal, match=r"schema 99, this one knows 1\): upgrade"):
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


async def test_an_unused_log_leaves_nothing(path: Path):
    """A log that was never used makes no file and starts no thread."""
    before = threading.active_count()
    async with SqliteLog(path):
        assert threading.active_count() == before
    assert not path.exists()


async def test_closing_ends_the_threads(path: Path):
    """After `close` no thread of the log is left."""
    before = set(threading.enumerate())
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(1))
        await read(log, "r")
        assert any("sqlite" in thread.name for thread in set(threading.enumerate()) - before)
    assert not [thread for thread in set(threading.enumerate()) - before if "sqlite" in thread.name]


async def test_closing_writes_what_waits(path: Path):
    """What was asked before `close` is written, though nobody has waited for it yet."""
    log = SqliteLog(path)
    facts = some_run(50)
    appends = [asyncio.ensure_future(log.append("r", fact.seq, [fact])) for fact in facts]
    await asyncio.sleep(0)
    await log.close()
    await asyncio.gather(*appends)
    async with SqliteLog(path) as again:
        assert await read(again, "r") == facts


def test_a_program_that_forgets_to_close_ends(path: Path):
    """A log that is never closed does not keep its program alive."""
    program = (
        "import asyncio, sys\n"
        "from journeyman.adapters.log_sqlite import SqliteLog\n"
        "from journeyman.testing.log_probes import some_run, read\n"
        "log = SqliteLog(sys.argv[1])\n"
        "async def main():\n"
        "    await log.append('r', 0, some_run(3))\n"
        "    print(len(await read(log, 'r')))\n"
        "asyncio.run(main())\n"
    )
    assert asyncio.run(python(program, path)) == (0, "3\n")


# Several writers


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


FORKED = """
import asyncio, os, sys
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.testing.log_probes import read, some_run
log = SqliteLog(sys.argv[1])
facts = some_run(6)
async def step(first, last):
    if first < last:
        await log.append("r", first, facts[first:last])
    return len(await read(log, "r"))
assert asyncio.run(step(0, 2)) == 2
child = os.fork()
if not child:
    assert asyncio.run(step(2, 4)) == 4
    asyncio.run(log.close())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(step(4, 6)) == 6
child = os.fork()
if not child:
    asyncio.run(log.close())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(step(6, 6)) == 6
asyncio.run(log.close())
print("whole")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
async def test_a_fork_may_use_the_log(path: Path):
    """After a fork parent and child both append to the same log, and closing it in the child does not hurt the parent."""
    assert await python(FORKED, path) == (0, "whole\n")
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


# Trouble


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


async def test_a_file_that_is_locked_while_it_is_opened_is_told(path: Path):
    """Opening a new file that somebody else keeps locked ends after the timeout, with an error."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with SqliteLog(path, busy_timeout=0.05) as log:
            with pytest.raises(JourneymanError, match="locked for longer than busy_timeout"):
                await log.append("r", 0, some_run(1))
            other.execute("ROLLBACK")
            await log.append("r", 0, some_run(1))


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


# Following


async def test_another_process_is_heard(path: Path):
    """A follower hears what another process appends, to the end of the run."""
    program = (
        "import asyncio, sys\n"
        "from journeyman.adapters.log_sqlite import SqliteLog\n"
        "from journeyman.testing.log_probes import finished, some_run\n"
        "async def main():\n"
        "    async with SqliteLog(sys.argv[1]) as log:\n"
        "        await log.append('r', 2, [*some_run(5)[2:], finished(5)])\n"
        "asyncio.run(main())\n"
    )
    async with SqliteLog(path, poll=0.01) as log:
        await log.append("r", 0, some_run(2))
        async with listening(log, "r") as heard:
            await heard.next()
            assert (await python(program, path))[0] == 0
            assert await heard.rest() == [*some_run(5)[1:], finished(5)]


async def test_a_reader_that_never_wrote_hears_another_log(path: Path):
    """A log that only follows hears another one's appends and deletions."""
    async with SqliteLog(path) as other, SqliteLog(path, poll=0.01) as log:
        await other.append("r", 0, some_run(1))
        async with listening(log, "r") as heard:
            await heard.next()
            await other.append("r", 1, some_run(2)[1:])
            assert await heard.next() == some_run(2)[1]
            await other.delete("r")
            with pytest.raises(CallerError, match="no run 'r'"):
                await heard.rest()


async def test_a_follower_meets_the_trouble_that_looking_met(path: Path):
    """When the file cannot be looked at any more, a follower is told instead of waiting for ever."""
    async with SqliteLog(path, poll=0.01) as log:
        await log.append("r", 0, some_run(1))
        async with listening(log, "r") as heard:
            await heard.next()
            opened = log._use()
            await asyncio.get_running_loop().run_in_executor(opened._reader, opened._close_reader)
            path.rename(path.with_name("elsewhere"))
            path.mkdir()
            with pytest.raises(JourneymanError, match="closed database"):
                await meddle(log, lambda db: db.close())
            with pytest.raises(JourneymanError, match="closed database"):
                await heard.rest()


async def test_followers_do_not_leak(log: SqliteLog):
    """A follower that breaks off, is cancelled or is forgotten is not remembered."""
    await log.append("r", 0, some_run(2))
    async with listening(log, "r") as heard:
        await heard.next()
    async for _ in log.watch("r"):
        break
    gc.collect()
    waiting = log._use().writer.followers.waiting
    for _ in range(10):
        await asyncio.sleep(0)
    assert waiting == {}
    await log.append("r", 2, [finished(2)])
    assert len(await follow(log, "r")) == 3
    assert waiting == {}


async def test_reading_takes_pages(log: SqliteLog):
    """A run is read in pages of so many facts or bytes, none of which is the whole run."""
    await log.append("r", 0, some_run(1000))
    large = ModelResponse(Message.assistant("x" * 600_000))
    await log.append("s", 0, [*some_run(1), *(ModelResponded(seq=seq, response=large) for seq in range(1, 9))])
    sizes: dict[str, list[int]] = {"r": [], "s": []}
    for run, pages in sizes.items():
        after, more = -1, True
        while more:
            facts, more, _ = await log._parts(run)(after)
            pages.append(len(facts))
            after = facts[-1].seq
    assert sizes == {"r": [256, 256, 256, 232], "s": [3, 2, 2, 2]}


async def test_a_run_that_is_deleted_while_it_is_read_is_told(log: SqliteLog):
    """A reader between two pages of a run that is deleted hears of it; it does not take the run for shorter."""
    await log.append("r", 0, some_run(1000))
    reader = log.read("r")
    await anext(reader)
    await log.delete("r")
    with pytest.raises(CallerError, match="no run 'r'"):
        async for _ in reader:
            pass


async def test_reading_does_not_stop_writing(log: SqliteLog, path: Path):
    """A reader in the middle of a long run holds nothing that a writer needs."""
    await log.append("r", 0, some_run(1000))
    reader = log.read("r")
    await anext(reader)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    await log.append("r", 1000, [finished(1000)])
    await reader.aclose()
