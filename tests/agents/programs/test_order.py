"""In which order a program hears of its calls: the order of the journal, so that it does the same when it is run again.

Each program here hands what it has heard so far to its next call, a plain one that lets the branches beside it wait: run again in
another order, it would make another call, and the run would stop.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from journeyman import Agent, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import RunResult, answer
from journeyman.data import ToolCall
from journeyman.journal import Fact, ProgramSuspended, ToolCalled, ToolFinished, load
from journeyman.programs import Programs

CODE = """
import asyncio
heard = []

async def branch(number):
    await async_tools.slow(number=number)
    heard.append(number)
    return note(heard=list(heard))

return list(await asyncio.gather({branches}))
"""


def agent(branches: int, slow: Callable[[int], Awaitable[str]], secret: str = "the secret of here") -> Agent[Any]:  # noqa: S107
    async def slow_tool(number: int) -> str:
        """Take its time."""
        return await slow(number)

    @tool(idempotent=True)
    async def note(heard: list[int]) -> list[int]:
        """Take down what was heard."""
        return heard

    code = CODE.format(branches=", ".join(f"branch({number})" for number in range(branches)))
    model = ScriptedModel([ToolCall("p", "run_program", json.dumps({"code": code}))] * 9)
    given = [tool(idempotent=True, name="slow")(slow_tool), note]
    return Agent(model, name="order", programs=Programs(tools=given), secret=secret)


async def cut_after(facts: Sequence[Fact], last: Callable[[Fact], bool]) -> MemoryLog:
    """A journal as a crash leaves it right behind the first such fact."""
    log = MemoryLog()
    at = next(place for place, fact in enumerate(facts) if last(fact))
    await log.append("r", 0, facts[: at + 1])
    return log


def notes(result: RunResult[Any]) -> list[Any]:
    return [
        json.loads(fact.arguments)["heard"]
        for fact in result.facts
        if isinstance(fact, ToolCalled) and fact.name == "note"
    ]


def is_note(fact: Fact) -> bool:
    return isinstance(fact, ToolCalled) and fact.name == "note"


class HeldUp(MemoryLog):
    """Takes the result of one call only when it is let go, so that those after it are written together."""

    def __init__(self, call_id: str) -> None:
        super().__init__()
        self.call_id = call_id
        self.reached, self.let_go = asyncio.Event(), asyncio.Event()

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if any(isinstance(fact, ToolFinished) and fact.result.call_id == self.call_id for fact in facts):
            self.reached.set()
            await self.let_go.wait()
        await super().append(run, at, facts)


async def test_calls_that_end_at_once_are_heard_of_as_the_journal_has_them() -> None:
    """The last of three calls ends first; behind it the second one, and then the first, are written in one commit."""
    log = HeldUp("p.2")
    second = asyncio.Event()

    async def slow(number: int) -> str:
        if number < 2:
            await log.reached.wait()
        if number == 0:
            await second.wait()
            for _ in range(20):
                await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(log.let_go.set)
        if number == 1:
            second.set()
        return "slow"

    result = await agent(3, slow).run("go", journal=log)
    ended = [fact.result.call_id for fact in result.facts if isinstance(fact, ToolFinished)]
    assert ended[:3] == ["p.2", "p.1", "p.0"]
    assert notes(result)[-1] == [2, 1, 0]

    async def quick(number: int) -> str:
        raise AssertionError(f"{number} has its result")

    for count in range(1, 4):
        made = [fact for fact in result.facts if is_note(fact)][count - 1]
        log = await cut_after(result.facts, lambda fact, made=made: fact is made)  # type: ignore[misc]
        again = await resume("r", agent=agent(3, quick), journal=log)
        assert again.output == result.output
        assert notes(again) == notes(result)


async def wait(number: int) -> str:
    raise Pending(number)


async def test_answers_that_came_together_are_heard_of_as_they_came() -> None:
    """Answered last first, and taken up by a process that cannot read the snapshot: so it hears of them, and so it does again
    when that process is gone.
    """
    log = MemoryLog()
    waiting = await agent(2, wait).run("go", journal=log)
    await answer(waiting.run_id, {"p.1": "one"}, journal=log, secret="the secret of here")
    await answer(waiting.run_id, {"p.0": "nought"}, journal=log, secret="the secret of here")
    result = await resume(waiting.run_id, agent=agent(2, wait, "the secret of elsewhere"), journal=log)
    assert notes(result) == [[1], [1, 0]]
    for secret in ("the secret of here", "the secret of elsewhere"):
        cut = await cut_after(result.facts, is_note)
        again = await resume("r", agent=agent(2, wait, secret), journal=cut)
        assert again.output == result.output
        assert notes(again) == notes(result)


async def test_a_call_that_ended_unheard_is_heard_of_after_a_crash_and_a_wait() -> None:
    """One branch lets the program wait while the other's call ends. Cut off there, run again, suspended and answered, it still
    hears of that call, and does not wait for what came long ago.
    """
    first = asyncio.Event()

    @tool(idempotent=True)
    async def get(number: int) -> int:
        """Give a number; the second one when the first branch has gone on."""
        if number == 1:
            await first.wait()
        return number

    @tool(idempotent=True)
    async def ask() -> str:
        """Ask."""
        first.set()
        raise Pending

    code = """
import asyncio

async def asks():
    return [await async_tools.get(number=0), ask()]

async def gets():
    return await async_tools.get(number=1)

return list(await asyncio.gather(asks(), gets()))
"""
    model = ScriptedModel([ToolCall("p", "run_program", json.dumps({"code": code}))] * 9)
    shop = Agent(model, name="unheard", programs=Programs(tools=[get, ask]))
    log = MemoryLog()
    waiting = await shop.run("go", journal=log)
    (suspended,) = [fact for fact in waiting.facts if isinstance(fact, ProgramSuspended)]
    assert suspended.heard == (0,)
    straight = await resume(waiting.run_id, agent=shop, journal=log, answers={"p.2": "yes"})
    assert straight.output == [[0, "yes"], 1]
    cut = MemoryLog()
    await cut.append("r", 0, waiting.facts[: suspended.seq])
    waiting = await resume("r", agent=shop, journal=cut)
    assert [fact.heard for fact in waiting.facts if isinstance(fact, ProgramSuspended)] == [(0,)]
    result = await resume("r", agent=shop, journal=cut, answers={"p.2": "yes"})
    assert (result.status, result.output) == ("finished", straight.output)
    assert (await load(cut, "r")).state.status == "finished"
