"""A run that rests and the runs below it that it waits for; whether anything can be done without an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ...data import CorruptJournal
from ...journal import CallState, Fact, Log, RunPaused, RunResumed, RunStarted, RunState, ToolResolved, load


class Rest(msgspec.Struct, frozen=True):
    """A run of the tree; `path` leads to it from the outermost one, by the ids of the calls that are carried out below."""

    path: tuple[str, ...]
    state: RunState
    facts: tuple[Fact, ...]


async def tree_of(log: Log, run: str) -> tuple[Rest, ...]:
    """The run and all runs below it for which it waits, parents before their children, siblings in the order of their calls.

    So does one that was set free by an answer and has not been taken up since: others below it may still be answered.
    """
    found: list[Rest] = []
    seen = {run}
    left: list[tuple[tuple[str, ...], str]] = [((), run)]
    # A loop, for how deep agents hand tasks on is not ours to limit.
    while left:
        path, name = left.pop()
        loaded = await load(log, name)
        rest = Rest(path, loaded.state, loaded.facts)
        found.append(rest)
        for call in reversed(loaded.state.calls):
            if call.child is None:
                continue
            if call.waits_for_child or (call.phase == "planned" and not is_at_work(rest)):
                if call.child in seen:
                    raise CorruptJournal(f"run {call.child} is below run {run} twice; a run has one parent")
                seen.add(call.child)
                left.append(((*path, call.call.id), call.child))
    return tuple(found)


def is_at_work(rest: Rest) -> bool:
    """Whether somebody may be at work on a run, or was cut off at it; not if answers alone have set it free since it rested."""
    if rest.state.status != "running":
        return False
    ours = (fact for fact in reversed(rest.facts) if isinstance(fact, RunStarted | RunResumed | RunPaused))
    return not isinstance(next(ours, None), RunPaused)


def goes_on(tree: Sequence[Rest], now: int, *, polls: bool = True) -> frozenset[tuple[str, ...]]:
    """The paths of the runs in which something can be done at a time (microseconds since 1970), and of those above them.

    Asking a tool again counts where `polls` says so.
    """
    able: set[tuple[str, ...]] = set()
    for rest in reversed(tree):
        # Children come after their parents in the tree, so that they are known by now.
        below = any((*rest.path, call.call.id) in able for call in rest.state.calls if call.waits_for_child)
        if below or (rest.path and rest.state.status != "waiting") or _has_own(rest.state, now, polls=polls):
            able.add(rest.path)
    return frozenset(able)


def free_children(
    tree: Sequence[Rest], able: frozenset[tuple[str, ...]], path: tuple[str, ...]
) -> Iterator[ToolResolved]:
    """The facts by which a run takes up the runs below it that can go on."""
    rest = next(item for item in tree if item.path == path)
    for call in rest.state.calls:
        if call.waits_for_child and (*path, call.call.id) in able:
            yield ToolResolved(call_id=call.call.id, result=None)


def is_over(call: CallState, now: int) -> bool:
    """Whether a call has stopped waiting."""
    return call.phase == "pending" and call.deadline is not None and call.deadline <= now


def wakes_at(tree: Sequence[Rest], now: int) -> int | None:
    """When something can be done without an answer, for whoever has just done what there was to do; None for never."""
    if () in goes_on(tree, now, polls=False):
        # A run below was answered while this one was still at work on other calls.
        return now
    times: list[int] = []
    for rest in tree:
        for call in rest.state.calls:
            if call.phase == "pending" and call.deadline is not None:
                times.append(call.deadline)
            every = _poll_every(call)
            if every is not None:
                # A poll without an outcome writes nothing, so that the run has rested since the same moment as before.
                rested = rest.state.updated_at
                times.append(rested + ((now - rested) // every + 1) * every)
    return min(times, default=None)


def _has_own(state: RunState, now: int, *, polls: bool) -> bool:
    for call in state.calls:
        if is_over(call, now):
            return True
        every = _poll_every(call) if polls else None
        if every is not None and state.updated_at + every <= now:
            return True
    return False


def _poll_every(call: CallState) -> int | None:
    """After how many microseconds a call's tool can be asked again; None where it cannot."""
    if call.phase != "pending" or call.reason != "pending" or call.poll_every is None:
        return None
    return max(1, round(call.poll_every * 1e6))
