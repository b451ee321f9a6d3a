"""When a run that waits should be looked at again."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, Pending, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents.waiting import goes_on, tree_of, wakes_at
from journeyman.data import ToolCall

SECOND = 1_000_000


def order_tool(deadline: float | None = None) -> Any:
    @tool(poll=lambda _: Pending(), poll_every=60)
    async def order() -> str:
        """Order something."""
        raise Pending(deadline=deadline)

    return order


async def rested(*, below: bool, deadline: float | None = None) -> tuple[Any, int]:
    log = MemoryLog()
    order = order_tool(deadline)
    agent = Agent(ScriptedModel([ToolCall("1", "order")]), name="clerk", tools=[order], journal=log)
    if below:
        said = ToolCall("1", "clerk", '{"task": "t"}')
        agent = Agent(ScriptedModel([said]), name="boss", tools=[agent.as_tool()], journal=log)
    tree = await tree_of(log, (await agent.run("go")).run_id)
    # All runs of the tree at one moment, so that the figures are plain.
    at = max(rest.state.updated_at for rest in tree)
    return tuple(replace(rest, state=replace(rest.state, updated_at=at)) for rest in tree), at


@pytest.mark.parametrize("below", [False, True])
async def test_a_poll_that_said_nothing_is_made_again_after_its_time_and_not_at_once(*, below: bool) -> None:
    """Nothing is written for it, so that the run has rested as long as before: it is the next multiple that counts."""
    tree, at = await rested(below=below)
    assert () not in goes_on(tree, at + 59 * SECOND)
    assert () in goes_on(tree, at + 60 * SECOND)
    times = [wakes_at(tree, at + seconds * SECOND) for seconds in (0, 59, 60, 61, 130)]
    assert times == [at + seconds * SECOND for seconds in (60, 60, 120, 120, 180)]


async def test_a_deadline_before_the_next_poll_comes_first() -> None:
    """Whichever is sooner."""
    tree, at = await rested(below=False, deadline=90)
    ends = tree[0].state.calls[0].deadline
    assert wakes_at(tree, at) == at + 60 * SECOND
    assert wakes_at(tree, at + 61 * SECOND) == ends
    assert abs(ends - at - 90 * SECOND) < SECOND
