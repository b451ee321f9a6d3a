"""A run as its caller holds it: states, stop, pause, resume, cancel, single steps, readers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from journeyman import Agent, CallerError, Conflict, Pending, RunContext, ScriptedModel, fork, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest, ModelResponse, TextDelta, ToolCall
from journeyman.journal import RunCancelled, RunResumed, ToolPending, load
from journeyman.models import Emit
from journeyman.providers import Capabilities


def adding(n: int = 1) -> list[Any]:
    return [ToolCall(f"c{i}", "add", '{"a": 1, "b": 2}') for i in range(n)]


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Held:
    """A model that begins to answer and then waits until it is cancelled."""

    name = "held:model"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.speaking = asyncio.Event()
        self.cancelled = False

    async def respond(self, request: ModelRequest, emit: Emit | None = None, record: object = None) -> ModelResponse:
        if emit is not None:
            emit([TextDelta("Once")])
        self.speaking.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError

    def preview(self, request: ModelRequest, *, stream: bool = False) -> None:
        return None


async def test_a_started_run_goes_through_its_states() -> None:
    """Running after its start, finished at its end; its result can be awaited as often as one likes."""
    agent = Agent(ScriptedModel(["hi"]))
    run = await agent.start("go")
    assert run.state == "running"
    first, second = await run.result(), await run.result()
    assert first is second
    assert (run.state, first.output) == ("finished", "hi")
    assert run.snapshot == first.state


async def test_the_first_fact_is_durable_when_start_returns() -> None:
    """Whoever has the id can find the run."""
    log = MemoryLog()
    run = await Agent(Held(), journal=log).start("go")
    assert (await load(log, run.id)).state.messages[0].text == "go"
    await run.cancel()


async def test_stop_ends_after_the_present_iteration() -> None:
    """What is under way is finished, nothing more is asked, and there is no output."""

    async def stops(context: RunContext[list[Any]]) -> str:
        """Stop the run that calls this."""
        context.deps[0].stop()
        return "done"

    model = ScriptedModel([ToolCall("1", "stops"), "never"])
    holder: list[Any] = []
    run = await Agent(model, tools=[stops]).start("go", deps=holder)
    holder.append(run)
    result = await run.result()
    assert (result.status, result.output, run.state) == ("stopped", None, "stopped")
    assert result.messages[-1].tool_results[0].text == "done"
    assert len(model.requests) == 1


async def test_pause_rests_and_resume_goes_on() -> None:
    """A paused run has a result that says so, and the same handle takes it to its end."""
    run = await Agent(ScriptedModel([adding(), "3"]), tools=[add]).start("go")
    run.pause()
    paused = await run.result()
    assert (paused.status, run.state) == ("paused", "paused")
    assert paused.output is None
    await run.resume()
    assert (await run.result()).output == "3"


async def test_single_step_rests_after_every_iteration() -> None:
    """`step()` goes on by one iteration each time."""
    model = ScriptedModel([adding(), adding(), "3"])
    run = await Agent(model, tools=[add], mode="single_step").start("go")
    statuses = [(await run.step()).status for _ in range(3)]
    assert statuses == ["paused", "paused", "finished"]
    assert (await run.result()).state.iterations == 3


async def test_single_step_with_run_gives_a_paused_result() -> None:
    """`run` in single_step mode gives the result of one iteration."""
    model = ScriptedModel([adding(), "3"])
    result = await Agent(model, tools=[add]).run("go", mode="single_step")
    assert (result.status, len(model.requests)) == ("paused", 1)


async def test_cancel_closes_the_request_and_leaves_no_task() -> None:
    """The model call is cut off at once, the journal says so, and nothing is left at work."""
    before = asyncio.all_tasks()
    model = Held()
    log = MemoryLog()
    run = await Agent(model, journal=log).start("go")
    await model.speaking.wait()
    await run.cancel()
    assert model.cancelled
    assert run.state == "cancelled"
    assert asyncio.all_tasks() == before
    assert isinstance((await load(log, run.id)).facts[-1], RunCancelled)
    with pytest.raises(asyncio.CancelledError):
        await run.result()


async def test_cancel_reaches_async_tools_and_tells_blocking_ones() -> None:
    """Async tools are cancelled; a blocking one gets its token, and is named if it still runs."""
    entered, freed = asyncio.Event(), threading.Event()
    told: asyncio.Queue[bool] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def blocks(context: RunContext[None]) -> str:
        """Block until told."""
        loop.call_soon_threadsafe(entered.set)
        loop.call_soon_threadsafe(told.put_nowait, context.cancelled.wait(timeout=30))
        freed.wait(timeout=30)
        return "late"

    run = await Agent(ScriptedModel([ToolCall("1", "blocks")]), tools=[blocks]).start("go")
    await entered.wait()
    await run.cancel()
    last = [fact async for fact in run.facts()][-1]
    freed.set()
    assert isinstance(last, RunCancelled)
    assert last.abandoned == ("blocks",)
    assert await told.get() is True


async def test_a_caller_that_stops_waiting_does_not_cancel_the_run() -> None:
    """Only `cancel` cancels."""
    model = Held()
    run = await Agent(model).start("go")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(run.result(), 0.001)
    assert run.state == "running"
    await run.cancel()


async def test_cancelling_the_task_of_a_plain_run_cancels_the_run() -> None:
    """`agent.run` works in its caller's task, and ends with it."""
    model, log = Held(), MemoryLog()
    task = asyncio.ensure_future(Agent(model, journal=log).run("go"))
    await model.speaking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.cancelled
    (row,) = (await log.runs()).rows
    assert row.status == "cancelled"


