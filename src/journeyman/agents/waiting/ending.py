"""A run that nobody is to answer any more."""

from __future__ import annotations

from msgspec.structs import replace

from ...compose import clock, open_journal
from ...data import Conflict
from ...journal import Fact, Log, RunCancelled, RunFinished, RunState, exists, load
from ...loop import blocking
from .going_on import is_at_work, tree_of

_TRIES = 5


async def cancel_run(run_id: str, *, journal: str | Log) -> tuple[str, ...]:
    """Cancel a run that rests, and the runs below it for which it waits; gives the ids of those that this has ended.

    What was said and done stays on the journal, and `resume` can take it up again. Raises `CallerError` for an unknown run,
    `Conflict` for one that is at work: cancel it by its handle or in its queue.
    """
    async with open_journal(journal) as log:
        tree = await tree_of(log, run_id)
        for rest in tree:
            if is_at_work(rest):
                raise Conflict(
                    f"run {rest.state.run} is at work (or was cut off at it); cancel it by the handle that holds it"
                )
        ended: list[str] = []
        # From the outermost run down: cut off in between, there is no run above that looks as if it could go on.
        for rest in tree:
            if not rest.state.ended:
                fact: Fact = replace(RunCancelled(), seq=rest.state.next_seq, at=clock())
                await log.append(rest.state.run, rest.state.next_seq, [fact])
                ended.append(rest.state.run)
    return tuple(ended)


async def end_tree(
    run_id: str, fact: RunCancelled | RunFinished | None = None, *, journal: str | Log
) -> tuple[str, ...]:
    """The same with runs that somebody may be at work on, or was cut off at: for those who know that nobody is to go on.

    Whoever is at work finds out with the next fact that he tries to write: the journal is the fence. Runs below are ended
    whether they wait or not, also where the run above them has its end already. `fact` is the end, `RunCancelled` if nothing is
    said. Raises `Conflict` where somebody writes faster than this can.
    """
    ended: list[str] = []
    async with open_journal(journal) as log:
        left, seen = [run_id], {run_id}
        # A loop, for how deep agents hand tasks on is not ours to limit.
        while left:
            before = await _end(log, left.pop(), fact or RunCancelled())
            if not before.ended:
                ended.append(before.run)
            below = {call.child for call in before.calls if call.child is not None and call.phase != "done"} - seen
            seen |= below
            # A crash may have come between a run's word of the one below and that one's first fact.
            left += [child for child in sorted(below) if await exists(log, child)]
    return tuple(ended)


async def _end(log: Log, run: str, fact: Fact) -> RunState:
    """End a run that has not ended; gives it as it was before."""
    tries = _TRIES
    while True:
        state = (await load(log, run)).state
        if state.ended:
            return state
        tries -= 1
        try:
            await log.append(run, state.next_seq, [replace(fact, seq=state.next_seq, at=clock())])
        except Conflict as error:
            # Whoever is at work on it has just written the next fact.
            if tries == 0:
                raise Conflict(f"run {run} is at work somewhere else, so it could not be ended; try again") from error
        else:
            return state


cancel_run_sync = blocking(cancel_run)
