"""Order of effects: what is durable before what happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from journeyman import Agent, CallerError, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest, ModelResponse, ToolCall
from journeyman.journal import Fact, RunQuery, ToolStarted, encode_fact
from journeyman.models import Emit
from journeyman.providers import Capabilities


class Watched(MemoryLog):
    """Notes each commit among the other events of a test; can be made to fail."""

    def __init__(self, events: list[str]) -> None:
        super().__init__()
        self.events = events
        self.full = False

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if self.full:
            raise CallerError("the disk is full")
        await super().append(run, at, facts)
        self.events.append("+".join(type(fact).__name__ for fact in facts))


class Speaks:
    """A model that notes when it is asked."""

    name = "test:model"
    capabilities = Capabilities()

    def __init__(self, events: list[str], script: list[Any]) -> None:
        self.events = events
        self.inner = ScriptedModel(script)

    async def respond(self, request: ModelRequest, emit: Emit | None = None, record: object = None) -> ModelResponse:
        self.events.append("(asked)")
        return await self.inner.respond(request, emit)

    def preview(self, request: ModelRequest, *, stream: bool = False) -> None:
        return None


async def test_intent_is_durable_before_effect_in_two_commits_a_round() -> None:
    """A request is on the journal before it leaves, a tool call before the tool runs; an answer and what follows from it
    are one commit.
    """
    events: list[str] = []

    @tool
    async def act() -> str:
        """Act."""
        events.append("(acted)")
        return "done"

    model = Speaks(events, [ToolCall("1", "act"), "ok"])
    await Agent(model, tools=[act], journal=Watched(events)).run("go")
    assert events == [
        "RunStarted+ModelRequested",
        "(asked)",
        "ModelResponded+ToolStarted",
        "(acted)",
        "ToolFinished+ModelRequested",
        "(asked)",
        "ModelResponded+RunFinished",
    ]


async def test_a_journal_that_cannot_be_written_stops_the_run_before_the_effect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No tool runs whose intent is not durable; the caller gets the journal's error."""
    events: list[str] = []
    log = Watched(events)

    @tool
    async def act() -> str:
        """Act."""
        events.append("(acted)")
        return "done"

    def fills(request: ModelRequest) -> ToolCall:
        log.full = True
        return ToolCall("1", "act")

    with caplog.at_level(logging.WARNING), pytest.raises(CallerError, match="disk is full"):
        await Agent(ScriptedModel([fills]), tools=[act], journal=log).run("go")
    assert "(acted)" not in events
    assert "could not be recorded" in caplog.text


async def test_a_fact_that_cannot_be_written_fails_the_run_and_the_failure_is_kept() -> None:
    """The run's end stands right after what could be written, and the run can be resumed."""

    class Picky(MemoryLog):
        async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
            if any(isinstance(fact, ToolStarted) for fact in facts):
                raise CallerError("this cannot be written")
            await super().append(run, at, facts)

    log = Picky()
    with pytest.raises(CallerError, match="cannot be written"):
        await Agent(ScriptedModel([ToolCall("1", "act_quietly")]), tools=[act_quietly], journal=log).run("go")
    (row,) = (await log.runs(RunQuery())).rows
    facts = [type(fact).__name__ async for fact in log.read(row.run)]
    assert facts == ["RunStarted", "ModelRequested", "RunFailed"]
    assert row.status == "errored"


async def test_the_same_run_writes_the_same_bytes() -> None:
    """With clock and id taken out, two runs of the same script have the same journal, byte for byte."""

    @tool
    async def act(n: int) -> str:
        """Act."""
        for _ in range(3 - n):
            await asyncio.sleep(0)
        return f"did {n}"

    async def journal() -> list[bytes]:
        calls = [ToolCall(str(n), "act", f'{{"n": {n}}}') for n in range(3)]
        result = await Agent(ScriptedModel([calls, "ok"]), tools=[act]).run("go")
        from msgspec.structs import replace

        return [encode_fact("r", replace(fact, at=0)) for fact in result.facts]

    assert await journal() == await journal()


class Slow(MemoryLog):
    """Writes at once and says so late, like a disk."""

    def __init__(self) -> None:
        super().__init__()
        self.writing = asyncio.Event()
        self.release = asyncio.Event()

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        await super().append(run, at, facts)
        self.writing.set()
        await self.release.wait()

    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        return super().read(run, after)


async def test_a_run_cancelled_while_it_writes_has_a_whole_journal() -> None:
    """The append that was under way and the cancellation are both there, in order and without a gap."""
    log = Slow()
    run_task = asyncio.ensure_future(Agent(ScriptedModel(["ok"]), journal=log).run("go"))
    await log.writing.wait()
    run_task.cancel()
    log.release.set()
    with pytest.raises(asyncio.CancelledError):
        await run_task
    (row,) = (await log.runs(RunQuery())).rows
    facts = [fact async for fact in log.read(row.run)]
    assert [type(fact).__name__ for fact in facts] == ["RunStarted", "ModelRequested", "RunCancelled"]
    assert [fact.seq for fact in facts] == [0, 1, 2]


async def test_readers_get_facts_only_after_they_are_durable() -> None:
    """What a reader sees is in the log already."""
    log = MemoryLog()
    run = await Agent(ScriptedModel([ToolCall("1", "act"), "ok"]), tools=[act_quietly], journal=log).start("go")
    async for fact in run.facts():
        stored = [item async for item in log.read(run.id)]
        assert fact in stored


@tool
async def act_quietly() -> str:
    """Act."""
    return "done"
