"""The caller's side of runs in the background: put them in, answer them, cancel them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal, Unpack, cast

from msgspec.structs import replace

from ..agents import answer
from ..agents.waiting import end_tree
from ..compose import new_run_id, open_engine, open_journal
from ..data import CallerError, Message, Secret
from ..journal import (
    Checkpoint,
    Fact,
    Log,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
    RunState,
    exists,
    load,
)
from ..queues import Engine, Entry, Job, Timetable, named_run
from .terms import (
    ENQUEUE,
    SCHEDULE,
    EnqueueOptions,
    Prompt,
    ScheduleOptions,
    check_options,
    delay_of,
    job_of,
    may_be_same,
)

Cancelled = Literal["withdrawn", "told", "cancelled", "ended"]
"""What `cancel` came to: the run had not begun; its worker is told; it rested and is cancelled; it had ended before."""

_LOOK = 0.1  # seconds between two looks whether a run has begun


class Queue:
    """Runs that workers carry out; agents are known by name alone, and live where the workers are.

    Made by `open_queue`.
    """

    def __init__(self, engine: Engine, log: Log, name: str) -> None:
        self.engine = engine
        self.log = log
        self.name = name

    async def enqueue(self, agent: str, prompt: Prompt, **options: Unpack[EnqueueOptions]) -> str:
        """Put a run into the queue and give its id, once that is durable; the run itself begins when a worker has room.

        Raises `CallerError` for names and numbers that cannot be, for a `dedup_key` that stands for something else, and for a
        `history` that is not there or still at work.
        """
        check_options(options, ENQUEUE)
        key = options.get("dedup_key")
        run = new_run_id() if key is None else named_run(self.name, agent, key)
        delay = delay_of(options)
        job = job_of(run, agent, prompt, options, await self._place(options.get("history")))
        await self.engine.put(job, delay)
        if key is not None:
            await self._check_same(job, key)
        return run

    async def schedule(
        self, name: str, cron: str, agent: str, prompt: Prompt, **options: Unpack[ScheduleOptions]
    ) -> None:
        """Begin such a run again and again, at the times of `cron`; replaces the timetable of that name."""
        check_options(options, SCHEDULE)
        job = job_of(name, agent, prompt, options, await self._place(options.get("history")))
        table = Timetable(
            name=name,
            cron=cron,
            job=job,
            timezone=options.get("timezone", "UTC"),
            catch_up=options.get("catch_up", False),
        )
        await self.engine.schedule(name, table)

    async def unschedule(self, name: str) -> bool:
        """Take a timetable away; False where there is none of that name."""
        return await self.engine.schedule(name, None)

    async def answer(self, run: str, answers: Mapping[str, Any], *, secret: str | Secret | None = None) -> None:
        """Answer calls that a run waits for, and have it go on.

        The answers are durable first: if this breaks off after that, workers find by themselves that the run can go on.
        Raises what `journeyman.agents.answer` raises.
        """
        await answer(run, answers, journal=self.log, secret=secret)
        await self.go_on(run)

    async def go_on(self, run: str) -> None:
        """Have a run taken up that rests: one that was answered elsewhere, failed, or was stopped, cancelled or paused.

        Raises `CallerError` for a run that is finished, or is not known.
        """
        state = (await load(self.log, run)).state
        if state.status == "finished":
            raise CallerError(f"run {run} is finished; fork it to go on from it")
        newest = next(iter(await self.engine.entries(run, 1)), None)
        await self.engine.put(next_job(state, newest))

    async def cancel(self, run: str) -> Cancelled:
        """Cancel a run, wherever it is, with the runs below it.

        Raises `CallerError` for one that neither queue nor journal knows, `Conflict` where somebody beside the queue is at
        work on it.
        """
        taken = await self.engine.withdraw(run)
        if any(entry.state == "working" for entry in taken):
            return "told"
        if taken and not await exists(self.log, run):
            return "withdrawn"
        return "cancelled" if run in await end_tree(run, journal=self.log) else "ended"

    async def wait(self, run: str) -> RunState:
        """The run as soon as it rests: ended, waiting for an answer, or paused; after a failure it may yet be restarted.

        Raises `CallerError` for a run whose job is over before the run had begun, and for one that nobody knows.
        """
        while (state := await self._state(run)) is None:  # noqa: ASYNC110  (no event tells of what has not begun)
            await asyncio.sleep(_LOOK)
        if state.status == "running":
            async for fact in self.log.watch(run, state.next_seq - 1):
                if isinstance(fact, RunPaused | RunFinished | RunFailed | RunCancelled):
                    break
            state = (await load(self.log, run)).state
        return state

    async def jobs(self, run: str | None = None, *, limit: int = 50) -> Sequence[Entry]:
        """The newest jobs, of one run or of the whole queue: what waits, what is at work and where, what failed."""
        return await self.engine.entries(run, limit)

    async def _state(self, run: str) -> RunState | None:
        # The jobs first: of a run that begins between the two looks there is a job, and a journal the next time.
        entries = await self.engine.entries(run)
        try:
            return (await load(self.log, run)).state
        except CallerError:
            if any(entry.state in ("delayed", "queued", "working", "done") for entry in entries):
                return None
            raise

    async def _place(self, history: Checkpoint | str | None) -> Checkpoint | None:
        """Where the history ends. Found now, so that a run begins with the same words however late that is."""
        if history is None:
            return None
        if isinstance(history, Checkpoint):
            if history.seq < 0 or await self._fact(history) is None:
                raise CallerError(f"history={history}: run {history.run} has no fact {history.seq}")
            return history
        state = (await load(self.log, history)).state
        if state.status == "running":
            raise CallerError(f"history={history!r}: this run is at work; wait for it, or name a Checkpoint in it")
        return Checkpoint(history, state.next_seq - 1)

    async def _check_same(self, job: Job, key: str) -> None:
        said = await self._said(job)
        if said is not None and (said[:2] != (job.input, job.history) or not may_be_same(job.data, said[2])):
            raise CallerError(
                f"dedup_key={key!r} stands for run {job.run}, which has another prompt or history, or other data; "
                "use another key for another task"
            )

    async def _said(self, job: Job) -> tuple[Sequence[Message], Checkpoint | None, Mapping[str, Any] | None] | None:
        """What the run of a job begins with, or began with: jobs are forgotten, journals are not."""
        entries = await self.engine.entries(job.run)
        try:
            started = await self._fact(Checkpoint(job.run, 0))
        except CallerError:
            started = None
        if isinstance(started, RunStarted):
            # Data that is the same as in the run before is not written down again.
            inherits = started.data is None and started.continues is not None
            return started.input, started.continues, job.data if inherits else started.data
        jobs = (entry.job for entry in entries if entry.job.id == job.id)
        return next(((known.input, known.history, known.data) for known in jobs), None)

    async def _fact(self, place: Checkpoint) -> Fact | None:
        async with aclosing(cast("AsyncGenerator[Fact]", self.log.read(place.run, place.seq - 1))) as facts:
            return await anext(facts, None)


@asynccontextmanager
async def open_queue(journal: str, name: str = "runs", *, log: Log | None = None) -> AsyncGenerator[Queue]:
    """The queue of that name beside a journal, `sqlite:///runs.db` (for one machine) or `postgresql://…` (for many).

    `log` is the journal itself, where it is open already. Raises `CallerError` for another address, and where the extra
    `worker` is not installed.
    """
    async with open_journal(journal if log is None else log) as opened:
        engine = open_engine(journal, name)
        try:
            yield Queue(engine, opened, name)
        finally:
            await engine.close()


def next_job(state: RunState, newest: Entry | None) -> Job:
    """The job that takes a run up where it is now, on the terms of the one before."""
    if newest is None:
        return Job(run=state.run, agent=state.agent, facts=state.next_seq)
    job = newest.job
    turn = job.turn + 1 if job.facts == state.next_seq else 0
    return replace(job, facts=state.next_seq, turn=turn, failures=0)


def queue_tag(name: str) -> str:
    """The tag of a run that began in a queue."""
    return f"queue:{name}"
