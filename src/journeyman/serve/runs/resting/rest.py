"""A run that came to rest: where, what it waits for, and who has been told of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ....agents import PendingCall
from ....journal import Fact, Noted, RunCancelled, RunFailed, RunFinished, RunPaused, RunState

TOPIC = "webhook"
"""The topic of the notes which say that an address has been told."""


class Rest(msgspec.Struct, frozen=True):
    """A run at rest since fact number `since`, of the time `at`; `told` are the marks of the addresses that have acknowledged a notice of it.

    What is noted later, and answers after which it still waits, leave it at the same rest.
    """

    state: RunState
    since: int
    at: int
    pending: tuple[PendingCall, ...]
    told: frozenset[str]


def rest_of(state: RunState, facts: Sequence[Fact], pending: Sequence[PendingCall] = ()) -> Rest:
    """The rest at which a run is after its facts, or the last one that it had."""
    told: set[str] = set()
    since, at = 0, state.started_at
    for fact in reversed(facts):
        if isinstance(fact, RunPaused | RunFinished | RunFailed | RunCancelled):
            since, at = fact.seq, fact.at
            break
        if isinstance(fact, Noted) and fact.topic == TOPIC:
            told.add(str(fact.data))
    return Rest(state, since, at, tuple(pending), frozenset(told))


def note_of(mark: str) -> Noted:
    """What is noted once an address has been told."""
    return Noted(topic=TOPIC, data=mark)
