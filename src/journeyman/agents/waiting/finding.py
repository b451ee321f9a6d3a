"""What there is to tell a run that waits before it goes on: what nobody answers any more, and what came of it meanwhile."""

from __future__ import annotations

import asyncio

from ...compose import clock, cost
from ...data import ToolResult
from ...guard import Ledger
from ...journal import CallState, Fact, Log, RunState, ToolResolved
from ...loop import Control, Drive, Opening, Plan, World, surroundings
from ...observe import Feed
from .below import plans_of
from .going_on import Rest, free_children, goes_on, is_over, tree_of


async def found(state: RunState, drive: Drive) -> list[Fact]:
    """The facts with which a run that was at rest goes on; none where nothing can be done for it.

    Calls that waited long enough, outcomes of tools that were asked for them, and runs below that can go on. What tools of
    runs below said is on their journals by then.
    """
    pending = [call for call in state.calls if call.phase == "pending"]
    if not pending:
        return []
    now = drive.world.clock()
    facts: list[Fact] = [
        ToolResolved(call_id=call.call.id, result=ToolResult(call.call.id, _too_late(call), is_error=True))
        for call in pending
        if is_over(call, now)
    ]
    waits = [call for call in pending if not is_over(call, now)]
    if any(call.waits_for_child for call in waits):
        facts += await _found_below(state.run, drive, now)
    return [*facts, *await drive.calling.poll(waits)]


async def _found_below(run: str, drive: Drive, now: int) -> list[ToolResolved]:
    log = drive.world.log
    tree = await tree_of(log, run)
    if await _asked(tree, drive, now):
        tree = await tree_of(log, run)
    # Tools were asked already: where nothing came of it, nothing is written, be it there or in the runs above.
    return list(free_children(tree, goes_on(tree, now, polls=False), ()))


async def _asked(tree: tuple[Rest, ...], drive: Drive, now: int) -> bool:
    """Ask the tools of runs below; whether one of them had something to say.

    Those of a run that goes on in any case are asked when it does.
    """
    due, able = goes_on(tree, now), goes_on(tree, now, polls=False)
    if due == able:
        return False
    plans = plans_of(tree, drive.plan)
    asking = [
        _asked_one(drive.world.log, rest, plans[rest.path], now)
        for rest in tree
        if rest.path in due - able and rest.path in plans and rest.path
    ]
    said = await asyncio.gather(*asking, return_exceptions=True)
    for outcome in said:
        if isinstance(outcome, BaseException):
            raise outcome
    return any(said)


async def _asked_one(log: Log, rest: Rest, plan: Plan, now: int) -> bool:
    """As if somebody had answered: what a tool says stands in the journal of the run whose call it is, and nothing else."""
    state = rest.state
    asked = [call for call in state.calls if call.poll_every is not None and not is_over(call, now)]
    if not asked:
        return False
    around = surroundings.get()
    opening = Opening(agent=plan.agent, fingerprint=plan.fingerprint, parent=state.parent, resumes=state.run)
    track = None if around is None else around.open(opening)
    time = clock if track is None else track.time
    world = World(log=log, clock=time, feed=Feed(), ledger=Ledger(state.limits, cost), track=track)
    drive = Drive(state, plan, world, Control(), facts=rest.facts)
    try:
        facts = await drive.calling.poll(asked)
        for fact in facts:
            drive.record(fact)
        await drive.commit()
    finally:
        if track is not None:
            track.close()
    return bool(facts)


def _too_late(call: CallState) -> str:
    wanted = "approved" if call.reason == "approval" else "answered"
    return f"Nobody {wanted} this call before its time was over."
