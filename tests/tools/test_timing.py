"""A tool has its time and no longer; what it has got until then can count; what ignores its end is abandoned and reported."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from journeyman import Agent, CallerError, RunContext, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ToolCall
from journeyman.journal import ToolFinished
from journeyman.tools import timing


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "GRACE", 0.02)


async def finished(*tools: Any, calls: list[ToolCall] | None = None) -> list[ToolFinished]:
    asked = calls or [ToolCall("1", tools[0].name)]
    agent = Agent(ScriptedModel([asked, "done"]), tools=tools, journal=MemoryLog())
    result = await agent.run("go")
    assert result.output == "done"
    return [fact for fact in result.facts if isinstance(fact, ToolFinished)]


async def test_an_async_tool_is_cancelled_and_the_model_hears_that_its_time_was_up() -> None:
    """It may clean up; the outcome is an error that says what is not known."""
    heard: list[str] = []

    @tool(timeout=0.01)
    async def slow() -> str:
        """Never end."""
        try:
            await asyncio.Event().wait()
        finally:
            heard.append("cancelled")
        return ""

    (fact,) = await finished(slow)
    assert (fact.result.is_error, fact.abandoned, heard) == (True, False, ["cancelled"])
    assert fact.result.text == "slow was cut off after 0.01 s; what it did until then may have had its effect"


async def test_a_blocking_tool_gets_a_token_and_gives_what_it_has() -> None:
    """`on_timeout` finds what the tool left in `so_far`; its value is an ordinary result."""

    @tool(timeout=0.01, on_timeout=lambda context: {"rows": context.so_far, "complete": False})
    def read(context: RunContext[None]) -> str:
        """Read rows until the token is set."""
        context.so_far.extend([1, 2])
        assert context.cancelled.wait(10)
        return "never seen"

    (fact,) = await finished(read)
    assert (fact.result.text, fact.result.is_error, fact.abandoned) == ('{"rows":[1,2],"complete":false}', False, False)


async def test_a_tool_that_ignores_its_end_is_abandoned_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a thread nor a task is waited for; the fact and the log say that it may still be at work."""
    release = threading.Event()
    let_go = asyncio.Event()

    @tool(timeout=0.01)
    def deaf() -> str:
        """Hear nothing."""
        release.wait(10)
        return "late"

    @tool(timeout=0.01, on_timeout="The slow one is given up.")
    async def stubborn() -> str:
        """Swallow every cancellation."""
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    facts = await finished(deaf, stubborn, calls=[ToolCall("1", "deaf"), ToolCall("2", "stubborn")])
    assert {(fact.result.call_id, fact.abandoned) for fact in facts} == {("1", True), ("2", True)}
    assert "The slow one is given up." in {fact.result.text for fact in facts}
    assert "tool deaf ignored that its 0.01 s are over and was abandoned" in caplog.text
    release.set()
    let_go.set()


async def test_one_tools_end_is_not_its_siblings() -> None:
    """The token of a tool whose time is up is its own."""
    over = asyncio.Event()

    @tool(timeout=0.01)
    async def short(context: RunContext[None]) -> str:
        """Never end."""
        try:
            await asyncio.Event().wait()
        finally:
            over.set()
        return ""

    @tool(timeout=60)
    async def patient(context: RunContext[None]) -> bool:
        """Look at the token after the other one is over."""
        await over.wait()
        return context.cancelled.is_set()

    facts = await finished(short, patient, calls=[ToolCall("1", "short"), ToolCall("2", "patient")])
    assert {fact.result.call_id: fact.result.text for fact in facts}["2"] == "false"


async def test_a_tool_in_time_is_as_without_a_limit() -> None:
    """Its result, its errors and the question to the model to try again are what they are."""

    @tool(timeout=60)
    def good() -> int:
        """Give a number."""
        return 7

    @tool(timeout=60)
    async def bad() -> int:
        """Fail."""
        raise ValueError("broken")

    facts = await finished(good, bad, calls=[ToolCall("1", "good"), ToolCall("2", "bad")])
    texts = {fact.result.call_id: fact.result.text for fact in facts}
    assert texts == {"1": "7", "2": "bad failed: ValueError: broken"}


async def test_an_on_timeout_that_fails_is_an_error_for_the_model() -> None:
    """The run goes on."""

    def breaks(context: RunContext[None]) -> str:
        raise KeyError("lost")

    @tool(timeout=0.01, on_timeout=breaks)
    async def slow() -> str:
        """Never end."""
        await asyncio.Event().wait()
        return ""

    (fact,) = await finished(slow)
    assert fact.result.is_error


async def test_a_cancelled_run_cuts_its_timed_tools_off() -> None:
    """The token is set and the tool has cleaned up when `cancel` returns."""
    entered = asyncio.Event()
    cleaned: list[bool] = []

    @tool(timeout=60)
    async def slow(context: RunContext[None]) -> str:
        """Never end."""
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)
        return ""

    run = await Agent(ScriptedModel([ToolCall("1", "slow")]), tools=[slow]).start("go")
    await entered.wait()
    await run.cancel()
    assert (cleaned, run.state) == ([True], "cancelled")


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": "5"},
        {"on_timeout": "x"},
        {"poll_every": 5},
        {"poll": lambda info: info, "poll_every": -1},
        {"retries": -1},
        {"retries": True},
        {"retires": 1},
    ],
    ids="-".join,
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """Where the tool is declared, with the name of the option."""
    with pytest.raises(CallerError, match=next(iter(reversed(options)))):

        @tool(**options)
        def some() -> str:
            """Something."""
            return ""


async def test_an_on_timeout_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Blocking or not: the model hears that the time was up, and the run goes on."""
    monkeypatch.setattr(timing, "PARTIAL", 0.01)
    release = threading.Event()

    async def never(_: RunContext[None]) -> str:
        await asyncio.Event().wait()
        return ""

    for given in (lambda _: release.wait(10), never):

        @tool(timeout=0.01, on_timeout=given)
        async def slow() -> str:
            """Never end."""
            await asyncio.Event().wait()
            return ""

        (fact,) = await finished(slow)
        assert fact.result.text.startswith("slow was cut off after 0.01 s")
    assert caplog.text.count("on_timeout of tool slow failed") == 2
    release.set()
