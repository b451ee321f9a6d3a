"""The agents that are alive in this process, so that a run can be resumed by its id alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..data import CallerError
from ..journal import RunState

if TYPE_CHECKING:
    from .agent import Agent

_alive: WeakSet[Agent[Any]] = WeakSet()


def remember(agent: Agent[Any]) -> None:
    """Called by every agent; it is forgotten when nobody holds it any more."""
    _alive.add(agent)


def agent_of(state: RunState) -> Agent[Any]:
    """The agent that can go on with a run: of the same name, and of the same fingerprint if several have that name.

    Raises `CallerError` if there is none, or more than one.
    """
    named = [agent for agent in _alive if agent.name == state.agent]
    found = [agent for agent in named if agent.plan.fingerprint == state.fingerprint] or named
    if len({id(agent.model) for agent in found}) == 1 or len(found) == 1:
        return found[0]
    why = "no agent of that name is alive in this process" if not found else f"{len(found)} such agents are"
    raise CallerError(f"run {state.run} is one of agent {state.agent!r}, and {why}; pass agent=")
