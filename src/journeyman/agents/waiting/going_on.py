"""A run that rests and the runs below it that it waits for; whether anything can be done without an answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ...data import CorruptJournal
from ...journal import CallState, Fact, Log, RunState, ToolResolved, load


class Rest(msgspec.Struct, frozen=True):
    """A run of the tree; `path` leads to it from the outermost one, by the ids of the calls that are carried out below."""

    path: tuple[str, ...]
    state: RunState
    facts: tuple[Fact, ...]


async def tree_of(log: Log, run: str) -> tuple[Rest, ...]:
    """The run and all runs below it for which it waits, parents before their children, siblings in the order of their calls."""
    found: list[Rest] = []
    seen = {run}
    left: list[tuple[tuple[str, ...], str]] = [((), run)]
    # A loop, for how deep agents hand tasks on is not ours to limit.
    while left:
        path, name = left.pop()
        loaded = await load(log, name)
        found.append(Rest(path, loaded.state, loaded.facts))
        for call in reversed(loaded.state.calls):
            if call.waits_for_child and call.child is not None:
                if call.child in seen:
                    raise CorruptJournal(f"run {call.child} is below run {run} twice; a run has one parent")
                seen.add(call.child)
                left.append(((*path, call.call.id), call.child))
    return tuple(found)


def goes_on(tree: Sequence[Rest], now: int) -> frozenset[tuple[str, ...]]:
    """The paths of the runs in which something can be done at a time (microseconds since 1970), and of those above them."""
    able: set[tuple[str, ...]] = set()
    for rest in reversed(tree):
        # Children come after their parents in the tree, so that they are known by now.
        below = any((*rest.path, call.call.id) in able for call in rest.state.calls if call.waits_for_child)
        if below or (rest.path and rest.state.status != "waiting") or _has_own(rest.state, now):
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
    """When something can be done without an answer; None for never."""
    if () in goes_on(tree, now):
        # A run below was answered while this one was still at work on other calls.
        return now
    times: list[int] = []
    for rest in tree:
        for call in rest.state.calls:
            if call.phase != "pending":
                continue
            if call.deadline is not None:
                times.append(call.deadline)
            if call.poll_every is not None and call.reason == "pending":
                times.append(now + round(call.poll_every * 1e6))
    return min(times, default=None)


def _has_own(state: RunState, now: int) -> bool:
    for call in state.calls:
        if is_over(call, now):
            return True
        polled = call.phase == "pending" and call.reason == "pending" and call.poll_every is not None
        if polled and state.updated_at + round((call.poll_every or 0) * 1e6) <= now:
            return True
    return False
