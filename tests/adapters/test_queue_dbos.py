"""Queues on DBOS: in a file for one machine, in PostgreSQL for many."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from journeyman.adapters.queue_dbos import DbosEngine, decode_job
from journeyman.adapters.queue_dbos_database import explained, place_of, put_to
from journeyman.adapters.queue_dbos_lease import Lease
from journeyman.data import CallerError, CorruptJournal, JourneymanError
from journeyman.queues import Job, Lanes, Lost, Placement, Timetable
from journeyman.testing.queue_kit import ENGINE_CHECKS, EngineCheck

from .postgres_probes import PASSWORD, address, server
from .queue_probes import JOB, Hands, claim, worker_with

_numbers = itertools.count()


@pytest.fixture(scope="module")
def running() -> Generator[Any]:
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[DbosEngine]:
    if request.param == "sqlite":
        journal = f"sqlite:///{tmp_path}/runs.db"
    else:
        journal = address(request.getfixturevalue("running"), f"queue_{next(_numbers)}")
    engine = DbosEngine(journal, "runs")
    yield engine
    await engine.close()


@pytest.fixture
async def local(tmp_path: Path) -> AsyncGenerator[DbosEngine]:
    """What does not differ between databases is tested with a file, which is quicker."""
    engine = DbosEngine(f"sqlite:///{tmp_path}/runs.db", "runs")
    yield engine
    await engine.close()


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: EngineCheck, engine: DbosEngine):
    """A queue passes each check of the kit, in a file and in PostgreSQL."""
    await check(engine)


async def test_a_job_that_is_withdrawn_at_work_is_told(local: DbosEngine):
    """Whoever carries a job out hears that it was withdrawn."""
    await local.put(JOB)
    hands = Hands(1)
    hands.gate = asyncio.Event()
    bench = local.bench(Lanes(), lease=0.3)
    await bench.open(hands.carry_out, hands.stop)
    await hands.full.wait()
    (entry,) = await local.withdraw("run-1")
    await hands.all_done.wait()
    await bench.close(0)
    assert entry.state == "working"
    assert hands.stopped == ["run-1"]


async def test_a_job_that_fails_says_why(local: DbosEngine):
    """What a job raised is in its entry."""
    failed = asyncio.Event()

    async def carry_out(job: Job) -> str:
        failed.set()
        raise CallerError("this cannot be done")

    await local.put(JOB)
    bench = local.bench(Lanes(), lease=3.0)
    await bench.open(carry_out, Hands(1).stop)
    await failed.wait()
    await bench.close(1)
    (entry,) = await local.entries("run-1")
    assert (entry.state, entry.error) == ("failed", "this cannot be done")


async def test_a_timetable_makes_runs(local: DbosEngine):
    """Each time of a timetable is a run of its own, in its tenant's lane; whichever worker's clock strikes, in its queue."""
    mine = local.name
    local.name = "other"
    await local.schedule("tick", Timetable(name="tick", cron="* * * * * *", job=JOB))
    local.name = mine
    job = replace(JOB, agent="mine", placement=Placement(tenant="ada"))
    await local.schedule("tock", Timetable(name="tock", cron="* * * * * *", job=job))
    hands = Hands(2)
    bench = local.bench(Lanes(per_tenant=1), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(0)
    assert len(set(hands.done)) == len(hands.done)
    assert {(entry.job.agent, entry.job.placement.tenant) for entry in await local.entries()} == {("mine", "ada")}
    local.name = "other"
    assert {(entry.job.agent, entry.state) for entry in await local.entries()} == {("clerk", "queued")}


async def test_there_is_one_worker_in_a_process(local: DbosEngine):
    """A second worker in the same process is refused, and the first one works on."""
    hands = Hands(1)
    bench = local.bench(Lanes(), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    refused = local.bench(Lanes(), lease=3.0)
    with pytest.raises(CallerError, match="another process"):
        await refused.open(hands.carry_out, hands.stop)
    await refused.close(0)
    await local.put(JOB)
    await hands.all_done.wait()
    await bench.close(0)


async def test_what_is_done_is_forgotten_in_time(local: DbosEngine):
    """Jobs that are done are forgotten after a while, and only those; their keys still name their runs."""
    await local.put(JOB)
    await local.put(replace(JOB, run="run-2"), delay=60.0)
    hands = Hands(1)
    bench = local.bench(Lanes(), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(1)
    assert await local.forget(time.time() - 60) == 0
    assert await local.forget(time.time() + 60) == 1
    assert [entry.job.run for entry in await local.entries()] == ["run-2"]


async def test_a_worker_takes_over_from_a_dead_one(engine: DbosEngine):
    """Jobs of a worker whose lease is over are carried out by one that lives; those of a living one are not."""
    await engine.put(JOB)
    await engine.put(replace(JOB, run="run-2"))
    hands = Hands(1)
    bench = engine.bench(Lanes(per_worker=1), lease=0.3)
    # As two workers would leave it that took a job each, and of which the one lives on.
    living = await worker_with(engine, "living", "run-2")
    await asyncio.to_thread(claim, engine, "dead", "run-1")
    dead = Lease(engine.place, "dead", 60.0)
    await asyncio.to_thread(dead.open)
    await asyncio.to_thread(dead.close)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(0)
    await asyncio.to_thread(living.close)
    assert hands.done == ["run-1"]


async def test_a_lease_that_was_declared_lost_is_over(engine: DbosEngine):
    """A worker that was taken for dead learns it before it writes anything; what it begins after that is its own."""
    await engine.entries()
    sleeper, other = Lease(engine.place, "sleeper", 60.0), Lease(engine.place, "other", 60.0)
    await asyncio.to_thread(sleeper.open)
    await asyncio.to_thread(other.open)
    claim = sleeper.claim()
    await sleeper.hold(claim)
    # What sixty seconds of silence come to, in the database and in the sleeper's own clock.
    await asyncio.to_thread(sleeper._carried_out, sleeper._update("sleeper").values(until=1.0))
    sleeper._until = 0.0
    other._since = 0.0
    recovered: list[str] = []
    await asyncio.to_thread(other.take_over, recovered.append)
    held = asyncio.create_task(sleeper.hold(claim))
    await asyncio.to_thread(sleeper._beat)
    with pytest.raises(Lost, match="longer than its lease"):
        await held
    await sleeper.hold(sleeper.claim())
    assert recovered == ["sleeper"]
    for lease in (sleeper, other):
        await asyncio.to_thread(lease.close)


async def test_a_silence_that_nobody_noticed_is_forgiven(engine: DbosEngine):
    """A worker that was away, as all are while the database is, goes on when nobody took its jobs."""
    await engine.entries()
    sleeper, other = Lease(engine.place, "sleeper", 60.0), Lease(engine.place, "other", 60.0)
    await asyncio.to_thread(sleeper.open)
    await asyncio.to_thread(other.open)
    await asyncio.to_thread(sleeper._carried_out, sleeper._update("sleeper").values(until=1.0))
    sleeper._until = 0.0
    recovered: list[str] = []
    # The other one has only just come back as well, and so it cannot tell.
    await asyncio.to_thread(other.take_over, recovered.append)
    held = asyncio.create_task(sleeper.hold(sleeper.claim()))
    await asyncio.to_thread(sleeper._beat)
    await held
    assert not recovered
    for lease in (sleeper, other):
        await asyncio.to_thread(lease.close)


def test_workers_may_begin_at_once(running: Any):
    """The tables are made once, however many make them at the same time."""
    place = place_of(address(running, f"queue_{next(_numbers)}"))
    failures: list[BaseException] = []

    def begin(name: str) -> None:
        async def work() -> None:
            engine = DbosEngine(address(running, place.schema.removesuffix("_jobs")), "runs")
            await engine.put(replace(JOB, run=name))
            lease = Lease(engine.place, name, 60.0)
            await asyncio.to_thread(lease.open)
            await asyncio.to_thread(lease.close)
            await engine.close()

        try:
            asyncio.run(work())
        except Exception as error:  # noqa: BLE001  (whatever it is, the test tells it)
            failures.append(error)

    threads = [threading.Thread(target=begin, args=(f"worker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


async def test_tables_in_the_making_are_waited_for(running: Any):
    """Whoever comes while another one makes the tables, in many steps, waits until they are all there."""
    schema = f"queue_{next(_numbers)}"
    with psycopg.connect(running.get_uri(), autocommit=True) as maker:
        # As DBOS does it: under this lock, and its first table long before its last one.
        maker.execute("SELECT pg_advisory_lock(1234567890)")
        maker.execute(f'CREATE SCHEMA "{schema}_jobs"')
        maker.execute(f'CREATE TABLE "{schema}_jobs".workflow_status ()')
        engine = DbosEngine(address(running, schema), "runs")
        put = asyncio.create_task(engine.put(JOB))
        asks = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock%'"
        while not put.done() and maker.execute(asks).fetchone() == (0,):  # noqa: ASYNC110  (the server tells nobody)
            await asyncio.sleep(0)
        maker.execute(f'DROP TABLE "{schema}_jobs".workflow_status')
        maker.execute("SELECT pg_advisory_unlock(1234567890)")
        await put
    assert [entry.state for entry in await engine.entries()] == ["queued"]
    await engine.close()


async def test_the_file_has_a_write_ahead_log(tmp_path: Path):
    """Whoever looks at the queue need not wait for whoever writes to it."""
    engine = DbosEngine(f"sqlite:///{tmp_path}/runs.db", "runs")
    await engine.put(JOB)
    with sqlite3.connect(tmp_path / "runs.db.jobs") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    await engine.close()


def test_nothing_shows_the_password(running: Any):
    """Neither what is shown of a place nor an error holds the password."""
    place = place_of(f"postgresql://me:{PASSWORD}@localhost:1/db?schema=x")
    assert PASSWORD not in f"{place!r} {place.shown}"
    assert place.shown == "postgresql://localhost/db (x_jobs)"
    broken = explained(OSError(f"cannot log in with {PASSWORD}"), place)
    assert PASSWORD not in str(broken)


@pytest.mark.parametrize("journal", ["memory:", "file:///there", "s3://bucket", "sqlite://x", "nonsense"])
def test_other_journals_have_no_queue(journal: str):
    """A journal that workers cannot share is refused, with those that they can."""
    with pytest.raises(CallerError, match=r"sqlite:///runs\.db"):
        place_of(journal)


def test_a_schema_with_too_long_a_name_is_refused():
    """PostgreSQL would cut the name short, and two journals might have one queue."""
    with pytest.raises(CallerError, match="too long"):
        place_of(f"postgresql://localhost/db?schema={'x' * 60}")


async def test_a_server_that_is_not_there_is_an_error_of_ours():
    """Where nobody answers, patience has an end."""
    place = place_of("postgresql://me@localhost:1/db?connect_timeout=1")._replace(patience=0.0)

    def ask() -> None:
        raise AssertionError("nobody is there")

    with pytest.raises(AssertionError):
        put_to(place, ask)
    engine = DbosEngine("postgresql://me@localhost:1/db", "runs")
    engine.place = place
    with pytest.raises(JourneymanError, match="could not be asked"):
        await engine.put(JOB)
    await engine.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": "", "agent": "a"}', "[" * 100_000, '{"run": 1}'])
def test_what_is_no_job_is_refused(text: str):
    """A row that somebody else wrote is an error of ours, not one of the parser's."""
    with pytest.raises(CorruptJournal, match="job"):
        decode_job(text)
