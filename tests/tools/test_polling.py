"""Tools whose outcome comes later, and which are asked how far it is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from journeyman import Agent, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import advance
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import load
from journeyman.tools import ModelRetry, Waits, poll_tool


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


class Office:
    """Somebody outside, who is asked and has an answer at some time."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []

    def poll(self, info: Any) -> Any:
        self.asked.append(info)
        said = self.answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    async def poll_async(self, info: Any) -> Any:
        return self.poll(info)


def agent_of(office: Office, log: MemoryLog, *, is_async: bool = False) -> Agent[str]:
    @tool(pending=True, poll=office.poll_async if is_async else office.poll, poll_every=30)
    async def order(what: str) -> dict[str, str]:
        """Order something."""
        return {"order": what}

    return Agent(turns(ToolCall("1", "order", '{"what": "tea"}'), "done"), name="buyer", tools=[order], journal=log)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_tool_is_asked_until_it_has_an_outcome(is_async: bool) -> None:  # noqa: FBT001  (a parameter of the test)
    """As long as there is none, nothing is written; an outage of the office is no outcome; then the run goes on."""
    log, office = MemoryLog(), Office(Pending(), OSError("down"), {"price": 3})
    agent = agent_of(office, log, is_async=is_async)
    waiting = await agent.run("go")
    assert (waiting.pending[0].info, office.asked) == ({"order": "tea"}, [])
    assert waiting.wakes_at is not None
    assert 0 < waiting.wakes_at.timestamp() - waiting.state.updated_at / 1e6 <= 31
    for _ in range(2):
        assert (await advance(waiting.run_id, agent=agent)).status == "waiting"
    assert (await load(log, waiting.run_id)).facts == waiting.facts
    result = await advance(waiting.run_id, agent=agent)
    assert (result.output, result.messages[2].tool_results[0].text) == ("done", '{"price":3}')
    assert office.asked == [{"order": "tea"}] * 3


async def test_a_poll_may_say_that_it_went_wrong() -> None:
    """With `ModelRetry`, whose words the model hears."""
    log, office = MemoryLog(), Office(ModelRetry("sold out"))
    agent = agent_of(office, log)
    run = (await agent.run("go")).run_id
    result = await advance(run, agent=agent)
    (told,) = result.messages[2].tool_results
    assert (told.text, told.is_error) == ("sold out", True)


async def test_somebody_may_be_quicker_than_the_poll() -> None:
    """A polled call can be answered like any other; then nobody is asked."""
    log, office = MemoryLog(), Office()
    agent = agent_of(office, log)
    run = (await agent.run("go")).run_id
    assert (await resume(run, agent=agent, answers={"1": "it came by mail"})).output == "done"
    assert office.asked == []


async def test_a_poll_below_is_asked_when_it_is_due() -> None:
    """A sub-agent's call is polled by taking up the outermost run, and not before its time."""
    log, office = MemoryLog(), Office("here it is")
    buyer = agent_of(office, log)
    boss = Agent(turns(ToolCall("1", "buyer", '{"task": "t"}'), "all done"), tools=[buyer.as_tool()], journal=log)
    waiting = await boss.run("go")
    assert [call.id for call in waiting.pending] == ["1/1"]
    assert (await advance(waiting.run_id, agent=boss)).status == "waiting"
    assert office.asked == []
    from msgspec.structs import replace

    past = MemoryLog()
    for row in (await log.runs()).rows:
        facts = (await load(log, row.run)).facts
        await past.append(row.run, 0, [replace(fact, at=fact.at - 31_000_000) for fact in facts])
    result = await advance(waiting.run_id, agent=boss, journal=past)
    assert (result.output, len(office.asked)) == ("all done", 1)


async def test_what_cannot_be_written_is_no_wait() -> None:
    """A pending tool whose info is no JSON has failed, and the model hears of it."""

    @tool(pending=True)
    def begin() -> Any:
        """Begin."""
        return object()

    result = await Agent(turns(ToolCall("1", "begin"), "done"), tools=[begin]).run("go")
    assert result.messages[2].tool_results[0].is_error


async def test_a_poll_that_says_nothing_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Blocking or not, and one that swallows its cancellation: the call waits on, and the answers of others are heard."""
    release, let_go = threading.Event(), asyncio.Event()

    async def deaf(_: Any) -> str:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("too late")

    for poll in (lambda _: release.wait(10), deaf):

        @tool(poll=poll)
        async def order() -> str:
            """Order."""
            raise Pending

        assert await poll_tool(order, ToolCall("1", "order"), {"order": 7}, seconds=0.01) == Waits({"order": 7})
    assert caplog.text.count("poll of tool order said nothing about call 1 for 0.01 s") == 2
    release.set()
    let_go.set()
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_poll_that_is_cancelled_from_within_says_nothing() -> None:
    """It is not the run that was cancelled."""

    async def gone(_: Any) -> str:
        raise asyncio.CancelledError

    @tool(poll=gone)
    async def order() -> str:
        """Order."""
        raise Pending

    assert await poll_tool(order, ToolCall("1", "order"), None) == Waits(None)
