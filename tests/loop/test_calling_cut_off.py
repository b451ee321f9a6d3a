"""A run that is cut off ends, whatever its tools do: they have a moment to clean up, and what ignores it is reported."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from journeyman import Agent, LimitExceeded, RunContext, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import Fact, RunCancelled, RunFailed, RunQuery, load
from journeyman.loop import calling
from journeyman.tools import timing


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "GRACE", 0.05)
    monkeypatch.setattr(calling, "GRACE", 0.05)


@pytest.fixture
async def let_go() -> AsyncIterator[asyncio.Event]:
    """What the deaf tools wait for, so that none is at work when the test is over."""
    event = asyncio.Event()
    yield event
    event.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.fixture
def let_go_thread() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def deaf_tool(let_go: asyncio.Event, entered: asyncio.Event | None = None) -> Any:
    @tool
    async def deaf() -> str:
        """Swallow every cancellation."""
        if entered is not None:
            entered.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    return deaf


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 10)


async def last_of(log: MemoryLog, run: str) -> Fact:
    return (await load(log, run)).facts[-1]


@pytest.mark.parametrize("count", [1, 2])
async def test_an_async_tool_that_swallows_its_cancellation_is_abandoned(count: int, let_go: asyncio.Event) -> None:
    """Alone or beside another, without a timeout of its own: `cancel` comes back, and the journal names it."""
    entered = asyncio.Event()
    log = MemoryLog()
    calls = [ToolCall(str(number), "deaf") for number in range(count)]
    run = await Agent(turns(calls), tools=[deaf_tool(let_go, entered)], journal=log).start("go")
    await entered.wait()
    async with asyncio.timeout(5):
        await run.cancel()
    fact = await last_of(log, run.id)
    assert isinstance(fact, RunCancelled)
    assert fact.abandoned == ("deaf",) * count


@pytest.mark.parametrize("count", [1, 2])
async def test_the_deadline_of_a_run_holds_for_a_tool_that_swallows_it(count: int, let_go: asyncio.Event) -> None:
    """The run fails with its limit, and the journal names the tool."""
    log = MemoryLog()
    calls = [ToolCall(str(number), "deaf") for number in range(count)]
    agent = Agent(turns(calls), tools=[deaf_tool(let_go)], journal=log, deadline=0.02)
    with pytest.raises(LimitExceeded, match="deadline") as caught:
        async with asyncio.timeout(5):
            await agent.run("go")
    fact = await last_of(log, caught.value.run_id or "")
    assert isinstance(fact, RunFailed)
    assert fact.abandoned == ("deaf",) * count


async def test_whoever_is_cut_off_twice_does_not_wait_for_the_grace(
    let_go: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool is named all the same."""
    monkeypatch.setattr(calling, "GRACE", 60)
    entered = asyncio.Event()
    log = MemoryLog()
    agent = Agent(turns([ToolCall("1", "deaf")]), tools=[deaf_tool(let_go, entered)], journal=log)
    task = asyncio.create_task(agent.run("go"))
    await entered.wait()
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    (row,) = (await log.runs()).rows
    fact = await last_of(log, row.run)
    assert isinstance(fact, RunCancelled)
    assert fact.abandoned == ("deaf",)


async def test_a_tool_that_cleans_up_is_waited_for_and_not_reported() -> None:
    """Neither an async one that awaits something at its end, nor a blocking one that looks at its token."""
    entered = asyncio.Event()
    cleaned: list[str] = []
    log = MemoryLog()

    @tool
    async def tidy() -> str:
        """Take a moment at the end."""
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("tidy")
        return ""

    @tool
    def heedful(context: RunContext[None]) -> str:
        """Work until the token says stop."""
        context.cancelled.wait(10)
        cleaned.append("heedful")
        return ""

    for used in ([tidy], [tidy, heedful]):
        cleaned.clear()
        entered.clear()
        calls = [ToolCall(item.name, item.name) for item in used]
        run = await Agent(turns(calls), tools=used, journal=log).start("go")
        await entered.wait()
        await run.cancel()
        assert sorted(cleaned) == sorted(item.name for item in used)
        assert await last_of(log, run.id) == RunCancelled(seq=run.snapshot.next_seq - 1, at=run.snapshot.updated_at)


async def test_a_blocking_tool_that_cannot_hear_is_not_waited_for(
    let_go_thread: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no token to look at, so that a grace would be lost time."""
    monkeypatch.setattr(calling, "GRACE", 60)
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()
    log = MemoryLog()

    @tool
    def blocked() -> str:
        """Hear nothing."""
        loop.call_soon_threadsafe(entered.set)
        let_go_thread.wait(10)
        return ""

    run = await Agent(turns([ToolCall("1", "blocked")]), tools=[blocked], journal=log).start("go")
    await entered.wait()
    async with asyncio.timeout(5):
        await run.cancel()
    fact = await last_of(log, run.id)
    assert isinstance(fact, RunCancelled)
    assert fact.abandoned == ("blocked",)


@pytest.mark.parametrize("count", [1, 2])
async def test_the_run_below_reports_its_tool_and_those_above_wait_for_that(count: int, let_go: asyncio.Event) -> None:
    """Three levels, the calls of the first side by side: each run is ended on its own journal, and the deepest names it."""
    entered = asyncio.Event()
    log = MemoryLog()
    deaf = deaf_tool(let_go, entered)
    intern = Agent(turns([ToolCall("1", "deaf")]), name="intern", tools=[deaf])
    clerk = Agent(turns([ToolCall("1", "intern", '{"task": "t"}')]), name="clerk", tools=[intern.as_tool()])
    calls = [ToolCall(str(number), "clerk", '{"task": "t"}') for number in range(count)]
    run = await Agent(turns(calls), name="boss", tools=[clerk.as_tool()], journal=log).start("go")
    await entered.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await run.cancel()
    abandoned = []
    for row in (await log.runs(RunQuery())).rows:
        fact = await last_of(log, row.run)
        assert isinstance(fact, RunCancelled)
        abandoned.append((row.agent, fact.abandoned))
    assert sorted(abandoned) == [("boss", ()), *[("clerk", ())] * count, *[("intern", ("deaf",))] * count]
