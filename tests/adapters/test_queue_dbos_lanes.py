"""How much of a queue may be at work, and how fast it starts: priorities, lanes, rates and delays on DBOS."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from journeyman.adapters.queue_dbos import DbosEngine
from journeyman.queues import Job, Lanes, Placement, Rate

from .postgres_probes import address, server
from .queue_probes import Hands, table_of, worker_with

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
        journal = address(request.getfixturevalue("running"), f"lanes_{next(_numbers)}")
    engine = DbosEngine(journal, "runs")
    yield engine
    await engine.close()


async def test_jobs_are_carried_out_by_their_priority(engine: DbosEngine):
    """A worker takes what waits by its priority, however it came in, and a run that has begun before one that has not."""
    for number in (3, 1, 2):
        await engine.put(Job(run=f"run-{number}", agent="clerk", placement=Placement(priority=number)))
    await engine.put(Job(run="run-1", agent="clerk", facts=5, placement=Placement(priority=1)))
    hands = Hands(4)
    bench = engine.bench(Lanes(per_worker=1), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(1)
    assert hands.jobs == ["run-1:5:0", "run-1:0:0", "run-2:0:0", "run-3:0:0"]
    assert hands.most_at_once == 1
    (entry,) = await engine.entries("run-2")
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


@pytest.mark.parametrize(
    "lanes", [Lanes(rate=Rate(2, 3600.0)), Lanes(tenant_rate=Rate(1, 3600.0))], ids=["all", "tenant"]
)
async def test_a_rate_holds(engine: DbosEngine, lanes: Lanes):
    """No more jobs start within an hour than the rate says, of all or of each tenant, however often a worker looks.

    Once the hour since the first ones is over, as many more start; until then the others wait.
    """
    for number in range(2):
        for tenant in ("ada", "bob"):
            await engine.put(Job(run=f"run-{tenant}-{number}", agent="clerk", placement=Placement(tenant=tenant)))
    hands = Hands(2)
    bench = engine.bench(lanes, lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await _looks(bench, 4)
    assert len(hands.done) == 2
    if lanes.tenant_rate is not None:
        assert {run[4:7] for run in hands.done} == {"ada", "bob"}
    await asyncio.to_thread(_an_hour_passes, engine)
    await hands.done_of(4)
    await bench.close(0)
    assert len(set(hands.done)) == 4


async def test_all_workers_together_have_a_bound(engine: DbosEngine):
    """What other workers have at work counts, too: of two at once everywhere this worker gets one, though it has room."""
    for number in range(3):
        await engine.put(Job(run=f"run-{number}", agent="clerk"))
    living = await worker_with(engine, "living", "run-0")
    hands = Hands(2)
    hands.gate = asyncio.Event()
    bench = engine.bench(Lanes(per_worker=2, everywhere=2), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.full.wait()
    await _looks(bench, 4)
    assert hands.at_once == 1
    hands.gate.set()
    await hands.all_done.wait()
    await bench.close(0)
    await asyncio.to_thread(living.close)
    assert hands.most_at_once == 1


async def test_a_delayed_job_starts_in_time(engine: DbosEngine):
    """A job with a delay is carried out by itself once its time has come, and not before jobs that may start at once."""
    await engine.put(Job(run="later", agent="clerk", placement=Placement(priority=0)), delay=0.3)
    await engine.put(Job(run="now", agent="clerk"))
    hands = Hands(2)
    bench = engine.bench(Lanes(per_worker=1), lease=3.0)
    await bench.open(hands.carry_out, hands.stop)
    await hands.all_done.wait()
    await bench.close(0)
    assert hands.done == ["now", "later"]


async def _looks(bench: Any, number: int) -> None:
    """Return when the bench has looked at its queue so many times more; each time it first reads what bounds there are."""
    loop, seen = asyncio.get_running_loop(), asyncio.Event()
    looks = itertools.count(1)

    def look(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if re.search(r"FROM \S*queues", statement) and next(looks) == number:
            loop.call_soon_threadsafe(seen.set)

    event.listen(bench._database, "before_cursor_execute", look)
    await seen.wait()
    event.remove(bench._database, "before_cursor_execute", look)


def _an_hour_passes(engine: DbosEngine) -> None:
    with engine._database.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {table_of(engine)} SET started_at_epoch_ms = started_at_epoch_ms - 3601000"  # noqa: S608
        )


async def test_the_closer_bound_holds(engine: DbosEngine):
    """Who bounds what is at work everywhere need not bound each worker and each tenant as well."""
    await engine.register(Lanes(everywhere=3, per_tenant=5), poll=0.2)
    queue = await engine._ask(lambda client: client.retrieve_queue("runs"))
    assert queue is not None
    assert (queue._worker_concurrency, queue._concurrency, queue._partition_concurrency) == (3, 3, 3)


async def test_the_lanes_are_the_queues(engine: DbosEngine):
    """Each bound reaches the engine as what it bounds.

    In a file DBOS notes of a start only its second, so that of a time that is counted from there up to one is missing.
    """
    lanes = Lanes(per_worker=2, everywhere=7, per_tenant=3, rate=Rate(11, 60.0), tenant_rate=Rate(5, 30.0))
    await engine.register(lanes, poll=0.2)
    queue = await engine._ask(lambda client: client.retrieve_queue("runs"))
    assert queue is not None
    assert (queue._worker_concurrency, queue._concurrency, queue._partition_concurrency) == (2, 7, 3)
    blur = 1.0 if engine.place.schema is None else 0.0
    assert queue._limiter == {"limit": 11, "period": 60.0 + blur}
    assert queue._partition_limiter == {"limit": 5, "period": 30.0 + blur}
