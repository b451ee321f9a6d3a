"""`Workbench` on DBOS: the jobs of a queue, handed to a worker."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec.structs import replace

from ..data import CallerError
from ..queues import Job, Keeper, Lanes, named_run
from .queue_dbos import APPLICATION, TIMETABLE, VERSION, DbosEngine, Times, decode_job, run_name
from .queue_dbos_database import open_database
from .queue_dbos_lease import Lease

import msgspec  # isort: skip
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer  # isort: skip

log = logging.getLogger(__name__)

POLL = 0.2
"""Seconds between two looks at the queue. DBOS does not tell of new jobs; it looks."""

LOSSES = 20
"""How many workers may die over one job before it is given up: a run that kills its workers would else kill them for ever."""

KEPT = 7 * 86_400.0
"""Seconds after which a job that is done is forgotten. Its run is not: that is in the journal, for as long as you like."""

TIDIED = 600.0

CONNECTIONS = 6

_one_per_process = threading.Lock()


class DbosBench:
    """The worker's side of a queue; DBOS is one per process, and so is this.

    `lease` is for how many seconds a worker may be silent before others take over.
    """

    def __init__(self, engine: DbosEngine, lanes: Lanes, *, lease: float = 3.0) -> None:
        self._engine = engine
        self._lanes = lanes
        self._seconds = lease
        self.name = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self._database = open_database(engine.place, CONNECTIONS)
        self._watch: asyncio.Task[None] | None = None
        self._at_work: dict[str, str] = {}
        self._lease: Lease | None = None
        self._is_mine = False

    @property
    def keeper(self) -> Keeper:
        """The worker's lease."""
        if self._lease is None:
            raise CallerError("the bench is not open")
        return self._lease

    async def open(self, carry_out: Callable[[Job], Coroutine[Any, Any, str]], stop: Callable[[str], None]) -> None:
        """Begin to hand out jobs. Raises `CallerError` where another worker is at work in this process."""
        if not _one_per_process.acquire(blocking=False):
            raise CallerError("there is a worker in this process, and DBOS allows one; start another process")
        self._is_mine = True
        try:
            # Before DBOS begins: it looks for new queues but once a second.
            await self._engine.register(self._lanes, POLL)
            self._lease = Lease(self._engine.place, self.name, self._seconds)
            await asyncio.to_thread(self._lease.open)
            # In a thread without a loop: in one with a loop DBOS would take it for its own, and its threads with it.
            await asyncio.to_thread(self._launch, carry_out, asyncio.get_running_loop())
        except BaseException:
            await self.close(0)
            raise
        self._watch = asyncio.create_task(self._watching(self._lease, stop), name="journeyman worker's watch")

    async def close(self, grace: float) -> None:
        """Take no more jobs, wait for those under way, give the lease up."""
        # One that was refused must not end the other one's work.
        if not self._is_mine:
            self._database.dispose()
            return
        if self._watch is not None:
            self._watch.cancel()
        # It waits for jobs that work in this loop.
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=round(grace))
        if self._lease is not None:
            await asyncio.to_thread(self._lease.close)
            self._lease = None
        self._database.dispose()
        self._is_mine = False
        _one_per_process.release()

    def _launch(self, carry_out: Callable[[Job], Coroutine[Any, Any, str]], loop: asyncio.AbstractEventLoop) -> None:
        place = self._engine.place
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": place.url.render_as_string(hide_password=False),
            "system_database_engine": self._database,
            "application_version": VERSION,
            "executor_id": self.name,
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "WARNING",
            "scheduler_polling_interval_sec": 5.0,
        }
        if place.schema is not None:
            config["dbos_system_schema"] = place.schema
        DBOS(config=config)

        async def run(body: str) -> str:
            job = decode_job(body)
            self._at_work[job.id] = job.run
            try:
                work = asyncio.run_coroutine_threadsafe(carry_out(job), loop)
                # DBOS cancels its tasks when it ends; what was cut off so would be recorded as cancelled by its caller.
                return await asyncio.shield(asyncio.wrap_future(work))
            finally:
                self._at_work.pop(job.id, None)

        async def timetable(when: str, context: str) -> str:
            times = msgspec.json.decode(context, type=Times)
            job = replace(times.table.job, run=named_run(times.queue, times.table.name, when))
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._engine.put_into(times.queue, job), loop))
            return job.run

        DBOS.workflow(name=run_name(self._engine.name), max_recovery_attempts=LOSSES)(run)
        DBOS.workflow(name=TIMETABLE)(timetable)
        DBOS.listen_queues([self._engine.name])
        DBOS.launch()

    async def _watching(self, lease: Lease, stop: Callable[[str], None]) -> None:
        tidied = 0.0
        while True:
            await asyncio.sleep(lease.seconds / 3)
            try:
                if time.monotonic() - tidied > TIDIED:
                    tidied = time.monotonic()
                    await self._engine.forget(time.time() - KEPT)
                await asyncio.to_thread(lease.take_over, _recover)
                for run in await asyncio.to_thread(self._cancelled):
                    stop(run)
            except Exception as error:  # noqa: BLE001  (whatever it is, the next look comes in a second)
                log.warning("the worker could not look after its queue: %s", type(error).__name__)

    def _cancelled(self) -> list[str]:
        at_work = dict(self._at_work)
        if not at_work:
            return []
        rows = DBOS.list_workflows(workflow_ids=list(at_work), status="CANCELLED", load_input=False, load_output=False)
        return [at_work[row.workflow_id] for row in rows]


def _recover(worker: str) -> None:
    # There is a public way, `list_workflows` and `resume_workflows`; but it would also put back into the queue what another
    # worker has taken from there since the list was made.
    DBOS._recover_pending_workflows([worker])  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
