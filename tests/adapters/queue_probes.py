"""Workers as the tests of queues need them: one that tells what it was given, and others that only seem to be there."""

from __future__ import annotations

import asyncio

from journeyman.adapters.queue_dbos import DbosEngine
from journeyman.adapters.queue_dbos_lease import Lease
from journeyman.queues import Job

JOB = Job(run="run-1", agent="clerk")


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

    async def done_of(self, number: int) -> None:
        self._most = number
        self.all_done.clear()
        if len(self.done) < number:
            await self.all_done.wait()

    def stop(self, run: str) -> None:
        self.stopped.append(run)
        if self.gate is not None:
            self.gate.set()


async def worker_with(engine: DbosEngine, name: str, run: str) -> Lease:
    lease = Lease(engine.place, name, 60.0)
    await asyncio.to_thread(lease.open)
    await asyncio.to_thread(claim, engine, name, run)
    return lease


def claim(engine: DbosEngine, worker: str, run: str) -> None:
    with engine._database.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE {table_of(engine)} SET status = 'PENDING', executor_id = '{worker}' WHERE workflow_uuid = '{run}:0:0'"  # noqa: S608
        )


def table_of(engine: DbosEngine) -> str:
    return "workflow_status" if engine.place.schema is None else f'"{engine.place.schema}".workflow_status'
