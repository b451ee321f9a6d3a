"""Runs that are cut off while a program has calls under way, and programs that end before their calls do."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, ModelRetry, RunAgain, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import CallerError, JourneymanError, LimitExceeded, Limits, ModelRequest, ToolCall, ToolResult
from journeyman.journal import Fact, RunCancelled, RunFailed, RunFinished, ToolCalled, ToolFinished, load
from journeyman.loop import Hooks, calling, inside
from journeyman.programs import Programs
from journeyman.tools import timing

BOTH = pytest.mark.parametrize("language", ["python", "lisp"])


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
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def let_go_thread() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def beside(language: str, *names: str, then: str = "") -> ToolCall:
    """A program that calls some tools without arguments side by side, and returns what they gave."""
    if language == "lisp":
        code = f"(return (pcalls {' '.join(f'#(tool/{name} {{}})' for name in names)}))"
    else:
        each = ", ".join(f"async_tools.{name}()" for name in names)
        code = f"import asyncio\nreturn list(await asyncio.gather({each}))"
    return ToolCall("p", "run_program", json.dumps({"code": then or code}))


async def facts_of(log: MemoryLog, run: str) -> Sequence[Fact]:
    return (await load(log, run)).facts


def results(facts: Sequence[Fact]) -> dict[str, str]:
    return {fact.result.call_id: fact.result.text for fact in facts if isinstance(fact, ToolFinished)}


@BOTH
async def test_a_tool_of_a_program_that_ignores_its_cancellation_is_reported(
    language: str, let_go: asyncio.Event
) -> None:
    """`cancel` comes back, the journal ends with the name of what may still be at work, and when that has ended at last it
    writes nothing more: the run may be somebody else's by then.
    """
    entered, log = asyncio.Event(), MemoryLog()

    @tool
    async def deaf() -> str:
        """Swallow every cancellation."""
        entered.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    @tool
    async def quick() -> str:
        """Be quick."""
        return "quick"

    programs = Programs(language=language, tools=[deaf, quick])
    agent = Agent(turns(beside(language, "quick", "deaf")), name="shop", programs=programs, journal=log)
    run = await agent.start("go")
    await entered.wait()
    async with asyncio.timeout(5):
        await run.cancel()
    facts = await facts_of(log, run.id)
    assert facts[-1] == RunCancelled(seq=facts[-1].seq, at=facts[-1].at, abandoned=("deaf",))
    assert results(facts) == {"p.0": "quick"}
    let_go.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert await facts_of(log, run.id) == facts
    waiting = await resume(run.id, agent=agent)
    assert [(call.id, call.kind) for call in waiting.pending] == [("p.1", "in_doubt")]
    result = await resume(run.id, agent=agent, answers={"p.1": RunAgain()})
    assert result.output == ["quick", "late"]


async def test_what_ends_after_the_run_writes_nothing(let_go: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interceptor that ignores that the run is over is reported as its tool, and its late word is not recorded."""
    monkeypatch.setattr(inside, "PATIENCE", 0.05)
    entered, log = asyncio.Event(), MemoryLog()

    @tool
    async def quick() -> str:
        """Be quick."""
        return "quick"

    async def deaf(name: str, arguments: dict[str, Any], result: ToolResult) -> None:
        entered.set()
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    programs = Programs(language="python", tools=[quick])
    model = turns(beside("python", "quick"))
    agent = Agent(model, name="shop", programs=programs, journal=log, hooks=Hooks(after_tool=deaf))
    run = await agent.start("go")
    await entered.wait()
    async with asyncio.timeout(5):
        await run.cancel()
    facts = await facts_of(log, run.id)
    assert facts[-1] == RunCancelled(seq=facts[-1].seq, at=facts[-1].at, abandoned=("quick",))
    let_go.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert await facts_of(log, run.id) == facts


