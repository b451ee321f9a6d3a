"""Runs that have work left and nobody who does it: found in the journal, which is the truth, and given a job."""

from __future__ import annotations

import logging

from msgspec.structs import replace

from ..agents.waiting import end_tree
from ..compose import clock
from ..data import Conflict, Failure
from ..journal import Fact, Log, RunFailed, RunQuery, RunState, load
from ..queues import Engine
from .queue import next_job, queue_tag

log = logging.getLogger(__name__)

_PAGE = 200


async def look_for_orphans(journal: Log, engine: Engine, queue: str, *, before: int) -> int:
    """Give a job to each run of a queue that has none and had no new fact since `before`; says how many they were.

    A run becomes an orphan when its answers were written and the job for them was not, when the queue was out of reach for a
    worker that had a run to hand on, or when the jobs were lost altogether.
    """
    found = 0
    place: str | None = None
    while True:
        page = await journal.runs(RunQuery(status="running", tag=queue_tag(queue), limit=_PAGE, before=place))
        for row in page.rows:
            if row.updated_at < before:
                found += await _looked_after(journal, engine, row.run)
        if page.next is None:
            return found
        place = page.next


async def _looked_after(journal: Log, engine: Engine, run: str) -> bool:
    newest = next(iter(await engine.entries(run, 1)), None)
    state = (await load(journal, run)).state
    # What could not be done at all has been ended in the journal, if that could be written.
    if newest is None or newest.state in ("done", "failed"):
        log.warning("run %s had work left and no job; it has one now", run)
        await engine.put(next_job(state, newest))
        return True
    match newest.state:
        case "cancelled":
            return bool(await end_tree(run, journal=journal))
        case "dead":
            failure = Failure("WorkersLost", "too many workers died while they carried this run out")
            return await _ended(journal, state, RunFailed(failure=failure))
        case _:
            return False


async def _ended(journal: Log, state: RunState, fact: RunFailed) -> bool:
    stamped: Fact = replace(fact, seq=state.next_seq, at=clock())
    try:
        await journal.append(state.run, state.next_seq, [stamped])
    except Conflict:
        return False
    return True
