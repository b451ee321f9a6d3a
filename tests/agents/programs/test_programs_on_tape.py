"""Runs with programs on a tape: no tool is called again, and their journals come again to the byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from journeyman import Agent, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve, advance, answer
from journeyman.data import ModelRequest, ReplayMismatch, ToolCall
from journeyman.journal import Fact, encode_fact, load
from journeyman.programs import Programs
from journeyman.testing import record, replay

SECRET = "known to the one who records and to the one who replays"

CODES = {
    "python": """
import asyncio
first = look(at="door")
found = await asyncio.gather(async_tools.look(at="wall"), async_tools.ask(who=first["saw"]), async_tools.pay(amount=3))
print("found", len(found))
return {"found": found, "told": clerk(task="Look.")}
""",
    "lisp": """
(def seen (tool/look {:at "door"}))
(def found (pcalls #(tool/look {:at "wall"}) #(tool/ask {:who (:saw seen)}) #(tool/pay {:amount 3})))
(println "found" (count found))
(return {:found found :told (tool/clerk {:task "Look."})})
""",
}
OUTPUT = {"found": [{"saw": "wall"}, ["window", 1], "paid 3"], "told": "clerk: done"}


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def program(code: str, call_id: str = "p") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": code}))


def shop(language: str, log: MemoryLog, calls: list[str], secret: str | None = SECRET) -> Agent[Any]:
    @tool
    async def look(at: str) -> dict[str, str]:
        """Look."""
        calls.append("look")
        return {"saw": at}

    @tool
    def ask(who: str) -> list[Any]:
        """Ask."""
        calls.append("ask")
        raise Pending(who)

    @tool(requires_approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        calls.append("pay")
        return f"paid {amount}"

    clerk = Agent(turns(ToolCall("l", "look", '{"at": "x"}'), "clerk: done"), name="clerk", tools=[look])
    programs = Programs(language=language, tools=[look, ask, pay, clerk.as_tool()])
    model = turns([program("1 +", "w"), ToolCall("l", "look", '{"at": "y"}')], program(CODES[language]))
    return Agent(model, name="shop", tools=[look], programs=programs, journal=log, secret=secret)


async def work(language: str, log: MemoryLog, calls: list[str], secret: str | None = SECRET) -> str:
    agent = shop(language, log, calls, secret)
    waiting = await agent.run("go")
    asked, approval = waiting.pending
    await answer(waiting.run_id, {asked.id: ["window", 1]}, journal=log, secret=secret)
    waiting = await advance(waiting.run_id, agent=agent)
    (approval,) = waiting.pending
    result = await resume(waiting.run_id, agent=agent, answers={approval.id: Approve(token=approval.token)})
    assert result.output == OUTPUT
    return result.run_id


async def everything(log: MemoryLog) -> dict[str, Sequence[Fact]]:
    return {row.run: (await load(log, row.run)).facts for row in (await log.runs()).rows}


def as_lines(facts: dict[str, Sequence[Fact]]) -> list[bytes]:
    return [encode_fact(run, fact) for run in sorted(facts) for fact in facts[run]]


@pytest.mark.parametrize("secret", [SECRET, None], ids=["a secret", "no secret"])
@pytest.mark.parametrize("language", list(CODES))
async def test_a_run_with_programs_is_replayed_to_the_byte(language: str, secret: str | None, tmp_path: Path) -> None:
    """Parallel calls, two waits (one answered without work), a run below and a program that does not run: on the tape they
    give the very same lines of every journal, snapshots and computing times included, and no tool is called.
    """
    tape = tmp_path / "tape.jsonl"
    first, again = MemoryLog(), MemoryLog()
    calls: list[str] = []
    with record(tape):
        run = await work(language, first, calls, secret)
    assert sorted(calls) == ["ask", "look", "look", "look", "look", "pay"]
    calls.clear()
    with replay(tape):
        assert await work(language, again, calls, secret) == run
    assert calls == []
    assert as_lines(await everything(again)) == as_lines(await everything(first))
    assert len(await everything(first)) == 2


@pytest.mark.parametrize("language", list(CODES))
async def test_another_program_than_on_the_tape_is_told(language: str, tmp_path: Path) -> None:
    """A program whose calls are not those of the tape (its data was changed) raises `ReplayMismatch`, and calls nothing."""
    codes = {"python": 'return look(at=data["at"])', "lisp": "(return (tool/look {:at data/at}))"}
    calls: list[str] = []

    @tool
    async def look(at: str) -> str:
        """Look."""
        calls.append(at)
        return at

    async def run(at: str) -> Any:
        programs = Programs(language=language, tools=[look], data={"at": at})
        return await Agent(turns(program(codes[language])), name="shop", programs=programs).run("go")

    with record(tmp_path / "tape.jsonl"):
        assert (await run("wall")).output == "wall"
    with pytest.raises(ReplayMismatch), replay(tmp_path / "tape.jsonl"):
        await run("door")
    assert calls == ["wall"]
