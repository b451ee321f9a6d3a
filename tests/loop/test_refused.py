"""A journal that refuses facts while several tools are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from journeyman import Agent, CallerError, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ToolCall
from journeyman.journal import ChildStarted, Fact, ToolStarted


class Refuses(MemoryLog):
    """Takes its time with the first second attempt of a tool, or with the first run below, and then does not take it."""

    refused = False

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        what = any(
            isinstance(fact, ChildStarted) or (isinstance(fact, ToolStarted) and fact.attempt > 1) for fact in facts
        )
        if what and not self.refused:
            for _ in range(20):
                await asyncio.sleep(0)
            self.refused = True
            raise CallerError("the disk is full")
        await super().append(run, at, facts)


async def test_no_attempt_is_made_whose_announcement_was_taken_back_with_another_one() -> None:
    """Two tools fail and are to be called again; the journal refuses the first one's second attempt, and neither is made."""
    tried: list[str] = []

    @tool(retries=1)
    async def pay(amount: int) -> str:
        """Pay an amount."""
        tried.append(f"pay {amount}")
        raise OSError("no answer")

    calls = [ToolCall(str(amount), "pay", f'{{"amount": {amount}}}') for amount in (1, 2)]
    with pytest.raises(CallerError, match="disk is full"):
        await Agent(ScriptedModel([calls, "ok"]), tools=[pay], journal=Refuses()).run("go")
    assert tried == ["pay 1", "pay 2"]


async def test_no_run_below_begins_whose_announcement_was_taken_back_with_another_one() -> None:
    """Two tasks are handed on; the journal refuses the first one's announcement, and no run begins; the model is told."""
    asked: list[str] = []
    clerk = Agent(ScriptedModel([lambda request: asked.append(request.messages[0].text) or "ok"] * 2), name="clerk")
    calls = [ToolCall(str(n), "clerk", f'{{"task": "task {n}"}}') for n in (1, 2)]
    log = Refuses()
    result = await Agent(ScriptedModel([calls, "ok"]), tools=[clerk.as_tool()], journal=log).run("go")
    assert asked == []
    assert ["disk is full" in part.text for part in result.messages[-2].tool_results] == [True, True]
    assert len((await log.runs()).rows) == 1
