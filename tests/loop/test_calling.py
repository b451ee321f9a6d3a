"""Retries of tools: each further attempt is announced on the journal before it is made."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journeyman import Agent, ModelRetry, RunContext, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ToolCall
from journeyman.journal import Fact, ToolFinished, ToolStarted, load
from journeyman.testing import record, replay


def flaky(failures: int, log: MemoryLog | None = None, **options: object):
    seen: list[tuple[int, str]] = []
    starts: list[int] = []

    @tool(retries=2, **options)
    async def fetch(context: RunContext[None]) -> str:
        """Fetch."""
        seen.append((context.attempt, context.idempotency_key.rpartition(":")[2]))
        if log is not None:
            facts = (await load(log, context.run_id)).facts
            starts.append(sum(isinstance(fact, ToolStarted) for fact in facts))
        if len(seen) <= failures:
            raise OSError(f"down {len(seen)}")
        return "fetched"

    return fetch, seen, starts


def of_calls(facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if isinstance(fact, ToolStarted | ToolFinished)]


async def test_a_tool_that_raises_is_run_again_as_a_further_attempt() -> None:
    """Each is durable before it is made, has its number and the same idempotency key, and says what was wrong before."""
    log = MemoryLog()
    fetch, seen, starts = flaky(2, log)
    result = await Agent(ScriptedModel([ToolCall("1", "fetch"), "done"]), tools=[fetch], journal=log).run("go")
    assert (seen, starts) == ([(1, "1"), (2, "1"), (3, "1")], [1, 2, 3])
    first, second, third, end = of_calls(list(result.facts))
    assert isinstance(first, ToolStarted)
    assert isinstance(second, ToolStarted)
    assert isinstance(third, ToolStarted)
    assert (first.failure, [second.attempt, third.attempt]) == (None, [2, 3])
    assert second.failure is not None
    assert second.failure.message == "fetch failed: OSError: down 1"
    assert isinstance(end, ToolFinished)
    assert end.result.text == "fetched"


async def test_retries_have_an_end_and_then_the_model_hears() -> None:
    """The last error is the result."""
    fetch, seen, _ = flaky(9)
    result = await Agent(ScriptedModel([ToolCall("1", "fetch"), "done"]), tools=[fetch]).run("go")
    assert len(seen) == 3
    assert result.messages[2].tool_results[0].text == "fetch failed: OSError: down 3"


async def test_what_the_model_has_to_mend_is_not_tried_again() -> None:
    """Neither arguments that do not fit nor `ModelRetry` are cured by running the tool once more."""
    ran: list[int] = []

    @tool(retries=5)
    async def pick(number: int) -> str:
        """Pick."""
        ran.append(number)
        raise ModelRetry("another one")

    calls = [ToolCall("1", "pick", '{"number": 1}'), ToolCall("2", "pick", '{"number": "x"}')]
    result = await Agent(ScriptedModel([calls, "done"]), tools=[pick]).run("go")
    assert (ran, result.output) == ([1], "done")


async def test_siblings_that_are_retried_do_not_wait_for_each_other() -> None:
    """Each has its own attempts; what one did is durable while the other is still trying."""
    first, seen_first, _ = flaky(1, name="first")
    second, seen_second, _ = flaky(2, name="second")
    log = MemoryLog()
    model = ScriptedModel([[ToolCall("1", "first"), ToolCall("2", "second")], "done"])
    result = await Agent(model, tools=[first, second], journal=log).run("go")
    assert ([len(seen_first), len(seen_second)], result.output) == ([2, 3], "done")
    assert [fact.seq for fact in result.facts] == list(range(len(result.facts)))


@pytest.mark.parametrize("failures", [1, 9])
async def test_retries_are_on_a_tape(tmp_path: Path, failures: int) -> None:
    """A replay has the same attempts, to the byte, and calls no tool."""

    def agent(log: MemoryLog):
        fetch, seen, _ = flaky(failures)
        slow, _, _ = flaky(0, name="slow", timeout=30)
        calls = [ToolCall("1", "fetch"), ToolCall("2", "slow")]
        return Agent(ScriptedModel([calls, "done"]), tools=[fetch, slow], journal=log), seen

    first, again = MemoryLog(), MemoryLog()
    with record(tmp_path / "tape.jsonl"):
        told = await agent(first)[0].run("go")
    with replay(tmp_path / "tape.jsonl"):
        replayed, seen = agent(again)
        retold = await replayed.run("go")
    assert (retold.facts, seen) == (told.facts, [])


async def test_a_retry_that_is_cut_off_is_in_doubt_like_any_call() -> None:
    """The journal says that a second attempt had begun."""
    entered = asyncio.Event()
    attempts: list[int] = []

    @tool(retries=3)
    async def fetch() -> str:
        """Fetch."""
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("down")
        entered.set()
        await asyncio.Event().wait()
        return ""

    run = await Agent(ScriptedModel([ToolCall("1", "fetch")]), tools=[fetch]).start("go")
    await entered.wait()
    await run.cancel()
    call = run.snapshot.call("1")
    assert call is not None
    assert (call.phase, call.attempt) == ("started", 2)


async def test_calls_of_two_turns_are_two_calls_whatever_their_ids() -> None:
    """A provider that gives both the same id would otherwise have the second one taken for the first, and never made."""
    seen: list[str] = []

    @tool(idempotent=True)
    async def pay(context: RunContext[None], amount: int) -> str:
        """Pay an amount."""
        seen.append(context.idempotency_key)
        return str(amount)

    model = ScriptedModel([ToolCall("same", "pay", '{"amount": 1}'), ToolCall("same", "pay", '{"amount": 2}'), "ok"])
    await Agent(model, tools=[pay]).run("go")
    assert len(set(seen)) == 2