@BOTH
async def test_a_blocking_tool_of_a_program_is_reported(language: str, let_go_thread: threading.Event) -> None:
    """A thread cannot be stopped: the journal says that its tool may still be at work, and the call is in doubt."""
    log, entered = MemoryLog(), asyncio.Event()
    loop = asyncio.get_running_loop()

    @tool
    def blocks() -> str:
        """Block."""
        loop.call_soon_threadsafe(entered.set)
        let_go_thread.wait()
        return "done"

    programs = Programs(language=language, tools=[blocks])
    agent = Agent(turns(beside(language, "blocks")), name="shop", programs=programs, journal=log)
    run = await agent.start("go")
    await entered.wait()
    async with asyncio.timeout(5):
        await run.cancel()
    last = (await facts_of(log, run.id))[-1]
    assert isinstance(last, RunCancelled)
    assert last.abandoned == ("blocks",)
    let_go_thread.set()
    result = await resume(run.id, agent=agent)
    assert [(call.id, call.kind) for call in result.pending] == [("p.0", "in_doubt")]
    assert (await resume(run.id, agent=agent, answers={"p.0": "it was done"})).output == ["it was done"]


@BOTH
async def test_a_tool_of_a_program_that_cleans_up_is_not_reported(language: str) -> None:
    """It has its moment of grace, as a tool that the model has called; that it was cut off leaves it in doubt."""
    log, entered = MemoryLog(), asyncio.Event()

    @tool
    async def careful() -> str:
        """Clean up when it is cut off."""
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "cleaned up"
        raise AssertionError

    programs = Programs(language=language, tools=[careful])
    agent = Agent(turns(beside(language, "careful")), name="shop", programs=programs, journal=log)
    run = await agent.start("go")
    await entered.wait()
    await run.cancel()
    last = (await facts_of(log, run.id))[-1]
    assert isinstance(last, RunCancelled)
    assert last.abandoned == ()
    assert [call.kind for call in (await resume(run.id, agent=agent)).pending] == ["in_doubt"]


@BOTH
async def test_the_deadline_cuts_a_program_off_and_leaves_a_run_that_goes_on(language: str) -> None:
    """The error names the limit, its value and its parameter; taken up with more time, only what had no outcome is asked."""
    log, slow = MemoryLog(), ["so far"]

    @tool(idempotent=True)
    async def waits() -> str:
        """Wait for ever, until the run has been cut off."""
        if slow:
            await asyncio.Event().wait()
        return "there"

    @tool(idempotent=True)
    async def quick() -> str:
        """Be quick."""
        return "quick"

    programs = Programs(language=language, tools=[waits, quick])
    agent = Agent(turns(beside(language, "quick", "waits")), name="shop", programs=programs, journal=log)
    with pytest.raises(LimitExceeded, match=r"deadline=0.3") as caught:
        await agent.run("go", limits=Limits(deadline=0.3))
    slow.clear()
    run = str(caught.value.run_id)
    assert isinstance((await facts_of(log, run))[-1], RunFailed)
    result = await resume(run, agent=agent, limits=Limits())
    assert result.output == ["quick", "there"]
    ended = [fact.result.call_id for fact in result.facts if isinstance(fact, ToolFinished)]
    assert sorted(ended) == ["p", "p.0", "p.1"]


@BOTH
async def test_a_stop_lets_the_program_come_to_its_end(language: str) -> None:
    """`stop` ends the run before the next request: what a program has called is on the journal, and its result with it."""
    log, entered, go_on = MemoryLog(), asyncio.Event(), asyncio.Event()

    @tool
    async def waits() -> str:
        """Wait a while."""
        entered.set()
        await go_on.wait()
        return "there"

    code = "print(waits())" if language == "python" else "(println (tool/waits {}))"
    programs = Programs(language=language, tools=[waits])
    model = turns(beside(language, then=code), "Done.")
    agent = Agent(model, name="shop", programs=programs, journal=log)
    run = await agent.start("go")
    await entered.wait()
    run.stop()
    go_on.set()
    result = await run.result()
    assert result.status == "stopped"
    assert result.facts[-1] == RunFinished(seq=result.facts[-1].seq, at=result.facts[-1].at, reason="stopped")
    assert "printed:\nthere" in result.messages[-1].tool_results[0].text
    assert (await resume(run.id, agent=agent)).output == "Done."


