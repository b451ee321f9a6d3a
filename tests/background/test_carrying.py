"""A job carried out: what becomes of the run, and which job follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, Pending, ProviderError, RunContext, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import create, pending_calls
from journeyman.background import Queue
from journeyman.background.carrying import TRIES, Carrier
from journeyman.data import CallerError, LimitExceeded, Limits, ModelRequest, ToolCall
from journeyman.journal import ModelRequested, RunFailed, RunQuery, RunStarted, ToolFinished, ToolPending, load
from journeyman.programs import Programs
from journeyman.queues import Job, Policy

from .fakes import FakeBench, FakeEngine

OUTAGE = ProviderError("the provider is down", status=503)


class Bench:
    """A queue, a journal and a worker, in one event loop and without a clock."""

    def __init__(self, *agents: Agent[Any]) -> None:
        self.engine = FakeEngine()
        self.log = MemoryLog()
        self.queue = Queue(self.engine, self.log, "runs")
        self.bench = FakeBench()
        self.carrier = Carrier("runs", {agent.name: agent for agent in agents}, self.log, self.engine, self.bench)

    async def work(self) -> str:
        """Carry out the next job."""
        job = self.engine.take()
        said = await self.carrier.carry_out(job)
        self.engine.mark(job, "done")
        return said

    async def status(self, run: str) -> str:
        return (await load(self.log, run)).state.status


def clerk(*lines: Any, tools: list[Any] | None = None, **options: Any) -> Agent[str]:
    return Agent(ScriptedModel(lines), name="clerk", tools=tools or [], **options)


async def test_a_job_begins_the_run_that_it_names():
    """The run has the id that `enqueue` gave, what was asked, and the queue's tag."""
    shop = Bench(clerk("Sold."))
    run = await shop.queue.enqueue("clerk", "Sell.", tags=["a"], conversation="c", limits=Limits(max_iterations=2))
    assert await shop.work() == "finished"
    first = (await load(shop.log, run)).facts[0]
    assert isinstance(first, RunStarted)
    assert first.input[0].text == "Sell."
    assert (first.tags, first.conversation, first.limits.max_iterations) == (("a", "queue:runs"), "c", 2)


async def test_a_job_carried_out_twice_is_as_good_as_once():
    """A job whose worker died after its run was finished neither begins it again nor asks the model again."""
    agent = clerk("Sold.")
    shop = Bench(agent)
    run = await shop.queue.enqueue("clerk", "Sell.")
    job = shop.engine.take()
    assert await shop.carrier.carry_out(job) == "finished"
    facts = (await load(shop.log, run)).facts
    assert await shop.carrier.carry_out(job) == "finished"
    assert (await load(shop.log, run)).facts == facts


async def test_an_outage_is_followed_by_a_restart():
    """A transient run that failed is taken up again after a wait, and asks no answered question again."""
    model = ScriptedModel([ToolCall("1", "look", "{}"), OUTAGE, OUTAGE, "Sold."])

    @tool
    async def look() -> str:
        """Look."""
        return "seen"

    shop = Bench(Agent(model, name="clerk", tools=[look]))
    run = await shop.queue.enqueue("clerk", "Sell.", policy=Policy(backoff=2.0))
    assert await shop.work() == "errored"
    assert await shop.work() == "errored"
    assert await shop.work() == "finished"
    assert list(shop.engine.delays.values()) == [0.0, 2.0, 4.0]
    facts = (await load(shop.log, run)).facts
    assert sum(isinstance(fact, ToolFinished) for fact in facts) == 1


async def test_a_restart_that_is_begun_twice_happens_once():
    """The worker dies after the failure of its restart was written: the restart after it is the next, not the same again."""
    shop = Bench(clerk(OUTAGE, OUTAGE, "Sold."))
    run = await shop.queue.enqueue("clerk", "Sell.")
    await shop.work()
    restart = shop.engine.take()
    await shop.carrier.carry_out(restart)
    known = dict(shop.engine.kept)
    assert await shop.carrier.carry_out(restart) == "errored"
    assert shop.engine.kept == known
    assert sum(isinstance(fact, RunFailed) for fact in (await load(shop.log, run)).facts) == 2


async def test_restarts_have_an_end():
    """After `max_restarts` failures the run stays failed."""
    shop = Bench(clerk(OUTAGE, OUTAGE, OUTAGE))
    run = await shop.queue.enqueue("clerk", "Sell.", policy=Policy(max_restarts=1))
    await shop.work()
    await shop.work()
    with pytest.raises(StopIteration):
        shop.engine.take()
    assert await shop.status(run) == "errored"


