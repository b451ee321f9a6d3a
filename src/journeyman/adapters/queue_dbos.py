"""`Engine` on DBOS: jobs in a database, beside the journal that they are about.

DBOS was chosen because it is a library over a database that is there anyway, not a server. A job is one of its workflows without
steps: everything that is worth keeping of its progress is in the journal. What was learned from its 3.4 and stands in this
code: it does not recover the jobs of a worker that died (so there are leases), it strands jobs when the application's
version changes (so the version is that of our jobs), it pickles by default (so it is told not to), and it opens SQLite without
a write-ahead log (so it gets an engine of ours).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ..data import CallerError, CorruptJournal
from ..queues import Entry, EntryState, Job, Lanes, Rate, Timetable, Workbench
from .queue_dbos_database import Place, migrate, open_database, place_of, put_to

# After ours, which says what to install where it is missing.
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus  # isort: skip

T = TypeVar("T")

APPLICATION = "journeyman"

VERSION = "journeyman-jobs-1"
"""The version of `Job`: workers of one version take no jobs of another."""

TIMETABLE = "journeyman.timetable"
NOBODY = "-"
"""The lane of jobs without a tenant: DBOS leaves jobs without a lane alone where there are lanes."""

CONNECTIONS = 4

FORGOTTEN = 5000
"""How many jobs are forgotten at a time."""

STATES: dict[str, EntryState] = {
    "DELAYED": "delayed",
    "ENQUEUED": "queued",
    "PENDING": "working",
    "SUCCESS": "done",
    "ERROR": "failed",
    "CANCELLED": "cancelled",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "dead",
}

encode_job = msgspec.json.Encoder().encode
_decode_job = msgspec.json.Decoder(Job).decode

# Without a handler it would make one of its own, and write to standard error whatever the program's logging says.
logging.getLogger("dbos").addHandler(logging.NullHandler())


def run_name(queue: str) -> str:
    """What DBOS calls the jobs of a queue; the queue itself it forgets of those that are cancelled."""
    return f"journeyman.run/{queue}"


class Times(msgspec.Struct, frozen=True):
    """A timetable and its queue: whichever worker's clock strikes first puts the job in, and that may be another queue's."""

    queue: str
    table: Timetable


def decode_job(text: str) -> Job:
    """A job as it was kept; raises `CorruptJournal`."""
    try:
        return _decode_job(text)
    except (msgspec.MsgspecError, CallerError, RecursionError, TypeError) as error:
        raise CorruptJournal(f"a job in the queue cannot be read: {error}") from error


class DbosEngine:
    """The queue `name` beside the journal at an address; it connects when it is first used, and is closed by its opener."""

    def __init__(self, journal: str, name: str) -> None:
        self.place: Place = place_of(journal)
        self.name = name
        self._database = open_database(self.place, CONNECTIONS)
        self._client: DBOSClient | None = None
        self._opening = asyncio.Lock()

    async def put(self, job: Job, delay: float = 0.0) -> None:
        """Keep a job, or find the one that is there under its id."""
        await self.put_into(self.name, job, delay)

    async def put_into(self, queue: str, job: Job, delay: float = 0.0) -> None:
        """The same, into another queue of this database."""
        options: EnqueueOptions = {
            "workflow_name": run_name(queue),
            "queue_name": queue,
            "workflow_id": job.id,
            "app_version": VERSION,
            # Of two with the same priority the run that has begun goes first: what is begun is to be finished.
            "priority": 2 * job.placement.priority + (job.facts == 0),
            "queue_partition_key": job.placement.tenant or NOBODY,
        }
        if delay > 0:
            options["delay_seconds"] = delay
        await self._ask(lambda client: _enqueue(client, options, job))

    async def entries(self, run: str | None = None, limit: int = 50) -> Sequence[Entry]:
        """The newest jobs first."""
        prefix = None if run is None else f"{run}:"
        rows = await self._ask(
            lambda client: client.list_workflows(
                name=run_name(self.name), workflow_id_prefix=prefix, limit=limit, sort_desc=True
            )
        )
        return [entry_of(row) for row in rows]

    async def withdraw(self, run: str) -> Sequence[Entry]:
        """Take out what is not done; the worker of a job that is under way hears of it within a second."""
        found = [item for item in await self.entries(run) if item.state in ("delayed", "queued", "working")]
        if found:
            await self._ask(lambda client: client.cancel_workflows([item.job.id for item in found]))
        return found

    async def schedule(self, name: str, timetable: Timetable | None) -> bool:
        """Put a timetable in the place of one with its name; with None say whether there was one to take away."""
        full = f"{self.name}/{name}"
        if timetable is None:
            there = await self._ask(lambda client: client.get_schedule(full)) is not None
            await self._ask(lambda client: client.delete_schedule(full))
            return there
        entry: Any = {
            "schedule_name": full,
            "workflow_name": TIMETABLE,
            "schedule": timetable.cron,
            "context": msgspec.json.encode(Times(self.name, timetable)).decode(),
            "automatic_backfill": timetable.catch_up,
            "cron_timezone": timetable.timezone,
        }
        await self._ask(lambda client: client.apply_schedules([entry]))
        return True

    def bench(self, lanes: Lanes, *, lease: float) -> Workbench:
        """What a worker needs; there is one worker in a process."""
        from .queue_dbos_bench import DbosBench  # noqa: PLC0415  (it imports this file)

        return DbosBench(self, lanes, lease=lease)

    async def register(self, lanes: Lanes, poll: float) -> None:
        """Say how much of the queue may be at work, and how often, in seconds, its workers look at it."""
        await self._ask(
            lambda client: client.register_queue(
                self.name,
                worker_concurrency=_within(lanes.per_worker, lanes.everywhere),
                global_concurrency=lanes.everywhere,
                partition_concurrency=_within(lanes.per_tenant, lanes.everywhere),
                limiter=self._limiter(lanes.rate),
                partition_limiter=self._limiter(lanes.tenant_rate),
                polling_interval_sec=poll,
            )
        )

    async def forget(self, before: float) -> int:
        """Forget jobs that were done before a time (seconds since 1970), some at a time; says how many."""
        moment = datetime.fromtimestamp(before, UTC).isoformat()
        rows = await self._ask(
            lambda client: client.list_workflows(
                name=run_name(self.name),
                status="SUCCESS",
                completed_before=moment,
                limit=FORGOTTEN,
                load_input=False,
                load_output=False,
            )
        )
        names = [row.workflow_id for row in rows]
        if names:
            await self._ask(lambda client: client.delete_workflows(names))
        return len(names)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await asyncio.to_thread(self._client.destroy)
            self._client = None
        self._database.dispose()

    def _limiter(self, rate: Rate | None) -> Any:
        if rate is None:
            return None
        # On SQLite DBOS notes only the second in which a job started: counted from there, a time would be over too early.
        blur = 1.0 if self.place.schema is None else 0.0
        return {"limit": rate.jobs, "period": rate.seconds + blur}

    async def _ask(self, question: Callable[[DBOSClient], T]) -> T:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(put_to, self.place, self._opened)
        client = self._client
        return await asyncio.to_thread(put_to, self.place, lambda: question(client))

    def _opened(self) -> DBOSClient:
        migrate(self.place)
        return DBOSClient(
            system_database_engine=self._database,
            dbos_system_schema=self.place.schema,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            # Else it would try for ever; `put_to` does so for as long as the place's patience lasts.
            retry_connection_errors=False,
        )


def _within(bound: int | None, outer: int | None) -> int | None:
    # DBOS refuses a bound that is wider than the one around it; for us the closer one holds, as it would anyway.
    return bound if bound is None or outer is None else min(bound, outer)


def _enqueue(client: DBOSClient, options: EnqueueOptions, job: Job) -> None:
    client.enqueue(options, encode_job(job).decode())


def entry_of(row: WorkflowStatus) -> Entry:
    """A row of DBOS's as an entry of ours."""
    given: Any = row.input
    return Entry(
        job=decode_job(given["args"][0]),
        state=STATES[row.status],
        worker=row.executor_id,
        updated_at=(row.updated_at or 0) * 1000,
        error="" if row.error is None else _said(row.error),
    )


def _said(error: object) -> str:
    text = str(error)
    # An error that was kept as portable JSON comes back as that.
    if text.startswith("{"):
        try:
            return str(json.loads(text).get("message", text))
        except ValueError:
            return text
    return text