@BOTH
async def test_a_program_that_ends_while_calls_are_under_way_loses_none_of_them(language: str) -> None:
    """One of three calls side by side fails and the program with it: the two others go on, and their results are recorded."""
    log, failed = MemoryLog(), asyncio.Event()

    @tool
    async def fails() -> str:
        """Fail."""
        failed.set()
        raise ModelRetry("no such thing")

    @tool
    async def slow() -> str:
        """Take longer than the one that fails."""
        await failed.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        return "done all the same"

    programs = Programs(language=language, tools=[slow, fails])
    model = turns(beside(language, "slow", "fails", "slow"), "Done.")
    result = await Agent(model, name="shop", programs=programs, journal=log).run("go")
    assert result.output == "Done."
    told = results(result.facts)
    assert (told["p.0"], told["p.2"]) == ("done all the same", "done all the same")
    assert "no such thing" in told["p.1"]
    assert "no such thing" in result.messages[2].tool_results[0].text
    assert [fact.call_id for fact in result.facts if isinstance(fact, ToolCalled)] == ["p.0", "p.1", "p.2"]


class BrokenLog(MemoryLog):
    """Refuses the first append that holds the result of a certain call."""

    def __init__(self, call_id: str) -> None:
        super().__init__()
        self.broken = [call_id]

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if any(isinstance(fact, ToolFinished) and fact.result.call_id in self.broken for fact in facts):
            self.broken.clear()
            raise OSError("no space left on device")
        await super().append(run, at, facts)


@BOTH
async def test_a_journal_that_cannot_be_written_is_no_fault_of_the_tool(language: str) -> None:
    """The result of a call cannot be recorded: neither program nor model is told that its tool failed; the run breaks off, and
    when it is taken up the call, which may well have had its effect, is in doubt.
    """
    log = BrokenLog("p.0")
    done: list[str] = []

    @tool
    async def charge() -> str:
        """Charge; not idempotent."""
        done.append("charge")
        return "charged"

    programs = Programs(language=language, tools=[charge])
    agent = Agent(turns(beside(language, "charge")), name="shop", programs=programs, journal=log)
    with pytest.raises(JourneymanError, match="no space left on device") as caught:
        await agent.run("go")
    run = str(caught.value.run_id)
    result = await resume(run, agent=agent)
    assert [(call.id, call.kind) for call in result.pending] == [("p.0", "in_doubt")]
    result = await resume(run, agent=agent, answers={"p.0": "charged"})
    assert result.output == ["charged"]
    assert done == ["charge"]


@BOTH
async def test_what_an_interceptor_puts_in_a_results_place_reaches_the_program(language: str) -> None:
    """Words in the place of a value are words to the program too, and no error of ours."""

    @tool
    async def look() -> dict[str, str]:
        """Look."""
        return {"secret": "x"}

    hooks = Hooks(after_tool=lambda name, _, result: replace(result, content="kept back") if name == "look" else None)
    programs = Programs(language=language, tools=[look])
    result = await Agent(turns(beside(language, "look")), programs=programs, hooks=hooks).run("go")
    assert result.output == ["kept back"]


async def test_a_program_outside_a_run_is_refused() -> None:
    """The tool that runs programs needs the run whose journal it writes to."""
    from journeyman.agents import programming
    from journeyman.tools import RunContext

    offer = Agent(turns("x"), programs=Programs()).definition.plan.programs
    assert offer is not None
    with pytest.raises(CallerError, match="within a run"):
        programming._Program(RunContext(deps=None), offer, "1")
