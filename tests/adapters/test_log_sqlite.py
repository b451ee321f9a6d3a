# ruff: noqa: ASYNC240  (small files of the test itself)
"""A log in SQLite does what every log must, in one process or several, and leaves nothing behind."""

import asyncio
import contextlib
import gc
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from journeyman.adapters import log_opening, log_sqlite, log_sqlite_writer
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import CallerError, JourneymanError, Message, ModelResponse
from journeyman.journal import ModelResponded, RunQuery
from journeyman.testing.log_kit import DAMAGE_CHECKS, LOG_CHECKS, DamageCheck, LogCheck
from journeyman.testing.log_kit_shared import SHARED_CHECKS, SharedCheck
from journeyman.testing.log_probes import finished, follow, listening, names, read, some_run, started

from .sqlite_probes import meddle, python, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def log(path: Path) -> AsyncGenerator[SqliteLog]:
    async with SqliteLog(path) as log:
        yield log


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck, log: SqliteLog):
    """A log in SQLite passes each check of the kit."""
    await check(log)


@pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
async def test_shares(check: SharedCheck, log: SqliteLog, path: Path):
    """Two logs in one file pass each check of the kit for that."""
    async with SqliteLog(path) as other:
        await check(log, other)


@pytest.mark.parametrize("check", DAMAGE_CHECKS, ids=lambda check: check.__name__)
async def test_finds_damage(check: DamageCheck, log: SqliteLog, path: Path):
    """A log in SQLite finds the damages of the kit."""

    async def rewrite(run: str, seq: int, damage: Callable[[bytes], bytes]) -> None:
        [(line, number)] = rows(
            path,
            "SELECT fact, (number << 32) + seq FROM facts JOIN runs USING (run) WHERE run = ? AND seq = ?",
            run,
            seq,
        )
        rows(path, "UPDATE lines SET fact = ? WHERE id = ?", damage(line.encode()).decode("utf-8", "replace"), number)

    await check(log, rewrite)


async def test_a_run_outlives_its_log(path: Path):
    """What was appended is read after the log was closed and opened again, and the run goes on."""
    facts = some_run(6)
    async with SqliteLog(path) as log:
        await log.append("r", 0, facts[:4])
    async with SqliteLog(str(path)) as log:
        await log.append("r", 4, facts[4:])
        assert await read(log, "r") == facts
    assert [file.name for file in path.parent.iterdir()] == ["runs.db"]


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


async def test_a_cursor_outlives_its_run(log: SqliteLog):
    """When the last run of a page is deleted, the next page begins after its moment, and misses no run of that moment."""
    for number in range(6):
        await log.append(f"r{number}", 0, [started(at=100 + number // 3)])
    page = await log.runs(RunQuery(limit=2))
    assert [row.run for row in page.rows] == ["r5", "r4"]
    assert page.next == "101:r4"
    await log.delete("r4")
    assert await names(log, RunQuery(before=page.next)) == ["r5", "r3", "r2", "r1", "r0"]


async def test_half_a_character_names_no_run(log: SqliteLog):
    """A name that cannot be stored is one that nothing has: no run is read, deleted or listed, and none is found by it."""
    await log.append("r", 0, some_run(2))
    for attempt in (read(log, "\ud800"), log.delete("\ud800"), log.append("\ud800", 0, some_run(1))):
        with pytest.raises(CallerError):
            await attempt
    await log.append("\ud800", 0, [])
    for query in (RunQuery(agent="\ud800"), RunQuery(tag="\ud800"), RunQuery(conversation="\ud800")):
        assert await names(log, query) == []
    assert await names(log, RunQuery(before="2:\ud800")) == ["r"]


async def test_no_cursor_is_too_large(log: SqliteLog):
    """Reading after a number that no fact can have finds nothing, however large it is."""
    await log.append("r", 0, some_run(2))
    for after in (1, 1 << 32, 1 << 63, 1 << 70):
        assert await read(log, "r", after) == []


async def test_memory_is_no_file():
    """A path that SQLite would keep in memory is refused."""
    for path in (":memory:", ""):
        with pytest.raises(CallerError, match="use MemoryLog"):
            SqliteLog(path)


async def test_an_unknown_synchronous_is_refused(path: Path):
    """`synchronous` is one of SQLite's words."""
    with pytest.raises(CallerError, match="OFF, NORMAL, FULL, EXTRA"):
        SqliteLog(path, synchronous="full; DROP TABLE runs")  # type: ignore[arg-type]  # that is the claim


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


async def test_who_comes_while_it_closes_is_told(path: Path):
    """Whoever got hold of the threads just before `close` is told, and does not wait for them for ever."""
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(1))
        opened = log._use()
    with pytest.raises(CallerError, match="is closed"):
        await opened.writer.carry_out(log_sqlite_writer.Delete("r"))
    with pytest.raises(CallerError, match="is closed"):
        await opened.ask(lambda _: None)


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


async def test_the_parents_connections_are_left_alone(log: SqliteLog):
    """A log that finds itself in another process opens the file anew and keeps what was opened from being touched."""
    await log.append("r", 0, some_run(1))
    parents = log._use()
    parents.pid = -1
    await log.append("r", 1, some_run(2)[1:])
    assert log._use() is not parents
    assert parents in log_opening._abandoned
    log_opening._abandoned.remove(parents)
    await asyncio.to_thread(parents.close)


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