@pytest.mark.parametrize(
    ("policy", "failure"),
    [
        (Policy(restart="temporary"), OUTAGE),
        (Policy(), LimitExceeded("tokens", 1, "max_tokens")),
        (Policy(), CallerError("no")),
    ],
)
async def test_some_failures_are_final(policy: Policy, failure: Exception):
    """A temporary run is never restarted, and no run where the same failure would come again at once."""
    shop = Bench(clerk(failure))
    await shop.queue.enqueue("clerk", "Sell.", policy=policy)
    await shop.work()
    assert len(shop.engine.kept) == 1


async def test_a_permanent_run_begins_anew():
    """After a permanent run has finished, another one of the same prompt follows, until that is too often; once each."""
    shop = Bench(clerk("One.", "Two.", "Three."))
    first = await shop.queue.enqueue("clerk", "Watch.", policy=Policy(restart="permanent", max_restarts=2))
    for _ in range(3):
        job = shop.engine.take()
        await shop.carrier.carry_out(job)
        await shop.carrier.carry_out(job)
    runs = [entry.job.run for entry in reversed(await shop.queue.jobs())]
    assert len(set(runs)) == 3
    assert runs[0] == first
    last = (await load(shop.log, runs[2])).state
    assert [message.text for message in last.messages] == ["Watch.", "Three."]


async def test_data_is_told_to_jobs_that_begin_a_run_and_to_no_others():
    """A restart finds it in the journal; a new run after the old one has to be told."""
    read = ToolCall("1", "run_program", '{"code": "(return data/a)"}')
    for restart, script, told, runs in (
        ("transient", [OUTAGE, read], None, 1),
        ("permanent", [read, read], {"a": 5}, 2),
    ):
        shop = Bench(clerk(*script, programs=Programs(language="lisp")))
        await shop.queue.enqueue("clerk", "Read.", data={"a": 5}, policy=Policy(restart=restart, max_restarts=1))
        await shop.work()
        following = shop.engine.take()
        assert following.data == told
        await shop.carrier.carry_out(following)
        assert (await load(shop.log, following.run)).state.output == 5
        assert len((await shop.log.runs(RunQuery())).rows) == runs


@tool
async def ask_boss(question: str) -> str:
    """Ask the boss."""
    raise Pending({"question": question})


async def test_a_waiting_run_is_parked():
    """A run that waits leaves no job behind; its answer makes the next one."""
    agent = clerk(ToolCall("1", "ask_boss", '{"question": "?"}'), "Sold.", tools=[ask_boss])
    shop = Bench(agent)
    run = await shop.queue.enqueue("clerk", "Sell.")
    assert await shop.work() == "waiting"
    assert len(shop.engine.kept) == 1
    (call,) = await pending_calls(run, journal=shop.log)
    await shop.queue.answer(run, {call.id: "yes"})
    assert await shop.work() == "finished"


async def test_a_waiting_run_is_looked_at_when_its_wait_is_over():
    """A wait with a deadline has a job for the time when it is over."""

    @tool
    async def ring(context: RunContext[None]) -> str:
        """Ring somebody."""
        raise Pending(deadline=timedelta(hours=1))

    shop = Bench(clerk(ToolCall("1", "ring", "{}"), "Sold.", tools=[ring]))
    await shop.queue.enqueue("clerk", "Sell.")
    assert await shop.work() == "waiting"
    _, delay = shop.engine.delays.values()
    assert 3590 < delay <= 3600


