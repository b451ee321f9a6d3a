"""Waits, answers, polls and approvals of a tree of runs are on a tape, and come again to the byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journeyman import Agent, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve, Reject, advance, answer
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import Fact, load
from journeyman.loop import Hooks
from journeyman.testing import record, replay


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def family(log: MemoryLog, calls: list[str], polls: list[Any]) -> Agent[str]:
    @tool
    async def ask() -> str:
        """Ask."""
        calls.append("ask")
        raise Pending("?", deadline=1000, response="One moment.")

    @tool(requires_approval=True)
    async def pay() -> str:
        """Pay."""
        calls.append("pay")
        return "paid"

    @tool(pending=True, poll=lambda _: polls.pop(0))
    async def order() -> str:
        """Order."""
        calls.append("order")
        return "ordered"

    child = Agent(turns([ToolCall("1", "ask"), ToolCall("2", "pay")], "child done"), name="child", tools=[ask, pay])
    said = [ToolCall("1", "child", '{"task": "t"}'), ToolCall("2", "pay"), ToolCall("3", "order")]
    hooks = Hooks(after_tool=lambda *_: None)
    return Agent(turns(said, "done"), name="boss", tools=[child.as_tool(), pay, order], journal=log, hooks=hooks)


async def work(log: MemoryLog, calls: list[str], polls: list[Any]) -> str:
    boss = family(log, calls, polls)
    waiting = await boss.run("go")
    assert {call.id for call in waiting.pending} == {"1/1", "1/2", "2", "3"}
    await resume(waiting.run_id, agent=boss, answers={"1/2": Approve(), "2": Reject("no")})
    await answer(waiting.run_id, {"1/1": "yes"}, journal=log)
    result = await advance(waiting.run_id, agent=boss)
    assert result.output == "done"
    return result.run_id


async def everything(log: MemoryLog) -> dict[str, tuple[Fact, ...]]:
    return {row.run: (await load(log, row.run)).facts for row in (await log.runs()).rows}


async def test_a_whole_tree_of_waits_is_replayed_to_the_byte(tmp_path: Path) -> None:
    """Answers through `resume` and through `answer`, a poll without and one with an outcome; no tool is called again."""
    tape = tmp_path / "tape.jsonl"
    first, again = MemoryLog(), MemoryLog()
    calls: list[str] = []
    with record(tape):
        run = await work(first, calls, [Pending(), "here"])
    assert sorted(calls) == ["ask", "order", "pay"]
    calls.clear()
    with replay(tape):
        assert await work(again, calls, []) == run
    assert calls == []
    assert await everything(again) == await everything(first)
    assert len(await everything(first)) == 2
