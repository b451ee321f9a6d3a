"""What differs between a run at one fact and at another."""

from __future__ import annotations

from typing import Any

import msgspec

from ...data import Message, ModelUsage, usage_since
from ...journal import RunState

_PLAIN = (
    "status",
    "model",
    "iterations",
    "tool_calls",
    "retries",
    "model_retries",
    "in_doubt",
    "output",
    "failure",
    "finish",
)


class CallChange(msgspec.Struct, frozen=True):
    """A tool call and how far it had come; None where it was not there (yet, or any more)."""

    call_id: str
    tool: str
    before: str | None
    after: str | None


class StateDiff(msgspec.Struct, frozen=True, kw_only=True):
    """From one state to a later one.

    `dropped` messages are no longer in the history, `added` ones are new at its end; `changed` has the plain values that
    differ, by name, before and after; `used` is what was used meanwhile.
    """

    before: int
    after: int
    dropped: int = 0
    added: tuple[Message, ...] = ()
    calls: tuple[CallChange, ...] = ()
    changed: dict[str, tuple[Any, Any]] = {}
    used: tuple[ModelUsage, ...] = ()


def difference(before: RunState, after: RunState) -> StateDiff:
    """What happened between two states of one run."""
    kept = 0
    for first, second in zip(before.messages, after.messages, strict=False):
        if first is not second and first != second:
            break
        kept += 1
    changed = {
        name: (getattr(before, name), getattr(after, name))
        for name in _PLAIN
        if getattr(before, name) != getattr(after, name)
    }
    return StateDiff(
        before=before.next_seq - 1,
        after=after.next_seq - 1,
        dropped=len(before.messages) - kept,
        added=after.messages[kept:],
        calls=_calls(before, after),
        changed=changed,
        used=tuple(usage_since(after.used, before.used)),
    )


def _calls(before: RunState, after: RunState) -> tuple[CallChange, ...]:
    names = {call.call.id: call.call.name for state in (before, after) for call in state.calls}
    first = {call.call.id: call.phase for call in before.calls}
    second = {call.call.id: call.phase for call in after.calls}
    return tuple(
        CallChange(call_id, name, first.get(call_id), second.get(call_id))
        for call_id, name in names.items()
        if first.get(call_id) != second.get(call_id)
    )
