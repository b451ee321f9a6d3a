"""Runs put into a queue, scheduled, cancelled and had taken up again."""

from __future__ import annotations

import asyncio

import pytest

from journeyman import Agent, ProviderError, ScriptedModel
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import create
from journeyman.background import Queue, Worker, open_queue
from journeyman.background.carrying import Carrier
from journeyman.data import CallerError, Message
from journeyman.journal import RunCancelled, load
from journeyman.queues import Placement, Policy

from .fakes import FakeBench, FakeEngine


@pytest.fixture
def queue() -> Queue:
    return Queue(FakeEngine(), MemoryLog(), "runs")


def carrier(queue: Queue, *lines: object) -> Carrier:
    agent = Agent(ScriptedModel(lines), name="clerk")
    return Carrier("runs", {"clerk": agent}, queue.log, queue.engine, FakeBench())


async def test_a_key_makes_one_run(queue: Queue):
    """The same key is the same run and one job; without a key each call is a run of its own."""
    once = await queue.enqueue("clerk", "Sell.", dedup_key="17")
    assert await queue.enqueue("clerk", "Sell.", dedup_key="17") == once
    assert await queue.enqueue("clerk", "Sell.") != await queue.enqueue("clerk", "Sell.")
    assert len(await queue.jobs()) == 3


async def test_a_key_is_not_used_for_something_else(queue: Queue):
    """A key that stands for another prompt is refused, instead of giving the wrong run."""
    await queue.enqueue("clerk", "Sell.", dedup_key="17")
    with pytest.raises(CallerError, match="another prompt"):
        await queue.enqueue("clerk", "Buy.", dedup_key="17")


async def test_what_is_said_of_a_run_goes_with_its_job(queue: Queue):
    """Priority, tenant, delay, policy and tags reach the engine."""
    policy = Policy(restart="temporary")
    prompt = [Message.system("Be brief."), "Sell."]
    await queue.enqueue("clerk", prompt, priority=3, tenant="ada", delay=9.0, policy=policy, tags=["x"])
    (entry,) = await queue.jobs()
    assert entry.job.placement == Placement(priority=3, tenant="ada")
    assert (entry.job.policy, entry.job.tags, entry.state) == (policy, ("x",), "delayed")
    assert [message.role for message in entry.job.input] == ["system", "user"]


@pytest.mark.parametrize("wrong", [{"delay": -1.0}, {"delay": float("nan")}, {"tenant": "a\n"}, {"prioritee": 1}])
async def test_what_cannot_be_is_refused(queue: Queue, wrong: dict[str, object]):
    """A wrong option is refused before there is a job."""
    with pytest.raises(CallerError):
        await queue.enqueue("clerk", "Sell.", **wrong)
    assert not await queue.jobs()


async def test_nothing_to_ask_is_refused(queue: Queue):
    """An empty prompt is refused before there is a job."""
    with pytest.raises(CallerError, match="nothing to ask"):
        await queue.enqueue("clerk", [])


async def test_a_timetable_is_kept_and_taken_away(queue: Queue):
    """A timetable replaces the one of its name, and can be taken away once."""
    await queue.schedule("morning", "0 7 * * *", "clerk", "Sell.")
    await queue.schedule("morning", "0 8 * * *", "clerk", "Sell.", timezone="Europe/Berlin", priority=1)
    (table,) = queue.engine.timetables.values()
    assert (table.cron, table.timezone, table.job.placement.priority) == ("0 8 * * *", "Europe/Berlin", 1)
    assert await queue.unschedule("morning")
    assert not await queue.unschedule("morning")


async def test_a_run_that_has_not_begun_is_withdrawn(queue: Queue):
    """A run that waits for a worker is taken out, and no worker gets it."""
    run = await queue.enqueue("clerk", "Sell.")
    assert await queue.cancel(run) == "withdrawn"
    with pytest.raises(StopIteration):
        queue.engine.take()


async def test_a_run_that_rests_is_cancelled_in_its_journal(queue: Queue):
    """A run without a worker gets its end from whoever cancels it; one that has an end keeps it."""
    agent = Agent(ScriptedModel([]), name="clerk")
    run = await create(agent, "Sell.", journal=queue.log)
    assert await queue.cancel(run) == "cancelled"
    assert isinstance((await load(queue.log, run)).facts[-1], RunCancelled)
    assert await queue.cancel(run) == "ended"


async def test_an_unknown_run_cannot_be_cancelled(queue: Queue):
    """Cancelling what is not there is an error, not a success."""
    with pytest.raises(CallerError, match="no run"):
        await queue.cancel("nobody")


async def test_a_failed_run_goes_on_when_it_is_told_to(queue: Queue):
    """A run that failed for good is taken up again on demand, on the terms that it was put in with."""
    run = await queue.enqueue("clerk", "Sell.", policy=Policy(restart="temporary"), priority=7)
    work = carrier(queue, ProviderError("down", status=503), "Sold.")
    first = queue.engine.take()
    assert await work.carry_out(first) == "errored"
    queue.engine.mark(first, "done")
    await queue.go_on(run)
    job = queue.engine.take()
    assert job.placement.priority == 7
    assert await work.carry_out(job) == "finished"
    with pytest.raises(CallerError, match="finished"):
        await queue.go_on(run)


async def test_a_journal_that_nobody_shares_has_no_queue():
    """A journal in memory cannot be worked on by others, and says what can."""
    with pytest.raises(CallerError, match=r"sqlite:///runs\.db"):
        async with open_queue("memory:"):
            pass


def test_a_worker_knows_its_agents():
    """A worker without agents, or with two of one name, is refused where it is made."""
    with pytest.raises(CallerError, match="needs the agents"):
        Worker("sqlite:///runs.db", [])
    agents = [Agent(ScriptedModel([]), name="clerk") for _ in range(2)]
    with pytest.raises(CallerError, match="two agents are named 'clerk'"):
        Worker("sqlite:///runs.db", agents)
    with pytest.raises(CallerError, match="lease"):
        Worker("sqlite:///runs.db", agents[:1], lease=0)


async def test_a_run_is_waited_for_until_it_rests(queue: Queue):
    """Whoever waits for a run waits through its beginning, and gets it once it has an end; again at once after that."""
    run = await queue.enqueue("clerk", "Sell.")
    waited = asyncio.create_task(queue.wait(run))
    await asyncio.sleep(0)
    await carrier(queue, "Sold.").carry_out(queue.engine.take())
    assert (await waited).messages[-1].text == "Sold."
    assert (await queue.wait(run)).status == "finished"


async def test_a_run_that_will_never_begin_is_not_waited_for(queue: Queue):
    """A run that was withdrawn, or that nobody ever put in, is an error at once."""
    run = await queue.enqueue("clerk", "Sell.")
    await queue.cancel(run)
    for name in (run, "nobody"):
        with pytest.raises(CallerError, match="no run"):
            await queue.wait(name)
