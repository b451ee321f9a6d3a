"""A run's state and facts out of a log, with the runs that it continues."""

from __future__ import annotations

import msgspec

from ..data import CallerError, CorruptJournal
from .facts import Fact, RunStarted
from .fold import fold
from .log import Log
from .state import RunState


class Loaded(msgspec.Struct, frozen=True):
    """A run as its log holds it, up to where it was read."""

    state: RunState
    facts: tuple[Fact, ...]


async def load(log: Log, run: str, at: int | None = None) -> Loaded:
    """The run after its fact number `at`, or after the last one.

    Raises `CallerError` for an unknown run, `CorruptJournal` for a damaged one.
    """
    chain: list[tuple[str, tuple[Fact, ...]]] = []
    place: tuple[str, int | None] | None = (run, at)
    # A long conversation is a chain of as many runs: a loop, since recursion would be as deep.
    while place is not None:
        facts = await _facts(log, *place)
        chain.append((place[0], facts))
        first = facts[0] if facts else None
        before = first.continues if isinstance(first, RunStarted) else None
        place = None if before is None else (before.run, before.seq)
    state: RunState | None = None
    for name, facts in reversed(chain):
        state = fold(name, facts, state)
    assert state is not None  # noqa: S101  (the chain holds at least the run itself; this tells the type checkers)
    return Loaded(state, chain[0][1])


async def exists(log: Log, run: str) -> bool:
    """Whether a log has a run, be it damaged."""
    try:
        return await anext(aiter(log.read(run)), None) is not None
    except CorruptJournal:
        return True
    except CallerError:
        # What a log says of a run that it does not have.
        return False


async def _facts(log: Log, run: str, at: int | None) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    async for fact in log.read(run):
        facts.append(fact)
        if at is not None and fact.seq >= at:
            break
    return tuple(facts)
