"""The calls of a program beside each other, and a journal that does not take what is said of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from journeyman import Agent, CallerError, Conflict, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import JourneymanError, ToolCall
from journeyman.journal import Fact, ToolCalled, ToolFinished, ToolStarted, load
from journeyman.loop import Hooks
from journeyman.programs import Programs

CODE = """
import asyncio
return await asyncio.gather(async_tools.pay(amount=1), async_tools.pay(amount=2), async_tools.pay(amount=3))
"""
FAILURES = (Conflict("somebody else was first"), CallerError("the disk is full"))


class Refuses(MemoryLog):
    """Takes its time with the first facts that are as described, and then does not take them."""

    def __init__(self, what: Callable[[Fact], bool], error: Exception) -> None:
        super().__init__()
        self._what = what
        self._error: Exception | None = error

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if self._error is not None and any(map(self._what, facts)):
            for _ in range(20):
                await asyncio.sleep(0)
            error, self._error = self._error, None
            raise error
        await super().append(run, at, facts)


def payer(paid: list[int], *, together: int = 1, **options: Any) -> Agent[Any]:
    under_way = asyncio.Barrier(together)

    @tool
    async def pay(amount: int) -> str:
        """Pay an amount, when so many are under way."""
        await under_way.wait()
        paid.append(amount)
        return f"paid {amount}"

    call = ToolCall("p", "run_program", json.dumps({"code": CODE}))
    return Agent(ScriptedModel([call]), name="payer", programs=Programs(tools=[pay]), **options)


async def run_of(log: MemoryLog) -> str:
    (row,) = (await log.runs()).rows
    return row.run


@pytest.mark.parametrize("error", FAILURES, ids=["another writer", "an outage"])
async def test_no_call_is_made_whose_announcement_was_taken_back_with_another_one(error: JourneymanError):
    """Of three payments side by side the first one's announcement fails, and none of them is made; each is once the run goes on."""
    paid: list[int] = []
    log = Refuses(lambda fact: isinstance(fact, ToolStarted) and fact.name == "pay", error)
    agent = payer(paid, journal=log)
    with pytest.raises(Conflict, match=str(error)):
        await agent.run("go")
    assert paid == []
    result = await resume(await run_of(log), agent=agent)
    assert result.output == ["paid 1", "paid 2", "paid 3"]
    assert sorted(paid) == [1, 2, 3]


@pytest.mark.parametrize("error", FAILURES, ids=["another writer", "an outage"])
@pytest.mark.parametrize("changes", [1, 10])
async def test_a_call_that_is_prepared_while_its_announcement_is_taken_back_is_not_made(
    error: JourneymanError, changes: int
):
    """A hook holds up the second and third payment until the first one's announcement has failed, and the calls themselves."""
    paid: list[int] = []

    async def hold(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
        if name != "pay" or arguments["amount"] == 1:
            return None
        for _ in range(40):
            await asyncio.sleep(0)
        return {"amount": arguments["amount"] * changes}

    log = Refuses(lambda fact: isinstance(fact, ToolCalled), error)
    with pytest.raises(Conflict, match=str(error)):
        await payer(paid, journal=log, hooks=Hooks(before_tool=hold)).run("go")
    assert paid == []


@pytest.mark.parametrize("error", FAILURES, ids=["another writer", "an outage"])
async def test_payments_whose_outcomes_could_not_be_written_are_in_doubt(error: JourneymanError):
    """The model is not told that its program failed, which would have it pay again: somebody is asked what happened."""
    paid: list[int] = []
    log = Refuses(lambda fact: isinstance(fact, ToolFinished) and fact.result.call_id.startswith("p."), error)
    agent = payer(paid, together=3, journal=log)
    with pytest.raises(Conflict, match=str(error)):
        await agent.run("go")
    state = (await load(log, await run_of(log))).state
    assert [call.phase for call in state.calls_of("p")] == ["started", "started", "started"]
    result = await resume(state.run, agent=agent)
    assert [call.kind for call in result.pending] == ["in_doubt"] * 3
    answers = {call.id: f"paid {json.loads(call.arguments)['amount']}" for call in result.pending}
    result = await resume(state.run, agent=agent, answers=answers)
    assert result.output == ["paid 1", "paid 2", "paid 3"]
    assert sorted(paid) == [1, 2, 3]
