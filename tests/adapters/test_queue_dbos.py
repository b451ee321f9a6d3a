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

import pytest
from msgspec.structs import replace

from journeyman.adapters.queue_dbos import DbosEngine, decode_job
from journeyman.adapters.queue_dbos_database import explained, place_of, put_to
from journeyman.adapters.queue_dbos_lease import Lease
from journeyman.data import CallerError, CorruptJournal, JourneymanError
from journeyman.queues import Job, Lanes, Lost, Placement, Rate, Timetable
from journeyman.testing.queue_kit import ENGINE_CHECKS, EngineCheck

from .postgres_probes import PASSWORD, address, server

_numbers = itertools.count()

JOB = Job(run="run-1", agent="clerk")


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


class Hands:
    """Carries out jobs and tells the test of each."""

    def __init__(self, most: int, at_gate: int = 1) -> None:
        self._at_gate = at_gate
        self.done: list[str] = []
        self.jobs: list[str] = []
        self.stopped: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self._most = most
        self.all_done = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.full = asyncio.Event()

    async def carry_out(self, job: Job) -> str:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        if self.at_once == self._at_gate:
            self.full.set()
        if self.gate is not None:
            await self.gate.wait()
        self.at_once -= 1
        self.done.append(job.run)
        self.jobs.append(job.id)
        if len(self.done) >= self._most:
            self.all_done.set()
        return "done"

    def stop(self, run: str) -> None:
        self.stopped.append(run)
        if self.gate is not None:
            self.gate.set()


async def test_jobs_are_carried_out_by_their_priority(local: DbosEngine):
    """A worker takes what waits by its priority, however it came in, and a run that has begun before one that has not."""
    for number in (3, 1, 2):
        await local.put(Job(run=f"run-{number}", agent="clerk", placement=Placement(priority=number)))
    await local.put(Job(run="run-1", agent="clerk", facts=5, placement=Placement(priority=1)))
    hands = Hands(4)
    bench = local.bench(Lanes(per_worker=1), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(1)
    assert hands.jobs == ["run-1:5:0", "run-1:0:0", "run-2:0:0", "run-3:0:0"]
    assert hands.most_at_once == 1
    (entry,) = await local.entries("run-2")
    assert (entry.state, entry.worker) == ("done", bench.name)


async def test_a_tenant_has_a_lane(engine: DbosEngine):
    """Of one tenant no more are at work than the lanes say, while others pass; jobs without a tenant have a lane, too."""
    for tenant in ("ada", "bob", ""):
        for number in range(2):
            await engine.put(Job(run=f"run-{tenant}-{number}", agent="clerk", placement=Placement(tenant=tenant)))
    hands = Hands(6, at_gate=3)
    hands.gate = asyncio.Event()
    bench = engine.bench(Lanes(per_tenant=1, tenant_rate=Rate(100, 1.0)), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.full.wait()
    hands.gate.set()
    await hands.all_done.wait()
    await bench.close(0)
    assert hands.most_at_once == 3


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


async def test_the_lanes_are_the_queues(local: DbosEngine):
    """Each bound reaches the engine as what it bounds."""
    lanes = Lanes(per_worker=2, everywhere=7, per_tenant=3, rate=Rate(11, 60.0), tenant_rate=Rate(5, 30.0))
    await local.register(lanes, poll=0.2)
    queue = await local._ask(lambda client: client.retrieve_queue("runs"))
    assert queue is not None
    assert (queue._worker_concurrency, queue._concurrency, queue._partition_concurrency) == (2, 7, 3)
    assert (queue._limiter, queue._partition_limiter) == ({"limit": 11, "period": 60.0}, {"limit": 5, "period": 30.0})


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
    living = await _worker_with(engine, "living", "run-2")
    await asyncio.to_thread(_claim, engine, "dead", "run-1")
    dead = Lease(engine.place, "dead", 60.0)
    await asyncio.to_thread(dead.open)
    await asyncio.to_thread(dead.close)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(0)
    await asyncio.to_thread(living.close)
    assert hands.done == ["run-1"]


async def _worker_with(engine: DbosEngine, name: str, run: str) -> Lease:
    lease = Lease(engine.place, name, 60.0)
    await asyncio.to_thread(lease.open)
    await asyncio.to_thread(_claim, engine, name, run)
    return lease


def _claim(engine: DbosEngine, worker: str, run: str) -> None:
    table = "workflow_status" if engine.place.schema is None else f'"{engine.place.schema}".workflow_status'
    with engine._database.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {table} SET status = 'PENDING', executor_id = '{worker}' WHERE workflow_uuid = '{run}:0:0'"  # noqa: S608
        )


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
