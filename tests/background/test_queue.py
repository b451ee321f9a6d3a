"""Runs put into a queue, scheduled, cancelled and had taken up again."""

from __future__ import annotations

import asyncio

import pytest

from journeyman import Agent, ProviderError, ScriptedModel
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import create
from journeyman.background import Queue, Worker, open_queue
from journeyman.background.carrying import Carrier
from journeyman.data import CallerError, Message, ToolCall
from journeyman.journal import Checkpoint, RunCancelled, RunStarted, load
from journeyman.programs import Programs
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


async def test_a_key_stands_for_its_data_too(queue: Queue):
    """Other data under the key is refused while the job waits, and once the run has read it as its agent's types."""
    call = ToolCall("1", "run_program", '{"code": "(return (inc data/id))"}')
    programs = Programs(language="lisp", signature="(id :int) -> :int")
    agent = Agent(ScriptedModel([call]), name="clerk", programs=programs)
    run = await queue.enqueue("clerk", "Sell.", dedup_key="17", data={"id": "5"})
    for other in ({"id": "6"}, {"id": "5", "more": 1}):
        with pytest.raises(CallerError, match="or other data"):
            await queue.enqueue("clerk", "Sell.", dedup_key="17", data=other)
    (entry,) = await queue.jobs()
    await Carrier("runs", {"clerk": agent}, queue.log, queue.engine, FakeBench()).carry_out(entry.job)
    assert (await load(queue.log, run)).state.output == 6
    for same in ({"id": "5"}, {"id": 5}):
        assert await queue.enqueue("clerk", "Sell.", dedup_key="17", data=same) == run
    for other in ({"id": 6}, {"name": 5}):
        with pytest.raises(CallerError, match="or other data"):
            await queue.enqueue("clerk", "Sell.", dedup_key="17", data=other)


async def test_data_goes_with_the_job_that_begins_the_run(queue: Queue):
    """As JSON has it; what JSON cannot hold is refused before anything is put in."""
    with pytest.raises(CallerError, match="data: a dict cannot cross"):
        await queue.enqueue("clerk", "Sell.", data={"a": object()})
    assert await queue.jobs() == []
    await queue.enqueue("clerk", "Sell.", data={"a": (1, 2)})
    await queue.schedule("morning", "0 7 * * *", "clerk", "Sell.", data={"a": (1, 2)})
    (entry,) = await queue.jobs()
    assert isinstance(queue.engine, FakeEngine)
    assert entry.job.data == queue.engine.timetables["morning"].job.data == {"a": [1, 2]}


async def test_what_is_said_of_a_run_goes_with_its_job(queue: Queue):
    """Priority, tenant, delay, policy and tags reach the engine."""
    policy = Policy(restart="temporary")
    prompt = [Message.system("Be brief."), "Sell."]
    await queue.enqueue("clerk", prompt, priority=3, tenant="ada", delay=9.0, policy=policy, tags=["x"])
    (entry,) = await queue.jobs()
    assert entry.job.placement == Placement(priority=3, tenant="ada")
    assert (entry.job.policy, entry.job.tags, entry.state) == (policy, ("x",), "delayed")
    assert [message.role for message in entry.job.input] == ["system", "user"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"delay": -1.0},
        {"delay": float("nan")},
        {"tenant": "a\n"},
        {"prioritee": 1},
        {"timezone": "UTC"},
        {"history": "nobody"},
        {"history": Checkpoint("nobody", 0)},
    ],
)
async def test_what_cannot_be_is_refused(queue: Queue, wrong: dict[str, object]):
    """A wrong option is refused before there is a job."""
    with pytest.raises(CallerError):
        await queue.enqueue("clerk", "Sell.", **wrong)
    assert not await queue.jobs()


@pytest.mark.parametrize("wrong", [{"dedup_key": "17"}, {"delay": 9.0}])
async def test_a_timetable_takes_no_option_that_it_would_forget(queue: Queue, wrong: dict[str, object]):
    """Each time of a timetable is a run of its own and at once, so that a key and a delay are refused."""
    with pytest.raises(CallerError, match=r"no option .*; there are .*timezone"):
        await queue.schedule("morning", "0 7 * * *", "clerk", "Sell.", **wrong)
    assert not queue.engine.timetables


async def finished(queue: Queue, prompt: str, answer: str, **options: object) -> str:
    """A run in the queue, carried out."""
    run = await queue.enqueue("clerk", prompt, **options)
    job = queue.engine.take()
    assert await carrier(queue, answer).carry_out(job) == "finished"
    queue.engine.mark(job, "done")
    return run


async def test_a_run_goes_on_from_another_one(queue: Queue):
    """A run with a history has what was said in it before its own words, by reference and not by copy."""
    before = await finished(queue, "Sell.", "Sold.")
    run = await finished(queue, "And now?", "Go home.", history=before)
    loaded = await load(queue.log, run)
    assert [message.text for message in loaded.state.messages] == ["Sell.", "Sold.", "And now?", "Go home."]
    assert loaded.state.continues == Checkpoint(before, (await load(queue.log, before)).state.next_seq - 1)
    first = loaded.facts[0]
    assert isinstance(first, RunStarted)
    assert [message.text for message in first.input] == ["And now?"]


async def test_a_run_goes_on_from_the_middle_of_another_one(queue: Queue):
    """A checkpoint is a history up to there: what was said later is not in it."""
    before = await finished(queue, "Sell.", "Sold.")
    run = await finished(queue, "Stop.", "Stopped.", history=Checkpoint(before, 0))
    assert [message.text for message in (await queue.wait(run)).messages] == ["Sell.", "Stop.", "Stopped."]


@pytest.mark.parametrize("seq", [-1, 99])
async def test_a_place_that_is_not_there_is_no_history(queue: Queue, seq: int):
    """A checkpoint beyond a run's facts is refused by whoever puts the run in, not by a worker later."""
    before = await finished(queue, "Sell.", "Sold.")
    with pytest.raises(CallerError, match=f"has no fact {seq}"):
        await queue.enqueue("clerk", "And now?", history=Checkpoint(before, seq))


async def test_a_run_at_work_is_no_history(queue: Queue):
    """What a run that is still at work will have said nobody knows, so it is waited for."""
    before = await create(Agent(ScriptedModel([]), name="clerk"), "Sell.", journal=queue.log)
    with pytest.raises(CallerError, match="wait for it"):
        await queue.enqueue("clerk", "And now?", history=before)


async def test_a_key_stands_for_its_history_too(queue: Queue):
    """The same words after something else are another task, whether the first one waits, or is done and forgotten."""
    before = await finished(queue, "Sell.", "Sold.")
    run = await queue.enqueue("clerk", "And now?", dedup_key="1", history=before)
    for _ in range(2):
        assert await queue.enqueue("clerk", "And now?", dedup_key="1", history=before) == run
        with pytest.raises(CallerError, match="another prompt or history"):
            await queue.enqueue("clerk", "And now?", dedup_key="1")
        await carrier(queue, "Go home.").carry_out(next(iter(await queue.jobs(run))).job)
        queue.engine.kept.clear()


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
