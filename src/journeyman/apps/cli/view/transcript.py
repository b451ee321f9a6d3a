"""A run as it went, for a person, and as one object for a machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ....journal import Loaded, RunStarted, RunState
from ....observe import AgentStep, steps_of
from .clean import cut, one_line
from .facts import parts_of
from .live import as_object, call_words, cost_of, how_to_see
from .screen import Screen, moment, money, seconds, short, tokens

SHOWN = 300
"""How many characters of a tool's result are shown."""


def run_object(loaded: Loaded, journal: str) -> dict[str, Any]:
    """A run for machines; times are in microseconds since 1970, `messages` are those that the run added."""
    state = loaded.state
    return {
        **as_object(state, journal),
        "started_at": state.started_at,
        "updated_at": state.updated_at,
        "facts": len(loaded.facts),
        "tags": state.tags,
        "conversation": state.conversation,
        "parent": state.parent,
        "continues": state.continues,
        "pending": [call.call for call in state.calls if call.phase == "pending"],
        "messages": state.messages[state.inherited :],
    }


def tell_run(screen: Screen, loaded: Loaded, journal: str) -> None:
    """A run for people: what it is, what was said and done, how it ended."""
    state = loaded.state
    screen.line(("run ", "bold"), state.run, (f"  {state.status}", "bold"))
    took = seconds((state.updated_at - state.started_at) / 1000)
    screen.line((f"agent {state.agent}, {state.model}, {moment(state.started_at)}, {took}", "dim"))
    screen.line((f"{len(loaded.facts)} facts, {tokens(state.usage)}, {money(cost_of(state))}", "dim"))
    for words in _relations(state):
        screen.line((words, "dim"))
    screen.line()
    for fact in loaded.facts:
        if isinstance(fact, RunStarted):
            for message in fact.input:
                screen.line((f"{message.role}  ", "bold"), *parts_of(message))
    how = how_to_see(state.run, journal)
    for step in steps_of(loaded.facts):
        _tell_step(screen, step, how)
    _tell_end(screen, state, how)


def _relations(state: RunState) -> Iterator[str]:
    if state.parent is not None:
        yield f"below run {short(state.parent.run)}"
    if state.continues is not None:
        yield f"goes on from run {short(state.continues.run)}, fact {state.continues.seq}"
    if state.tags:
        yield f"tags {', '.join(state.tags)}"


def _tell_step(screen: Screen, step: AgentStep, how: str) -> None:
    match step.kind:
        case "think":
            screen.line(("thinks  ", "bold"), (str(step.content), "dim"))
        case "tool_call":
            screen.line(("→ ", "bold"), call_words(step.tool, step.arguments, how))
        case "tool_result":
            mark, style = ("✗ ", "red") if step.is_error else ("✓ ", "green")
            took = "" if step.duration_ms is None else f" {seconds(step.duration_ms)}"
            screen.line((mark, style), f"{step.tool}{took}  {cut(one_line(str(step.content)), SHOWN, how)}")
        case "output":
            said = step.content if isinstance(step.content, str) else msgspec.json.encode(step.content).decode()
            screen.line(("output  ", "bold green"), said)


def _tell_end(screen: Screen, state: RunState, how: str) -> None:
    for call in state.calls:
        if call.phase == "pending":
            screen.line(("waits for  ", "yellow"), call_words(call.call.name, call.call.arguments, how))
    if state.failure is not None:
        screen.line((f"{state.failure.type}  ", "bold red"), state.failure.message)
