"""The caller's side of runs in the background: put them in, answer them, cancel them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypedDict, Unpack

from msgspec.structs import replace

from ..agents import answer
from ..compose import clock, new_run_id, open_engine, open_journal
from ..data import CallerError, Conflict, Limits, Message, Part, Secret
from ..journal import Log, RunCancelled, RunFailed, RunFinished, RunPaused, RunState, load
from ..queues import FIRST, Engine, Entry, Job, Placement, Policy, Timetable, named_run

Cancelled = Literal["withdrawn", "told", "cancelled", "ended"]
"""What `cancel` came to: the run had not begun; its worker is told; it rested and is cancelled; it had ended before."""

_TRIES = 5
_ALL = 200
_LOOK = 0.1  # seconds between two looks whether a run has begun


class EnqueueOptions(TypedDict, total=False):
    """What may be said of a run in the background.

    Two calls with the same `dedup_key`, for the same agent, are one run, whenever they come. Of the jobs that wait, those of
    the lowest `priority` start first (100 if nothing is said); those of one `tenant` share a lane. `delay` is in seconds.
    `policy` says when the run is restarted. The others are as in `Agent.run`.
    """

    dedup_key: str | None
    priority: int
    tenant: str
    delay: float
    policy: Policy
    limits: Limits | None
    conversation: str | None
    tags: Sequence[str]


class Queue:
    """Runs that workers carry out; agents are known by name alone, and live where the workers are.

    Made by `open_queue`.
    """

    def __init__(self, engine: Engine, log: Log, name: str) -> None:
        self.engine = engine
        self.log = log
        self.name = name

    async def enqueue(
        self, agent: str, prompt: str | Sequence[str | Part | Message], **options: Unpack[EnqueueOptions]
    ) -> str:
        """Put a run into the queue and give its id, once that is durable; the run itself begins when a worker has room.

        Raises `CallerError` for names and numbers that cannot be, and for a `dedup_key` that stands for something else.
        """
        key = options.get("dedup_key")
        run = new_run_id() if key is None else named_run(self.name, agent, key)
        job = _job(run, agent, prompt, options)
        await self.engine.put(job, _delay(options))
        if key is not None:
            await self._check_same(job, key)
        return run

    async def schedule(
        self,
        name: str,
        cron: str,
        agent: str,
        prompt: str | Sequence[str | Part | Message],
        **options: Unpack[ScheduleOptions],
    ) -> None:
        """Begin such a run again and again, at the times of `cron`; replaces the timetable of that name."""
        job = _job(name, agent, prompt, options)
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
        """Cancel a run, wherever it is. Raises `CallerError` for one that neither queue nor journal knows."""
        taken = await self.engine.withdraw(run)
        if any(entry.state == "working" for entry in taken):
            return "told"
        for _ in range(_TRIES):
            try:
                state = (await load(self.log, run)).state
            except CallerError:
                if taken:
                    return "withdrawn"
                raise
            if state.ended:
                return "ended"
            try:
                await self.log.append(run, state.next_seq, [RunCancelled(seq=state.next_seq, at=clock())])
            except Conflict:
                continue
            return "cancelled"
        raise Conflict(f"run {run} is at work somewhere else, so it could not be cancelled; try again")

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

    async def _check_same(self, job: Job, key: str) -> None:
        first = next((entry.job for entry in await self.engine.entries(job.run, _ALL) if entry.job.id == job.id), job)
        if first.input != job.input:
            raise CallerError(
                f"dedup_key={key!r} stands for run {job.run}, which has another prompt; use another key for another task"
            )


class ScheduleOptions(EnqueueOptions, total=False):
    """What may be said of a timetable: `cron` is read in `timezone`; `catch_up` makes up for times without a worker."""

    timezone: str
    catch_up: bool


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


def _job(run: str, agent: str, prompt: str | Sequence[str | Part | Message], options: EnqueueOptions) -> Job:
    unknown = set(options) - set(ScheduleOptions.__annotations__) - set(EnqueueOptions.__annotations__)
    if unknown:
        raise CallerError(f"there is no option {', '.join(sorted(unknown))} of a run in the background")
    return Job(
        run=run,
        agent=agent,
        input=_messages(prompt),
        policy=options.get("policy", Policy()),
        placement=Placement(priority=options.get("priority", FIRST), tenant=options.get("tenant", "")),
        limits=options.get("limits"),
        conversation=options.get("conversation"),
        tags=tuple(options.get("tags", ())),
    )


def _delay(options: EnqueueOptions) -> float:
    delay = options.get("delay", 0.0)
    if not 0 <= delay < float("inf"):
        raise CallerError(f"delay={delay}: 0 seconds or more")
    return delay


def _messages(prompt: str | Sequence[str | Part | Message]) -> tuple[Message, ...]:
    items = [prompt] if isinstance(prompt, str) else prompt
    messages = [item for item in items if isinstance(item, Message)]
    parts = [item for item in items if not isinstance(item, Message)]
    said = (*messages, Message.user(parts)) if parts else tuple(messages)
    if not said:
        raise CallerError("there is nothing to ask: give a prompt")
    return said
