"""One job carried out: a run begun or taken up, worked on until it rests, and what follows from how it rests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from ..agents import Agent, RunResult, advance, create, resume
from ..agents.waiting import end_tree
from ..compose import clock
from ..data import CallerError, Conflict, JourneymanError, failure_of
from ..journal import Checkpoint, Log, RunFailed, RunState, load
from ..queues import Engine, Job, Lost, Workbench, after_failure, is_worth_another_try, named_run
from .leased import Drained, LeasedLog
from .queue import queue_tag

log = logging.getLogger(__name__)

TRIES = 5
"""How often a job is tried of which not even a failure could be written to the journal."""

LOOKS = 10
"""How often a worker that was taken for dead looks whether its job was taken over."""

_PAUSE, _MOST = 1.0, 60.0


class Rest(NamedTuple):
    """Where a run came to rest, and when it is worth another look, if that is known."""

    state: RunState
    wakes_at: datetime | None = None


class Carrier:
    """Carries out the jobs of one worker; `ends` tells all of them that it ends, `look` is in seconds."""

    def __init__(
        self,
        queue: str,
        agents: Mapping[str, Agent[Any]],
        journal: Log,
        engine: Engine,
        bench: Workbench,
        *,
        deps: Any = None,
    ) -> None:
        self._queue = queue
        self._agents = agents
        self._journal = journal
        self._engine = engine
        self._bench = bench
        self._deps = deps
        self._at_work: dict[str, asyncio.Task[Rest]] = {}
        self._told: set[str] = set()
        self.ends = False
        self.look = 1.0

    async def carry_out(self, job: Job) -> str:
        """Do a job and say what came of it; raises what could not be helped."""
        agent = self._agents.get(job.agent)
        if agent is None:
            # In a rolling deployment old workers meet agents that only the new ones know.
            return await self._try_again(job, CallerError(f"this worker knows no agent {job.agent!r}"))
        while job.run in self._at_work:
            # An earlier job, which may be about to hear that its lease is over: then there is nobody but this one.
            await asyncio.wait([self._at_work[job.run]])
        leased = LeasedLog(self._journal, self._bench.keeper, job.run, lambda: self.ends)
        # A task of its own, which can be cut off while the job lives to tell.
        task = self._at_work[job.run] = asyncio.create_task(self._worked(job, agent, leased), name=f"job {job.id}")
        try:
            await asyncio.wait([task])
        finally:
            del self._at_work[job.run]
        return await self._told_of(job, task)

    def stop(self, run: str) -> None:
        """Cancel a run that is at work here."""
        if run in self._at_work:
            self._told.add(run)
            self._at_work[run].cancel()

    async def cut_off(self) -> None:
        """End whatever is still at work."""
        tasks = list(self._at_work.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)

    async def _told_of(self, job: Job, task: asyncio.Task[Rest]) -> str:
        if task.cancelled():
            return await self._cancelled(job)
        match task.exception():
            case None:
                return await self._settle(job, task.result())
            case Lost() as error:
                log.warning("run %s: %s", job.run, error)
                return await self._lost(job)
            case Drained():
                state = (await load(self._journal, job.run)).state
                await self._engine.put(self._next(job, state))
                return "handed on"
            case Conflict() as error:
                log.info("run %s was written to by somebody else: %s", job.run, error)
                return await self._contested(job)
            case error:
                return await self._try_again(job, error)

    async def _worked(self, job: Job, agent: Agent[Any], leased: Log) -> Rest:
        if job.facts == 0:
            await create(
                agent,
                job.input,
                run_id=job.run,
                journal=leased,
                deps=self._deps,
                history=None if job.history is None else await _said_before(leased, job.history),
                limits=job.limits,
                conversation=job.conversation,
                tags=(*job.tags, queue_tag(self._queue)),
                data=job.data,
            )
        before = (await load(leased, job.run)).state
        rests = before.ended or before.status == "paused"
        if rests and before.next_seq > job.facts:
            # This job, or one that was made for the same place, brought it there and was cut off before it could say so.
            return Rest(before)
        try:
            result: RunResult[Any]
            # A job is made for a run that ended, or that its caller paused, only so that it goes on.
            if rests:
                result = await resume(job.run, agent=agent, journal=leased, deps=self._deps)
            else:
                result = await advance(job.run, agent=agent, journal=leased, deps=self._deps)
        except Conflict:
            raise
        except Exception:
            after = (await load(leased, job.run)).state
            if after.status != "errored":
                raise
            return Rest(after)
        return Rest(result.state, result.wakes_at)

    async def _lost(self, job: Job) -> str:
        """Keep a lost job until another worker has it: a job that returns is done, and nobody would carry the run on.

        Whoever declared this worker lost takes the job over in the next moment, unless it died in between.
        """
        for _ in range(LOOKS):
            mine = next((entry for entry in await self._engine.entries(job.run) if entry.job.id == job.id), None)
            theirs = mine is None or mine.state != "working" or mine.worker != self._bench.name
            if theirs or job.run in self._at_work:
                return "taken over by another worker"
            await asyncio.sleep(self.look)
        state = (await load(self._journal, job.run)).state
        if not state.ended:
            await self._engine.put(self._next(job, state))
        return "put in once more"

    async def _contested(self, job: Job) -> str:
        """Somebody else wrote to the run: another job's worker, which goes on with it, or one that will not.

        That is whoever answered a call or cancelled the run, or a worker that lost its lease right after it had asked for it.
        """
        others = [entry for entry in await self._engine.entries(job.run) if entry.state in ("queued", "working")]
        # Of two that meet each other so, one has to go on.
        if any((entry.job.facts, entry.job.turn) > (job.facts, job.turn) for entry in others):
            return "carried on by another job"
        state = (await load(self._journal, job.run)).state
        if not state.ended:
            await self._engine.put(self._next(job, state))
        return "written to by somebody else"

    async def _settle(self, job: Job, rest: Rest) -> str:
        state = rest.state
        match state.status:
            case "errored":
                await self._after_failure(job, state)
            case "finished" if job.policy.restart == "permanent":
                await self._after_finish(job, state)
            case "waiting" if rest.wakes_at is not None:
                delay = max(0.0, rest.wakes_at.timestamp() - clock() / 1e6)
                await self._engine.put(self._next(job, state), delay)
            case _:
                pass
        return state.status

    async def _after_failure(self, job: Job, state: RunState) -> None:
        failure = state.failure
        what = "" if failure is None else f"{failure.type}: {failure.message}"
        if job.policy.restart == "temporary" or failure is None or not is_worth_another_try(failure.type):
            log.warning("run %s failed and is not restarted: %s", job.run, what)
            return
        again = after_failure(job.policy, job.restarts, clock())
        if again is None:
            log.error("run %s failed and was restarted too often (policy.max_restarts): %s", job.run, what)
            return
        log.warning("run %s failed and is restarted in %.1f s: %s", job.run, again.delay, what)
        await self._engine.put(replace(self._next(job, state), restarts=again.restarts), again.delay)

    async def _after_finish(self, job: Job, state: RunState) -> None:
        again = after_failure(job.policy, job.restarts, clock())
        if again is None:
            log.error("run %s has finished and was restarted too often (policy.max_restarts)", job.run)
            return
        # Named after the one before, so that this can be done twice.
        run = named_run(self._queue, job.agent, f"after {state.run}")
        await self._engine.put(replace(job, run=run, facts=0, turn=0, failures=0, restarts=again.restarts), again.delay)

    async def _cancelled(self, job: Job) -> str:
        if job.run not in self._told:
            return "cut off"
        self._told.discard(job.run)
        # Those below that wait; and the run itself, if it was cut off before its loop had begun, which else writes its end.
        await end_tree(job.run, journal=self._journal)
        return "cancelled"

    async def _try_again(self, job: Job, error: BaseException) -> str:
        if job.failures + 1 >= TRIES:
            await self._give_up(job, error)
            raise error
        delay = min(_MOST, _PAUSE * 4**job.failures)
        log.warning("job %s could not be done and is tried again in %.0f s: %s", job.id, delay, error)
        await self._engine.put(replace(job, turn=job.turn + 1, failures=job.failures + 1), delay)
        return f"to be tried again: {error}"

    async def _give_up(self, job: Job, error: BaseException) -> None:
        try:
            state = (await load(self._journal, job.run)).state
            if not state.ended:
                failed = RunFailed(seq=state.next_seq, at=clock(), failure=failure_of(error))
                await self._journal.append(job.run, state.next_seq, [failed])
        except JourneymanError as untold:
            log.warning("run %s: its end could not be recorded: %s", job.run, untold)

    def _next(self, job: Job, state: RunState) -> Job:
        turn = job.turn + 1 if job.facts == state.next_seq else 0
        # What the run began with is in its journal by now; a new run after this one has to be told.
        said, data = (job.input, job.data) if job.policy.restart == "permanent" else ((), None)
        return replace(job, facts=state.next_seq, turn=turn, failures=0, input=said, data=data)


async def _said_before(journal: Log, place: Checkpoint) -> RunResult[Any]:
    """A run up to a place, as `create` takes it: in the same journal, so that it is referred to and not copied."""
    before = await load(journal, place.run, place.seq)
    return RunResult(None, before.state, before.facts, journal)