async def test_a_run_below_is_answered_through_the_outermost():
    """A sub-agent's question surfaces on the run that was put into the queue, and its answer goes on from there."""
    helper = Agent(
        ScriptedModel([ToolCall("1", "ask_boss", '{"question": "?"}'), "He says yes."]), name="helper", tools=[ask_boss]
    )
    shop = Bench(clerk(ToolCall("9", "helper", '{"task": "ask"}'), "Sold.", tools=[helper.as_tool()]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    assert await shop.work() == "waiting"
    (call,) = await pending_calls(run, journal=shop.log)
    await shop.queue.answer(run, {call.id: "yes"})
    assert await shop.work() == "finished"


async def test_an_unknown_agent_is_waited_for():
    """A job for an agent that this worker does not know is put back a few times, for workers that do, and then fails."""
    shop = Bench(clerk())
    await shop.queue.enqueue("newcomer", "Sell.")
    for _ in range(TRIES - 1):
        assert "knows no agent 'newcomer'" in await shop.work()
    with pytest.raises(CallerError, match="newcomer"):
        await shop.work()
    delays = list(shop.engine.delays.values())
    assert delays == sorted(delays)


def between(gate: asyncio.Event, reached: asyncio.Event) -> Callable[[], Any]:
    @tool
    async def hold() -> str:
        """Hold."""
        reached.set()
        await gate.wait()
        return "held"

    return hold


async def test_a_cancelled_run_is_cut_off_and_says_so():
    """Told to stop a run, the worker cuts it off at once and the journal says that it was cancelled."""
    gate, reached = asyncio.Event(), asyncio.Event()
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), tools=[between(gate, reached)]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    work = asyncio.create_task(shop.work())
    await reached.wait()
    assert await shop.queue.cancel(run) == "told"
    shop.carrier.stop(run)
    assert await work == "cancelled"
    assert await shop.status(run) == "cancelled"


async def test_a_cancelled_run_takes_those_below_it_along():
    """Whether it rests, or its worker is told while one below waits: nothing is left that seems to wait for an answer."""
    gate, reached = asyncio.Event(), asyncio.Event()
    hold = between(gate, reached)

    @tool
    async def ask() -> str:
        """Ask."""
        raise Pending

    async def status(shop: Bench) -> set[tuple[str, str]]:
        return {(row.agent, row.status) for row in (await shop.log.runs()).rows}

    for also in ([], [ToolCall("2", "hold", "{}")]):
        below = Agent(ScriptedModel([ToolCall("1", "ask", "{}")]), name="below", tools=[ask])
        calls = [ToolCall("1", "below", '{"task": "t"}'), *also]
        shop = Bench(clerk(calls, tools=[below.as_tool(), hold]))
        run = await shop.queue.enqueue("clerk", "Sell.")
        work = asyncio.create_task(shop.work())
        if also:
            await reached.wait()
            async for fact in shop.log.watch(run):
                if isinstance(fact, ToolPending):
                    break
            assert await shop.queue.cancel(run) == "told"
            shop.carrier.stop(run)
            assert await work == "cancelled"
        else:
            assert await work == "waiting"
            assert await status(shop) == {("clerk", "waiting"), ("below", "waiting")}
            assert await shop.queue.cancel(run) == "cancelled"
        assert await status(shop) == {("clerk", "cancelled"), ("below", "cancelled")}
        assert await shop.queue.cancel(run) == "ended"


async def test_a_worker_that_lost_its_lease_writes_nothing_more():
    """Once its lease is over, a worker gets no fact into the journal, and so begins no effect; its job has no successor."""
    gate, reached = asyncio.Event(), asyncio.Event()
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), "Sold.", tools=[between(gate, reached)]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    work = asyncio.create_task(shop.work())
    await reached.wait()
    before = (await load(shop.log, run)).facts
    shop.bench.lose()
    gate.set()
    assert await work == "taken over by another worker"
    assert (await load(shop.log, run)).facts == before
    assert len(shop.engine.kept) == 1


async def test_a_lost_job_that_nobody_took_is_put_in_once_more():
    """Where the worker that declared this one lost died before it took the job, the run still gets carried on."""
    gate, reached = asyncio.Event(), asyncio.Event()
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), "Sold.", tools=[between(gate, reached)]))
    shop.carrier.look = 0
    run = await shop.queue.enqueue("clerk", "Sell.")
    job = shop.engine.take()
    shop.engine.kept[job.id] = replace(shop.engine.kept[job.id], worker=shop.bench.name)
    work = asyncio.create_task(shop.carrier.carry_out(job))
    await reached.wait()
    shop.bench.lose()
    gate.set()
    assert await work == "put in once more"
    assert [entry.state for entry in await shop.queue.jobs(run)] == ["queued", "working"]