async def test_events_come_in_order_and_a_late_reader_can_begin_anywhere() -> None:
    """The views of a reader from the start and of one that comes after the end agree, from any cursor."""
    run = await Agent(ScriptedModel([adding(), "three words here"]), tools=[add]).start("go")
    live = [event async for event in run.events()]
    assert [event.kind for event in live] == ["tool_start", "tool_end", "llm_chunk", "llm_chunk", "llm_chunk", "output"]
    late = [event async for event in run.events()]
    assert [event.kind for event in late] == ["tool_start", "tool_end", "llm_chunk", "output"]
    facts = [fact async for fact in run.facts()]
    for cursor in range(-1, len(facts)):
        assert [fact async for fact in run.facts(after=cursor)] == facts[cursor + 1 :]


async def test_a_reader_that_comes_in_the_middle_of_an_answer_misses_nothing() -> None:
    """Glimpses of an unfinished answer are kept until its fact is there."""
    model = Held()
    run = await Agent(model).start("go")
    await model.speaking.wait()
    reader = run.text()
    assert await anext(reader) == "Once"
    await run.cancel()
    assert [text async for text in reader] == []


async def test_progress_of_tools_is_published_and_not_stored() -> None:
    """Async and blocking tools tell how far they are; the journal does not grow by it."""

    def slow(context: RunContext[None]) -> str:
        """Take steps."""
        context.progress("halfway", 0.5)
        return "done"

    run = await Agent(ScriptedModel([ToolCall("1", "slow"), "ok"]), tools=[slow]).start("go")
    events = [event async for event in run.events()]
    (progress,) = [event for event in events if event.kind == "progress"]
    assert (progress.call_id, progress.message, progress.fraction) == ("1", "halfway", 0.5)
    assert not any("halfway" in str(fact) for fact in (await run.result()).facts)


async def test_a_pending_tool_makes_the_run_wait_and_answers_take_it_on() -> None:
    """Siblings go on; the result says what is waited for; a wrong answer is refused."""

    async def approve(amount: int) -> str:
        """Ask a human."""
        raise Pending({"ask": f"pay {amount}?"})

    said = [ToolCall("p", "approve", '{"amount": 5}'), *adding()]
    run = await Agent(ScriptedModel([said, "paid"]), tools=[approve, add]).start("go")
    waiting = await run.result()
    assert waiting.status == "waiting"
    (pending,) = waiting.pending
    assert (pending.id, pending.tool, pending.arguments) == ("p", "approve", '{"amount": 5}')
    assert (pending.info, pending.in_doubt) == ({"ask": "pay 5?"}, False)
    with pytest.raises(CallerError, match="it waits for: p"):
        await run.resume({"c0": "yes"})
    await run.resume({"p": "yes"})
    result = await run.result()
    assert result.output == "paid"
    assert [item.text for item in result.messages[2].tool_results] == ["yes", "3"]


async def test_only_a_run_that_rests_is_resumed() -> None:
    """Resuming a running or a finished run is a mistake of the caller's."""
    model = Held()
    run = await Agent(model).start("go")
    with pytest.raises(CallerError, match="running"):
        await run.resume()
    await run.cancel()
    done = await Agent(ScriptedModel(["ok"])).start("go")
    await done.result()
    with pytest.raises(CallerError, match="finished"):
        await done.resume()


def test_a_run_can_be_held_from_blocking_code() -> None:
    """`start_sync` gives the same handle; its blocking twins work from any thread."""
    run = Agent(ScriptedModel([adding(), "3"]), tools=[add]).start_sync("go")
    assert [event.kind for event in run.events_sync()][-1] == "output"
    assert run.result_sync().output == "3"
    assert list(run.text_sync()) == ["3"]
    assert [step.kind for step in run.steps_sync()] == ["tool_call", "tool_result", "output"]


async def test_a_run_of_another_loop_is_told_apart() -> None:
    """Awaiting a run in a loop that is not its own is a clear error, not a hang."""
    run = Agent(ScriptedModel(["3"])).start_sync("go")
    with pytest.raises(CallerError, match="result_sync"):
        await run.result()
    assert run.result_sync().output == "3"


@tool
async def ask_boss(question: str) -> str:
    """Ask the boss."""
    raise Pending(question)


def family(log: Any, *more: ToolCall, tools: Any = ()) -> Agent[str]:
    clerk = Agent(
        ScriptedModel([ToolCall("1", "ask_boss", '{"question": "?"}'), "We may."]), name="clerk", tools=[ask_boss]
    )
    model = ScriptedModel([[ToolCall("1", "clerk", '{"task": "t"}'), *more], "Agreed."])
    return Agent(model, name="desk", tools=[clerk.as_tool(), *tools], journal=log)


async def test_cancel_ends_a_run_that_waits_and_those_below_it() -> None:
    """All of them on the journal; the result says so; whoever has the answer can take it up again all the same."""
    log = MemoryLog()
    agent = family(log)
    run = await agent.start("go")
    waiting = await run.result()
    assert waiting.status == "waiting"
    await run.cancel()
    assert {row.status for row in (await log.runs()).rows} == {"cancelled"}
    assert (run.state, (await run.result()).status, run.snapshot.ended) == ("cancelled", "cancelled", True)
    assert isinstance([fact async for fact in run.facts()][-1], RunCancelled)
    before = (await load(log, run.id)).facts
    await run.cancel()
    assert (await load(log, run.id)).facts == before
    assert (await resume(run.id, agent=agent, answers={"1/1": "yes"})).output == "Agreed."


async def test_cancel_ends_a_run_that_is_paused_or_has_not_begun() -> None:
    """Neither is left as if somebody would go on with it."""
    log = MemoryLog()
    agent = Agent(ScriptedModel([adding(), "3"]), tools=[add], journal=log)
    paused = await agent.start("go", mode="single_step")
    await paused.result()
    branch = await fork(paused.id, agent=agent)
    for run in (paused, branch):
        await run.cancel()
        assert run.state == "cancelled"
        assert isinstance((await load(log, run.id)).facts[-1], RunCancelled)
        assert (await run.result()).status == "cancelled"


async def test_cancel_of_a_run_at_work_ends_those_below_it_that_wait() -> None:
    """One call waits for somebody below while another one is at work: nothing is left that seems to wait."""
    entered = asyncio.Event()

    @tool
    async def slow() -> str:
        """Take long."""
        entered.set()
        await asyncio.Event().wait()
        return ""

    log = MemoryLog()
    run = await family(log, ToolCall("2", "slow"), tools=[slow]).start("go")
    await entered.wait()
    async for fact in run.facts():
        if isinstance(fact, ToolPending):
            break
    await run.cancel()
    assert {row.status for row in (await log.runs()).rows} == {"cancelled"}


async def test_a_run_that_somebody_else_took_up_is_not_cancelled() -> None:
    """It is at work there: the handle says so instead of cutting it off behind its worker's back."""
    log = MemoryLog()
    run = await family(log).start("go")
    await run.result()
    state = (await load(log, run.id)).state
    await log.append(run.id, state.next_seq, [RunResumed(seq=state.next_seq)])
    with pytest.raises(Conflict, match="at work"):
        await run.cancel()