async def test_a_worker_that_ends_hands_its_runs_on():
    """What a run did is written, its next request is not begun, and another worker goes on without a doubt."""
    gate, reached = asyncio.Event(), asyncio.Event()
    asked: list[ModelRequest] = []

    def last(request: ModelRequest) -> str:
        asked.append(request)
        return "Sold."

    shop = Bench(clerk(ToolCall("1", "hold", "{}"), last, tools=[between(gate, reached)]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    work = asyncio.create_task(shop.work())
    await reached.wait()
    shop.carrier.ends = True
    gate.set()
    assert await work == "handed on"
    facts = (await load(shop.log, run)).facts
    assert isinstance(facts[-1], ToolFinished)
    assert not asked
    shop.carrier.ends = False
    assert await shop.work() == "finished"
    assert sum(isinstance(fact, ModelRequested) for fact in (await load(shop.log, run)).facts) == 2


async def test_what_does_not_end_in_time_is_cut_off_without_a_word():
    """A run that outlasts the worker's grace is stopped where it is, and not recorded as cancelled: it goes on elsewhere."""
    gate, reached = asyncio.Event(), asyncio.Event()
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), tools=[between(gate, reached)]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    work = asyncio.create_task(shop.work())
    await reached.wait()
    shop.bench.lose()
    await shop.carrier.cut_off()
    assert await work == "cut off"
    assert await shop.status(run) == "running"


async def test_two_workers_at_one_run_do_not_both_go_on():
    """A run that somebody else took over is left to them, and looked at once more, for they may be about to be lost."""
    gate, reached = asyncio.Event(), asyncio.Event()
    hold = between(gate, reached)
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), "Sold.", tools=[hold]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    job = shop.engine.take()
    work = asyncio.create_task(shop.carrier.carry_out(job))
    await reached.wait()
    other = Carrier("runs", {"clerk": clerk(tools=[hold])}, shop.log, shop.engine, FakeBench())
    assert await other.carry_out(job) == "waiting"
    gate.set()
    assert await work == "written to by somebody else"
    assert len(shop.engine.kept) == 2
    assert await shop.status(run) == "waiting"
    (call,) = await pending_calls(run, journal=shop.log)
    assert call.in_doubt


async def test_a_later_job_goes_on_alone():
    """Where two jobs of a run meet, the later one goes on and the earlier one leaves no successor."""
    gate, reached = asyncio.Event(), asyncio.Event()
    hold = between(gate, reached)
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), "Sold.", tools=[hold]))
    await shop.queue.enqueue("clerk", "Sell.")
    first = shop.engine.take()
    work = asyncio.create_task(shop.carrier.carry_out(first))
    await reached.wait()
    await shop.engine.put(replace(first, facts=4))
    other = Carrier("runs", {"clerk": clerk(tools=[hold])}, shop.log, shop.engine, FakeBench())
    assert await other.carry_out(shop.engine.take()) == "waiting"
    gate.set()
    assert await work == "carried on by another job"
    assert len(shop.engine.kept) == 2


async def test_a_job_waits_for_the_one_before_it():
    """A worker that gets a run's next job while it still works on the run ends the one before it begins the other."""
    gate, reached = asyncio.Event(), asyncio.Event()
    shop = Bench(clerk(ToolCall("1", "hold", "{}"), "Sold.", "Again.", tools=[between(gate, reached)]))
    run = await shop.queue.enqueue("clerk", "Sell.")
    first = shop.engine.take()
    work = asyncio.create_task(shop.carrier.carry_out(first))
    await reached.wait()
    second = asyncio.create_task(shop.carrier.carry_out(replace(first, turn=1)))
    await asyncio.sleep(0)
    gate.set()
    assert [await work, await second] == ["finished", "finished"]
    assert (await load(shop.log, run)).state.messages[-1].text == "Sold."


async def test_a_job_that_cannot_be_done_ends_its_run():
    """After the last try the journal says that the run failed, and why."""
    shop = Bench(clerk("Sold."))
    run = await create(clerk(), "Sell.", journal=shop.log)
    await shop.engine.put(Job(run=run, agent="newcomer", facts=1, failures=TRIES - 1))
    with pytest.raises(CallerError, match="newcomer"):
        await shop.work()
    state = (await load(shop.log, run)).state
    assert state.failure is not None
    assert "newcomer" in state.failure.message


async def test_a_journal_that_cannot_be_written_is_tried_again():
    """A job of which nothing could be written is put back, with the reason."""

    class Full(MemoryLog):
        async def append(self, run: str, at: int, facts: Any) -> None:
            raise CallerError("the disk is full")

    engine = FakeEngine()
    carrier = Carrier("runs", {"clerk": clerk("Sold.")}, Full(), engine, FakeBench())
    said = await carrier.carry_out(Job(run="r", agent="clerk", input=(await _said(engine)).input))
    assert said == "to be tried again: the disk is full"
    assert [entry.job.failures for entry in await engine.entries("r")] == [1]


async def _said(engine: FakeEngine) -> Job:
    await Queue(engine, MemoryLog(), "runs").enqueue("clerk", "Sell.")
    return engine.take()
