"""What has changed of an agent since a run of it began, and whether the run can go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...compose import open_journal
from ...data import CallerError, ToolSpec
from ...journal import CallState, Log, RunState
from ...loop import Plan, blocking
from ...schema import ArgumentsError
from ...tools import Tool, former_names
from ..agent import Agent
from ..known import agent_of
from ..planning import signatures_of
from ..waiting import tree_of

How = Literal["added", "removed", "changed", "renamed", "unknown"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was; `blocks` says that the run cannot go on with it.

    `run` is the run that it is about, where that is one below the run that was checked.
    """

    what: Literal["agent", "model", "prompt", "tool", "programs", "output", "call"]
    name: str
    how: How
    message: str
    blocks: bool = False
    run: str = ""


@dataclass(frozen=True, slots=True)
class ResumeCheck:
    """What `check_resume` found; `changes` is empty where everything is as it was."""

    run: str
    changes: tuple[Change, ...]

    @property
    def can_resume(self) -> bool:
        """Whether nothing that the run still needs is missing."""
        return not any(change.blocks for change in self.changes)

    def raise_if_refused(self) -> None:
        """Raise `CallerError` if the run cannot go on."""
        reasons = "; ".join(
            f"in run {change.run} below it, {change.message}" if change.run else change.message
            for change in self.changes
            if change.blocks
        )
        if reasons:
            raise CallerError(f"run {self.run} cannot go on with this agent: {reasons}")


async def check_resume(run_id: str, agent: Agent[Any], *, journal: str | Log | None = None) -> ResumeCheck:
    """Say what has changed since a run began, before it is taken up: its prompt, its tools, its output, its model.

    A changed prompt or a tool of which no call is open does not keep a run from going on: the journal holds what was said,
    and the next request is made as the agent is today. An open call of a tool that is gone, or whose arguments its
    signature no longer takes, does; and so does another agent. A tool with another name that says what it was called
    (`formerly=`) gets the open calls. The runs below it for which it waits are looked at as well, with the agents of this
    process. A journal of an older version is read through its migrations. Raises `CallerError` for an unknown run,
    `CorruptJournal` for one that cannot be read.
    """
    kept = journal or agent.definition.journal
    if kept is None:
        raise CallerError(f"say where run {run_id} is kept: journal=")
    async with open_journal(kept) as log:
        tree = await tree_of(log, run_id)
    changes = list(_changes(tree[0].state, agent.plan))
    for rest in tree[1:]:
        changes += (replace(change, run=rest.state.run) for change in _below(rest.state))
    return ResumeCheck(run_id, tuple(changes))


def _below(state: RunState) -> Iterator[Change]:
    try:
        # A sub-agent is alive wherever its tool is; only the run itself knows which of several of one name it was.
        agent = agent_of(state)
    except CallerError as error:
        yield Change("agent", state.agent, "unknown", f"nothing can be said of run {state.run} below it: {error}")
        return
    yield from _changes(state, agent.plan)


def _changes(state: RunState, plan: Plan) -> Iterator[Change]:
    if state.agent != plan.agent:
        yield Change(
            "agent", plan.agent, "changed", f"it is a run of agent {state.agent!r}, not {plan.agent!r}", blocks=True
        )
    if state.model != plan.model.name:
        yield Change("model", plan.model.name, "changed", f"it asked {state.model}, the agent asks {plan.model.name}")
    if state.fingerprint != plan.fingerprint:
        yield from _signatures(state.signatures, plan)
    for call in state.calls:
        if call.phase != "done" and not plan.is_output(call.call):
            yield from _open_call(call, plan)


def _signatures(before: dict[str, str] | None, plan: Plan) -> Iterator[Change]:
    if before is None:
        message = "the prompt, a tool or the output changed; the journal is older than the record of which"
        yield Change("prompt", "", "unknown", message)
        return
    now = plan.signatures or {}
    renamed = {
        f"tool:{old}": tool for old, tool in former_names(plan.tools.values()).items() if f"tool:{old}" in before
    }
    new_names = {f"tool:{tool.name}" for tool in renamed.values()} - before.keys()
    for name in dict.fromkeys((*before, *now)):
        if name in renamed:
            yield from _renamed(name, before[name], renamed[name])
        elif before.get(name) != now.get(name) and name not in new_names:
            yield _signature(name, "removed" if name not in now else "changed" if name in before else "added")


def _signature(name: str, how: How) -> Change:
    kind, _, tool = name.partition(":")
    match kind:
        case "prompt":
            return Change("prompt", "system_prompt", how, "the system prompt was changed")
        case "output":
            return Change("output", "output_type", how, "the schema of the output was changed")
        case "programs":
            return Change("programs", "programs", how, "what programs may do was changed")
        case _:
            return Change("tool", tool, how, f"tool {tool!r} was {how}")


def _renamed(name: str, before: str, tool: Tool[..., Any]) -> Iterator[Change]:
    old = name.partition(":")[2]
    yield Change("tool", tool.name, "renamed", f"tool {old!r} is now {tool.name!r}; open calls of it go there")
    described = ToolSpec(old, tool.spec.description, tool.spec.parameters)
    if signatures_of("", (described,), None)[name] != before:
        yield Change("tool", tool.name, "changed", f"tool {tool.name!r}, formerly {old!r}, was changed")


def _open_call(call: CallState, plan: Plan) -> Iterator[Change]:
    made = call.made
    tool = plan.tools.get(made.name)
    if tool is None:
        message = (
            f"call {made.id!r} is open, and its tool {made.name!r} is gone; if another tool is that tool, "
            f"declare it with formerly={made.name!r}"
        )
        yield Change("call", made.name, "removed", message, blocks=True)
        return
    try:
        tool.schema.check(made.arguments)
    except ArgumentsError as error:
        # Arguments that never fitted are for the model to mend; those of a call that had begun were good enough then.
        if call.phase != "planned" or call.attempt:
            message = f"call {made.id!r} is open, and tool {made.name!r} no longer takes its arguments: {error}"
            yield Change("call", made.name, "changed", message, blocks=True)


check_resume_sync = blocking(check_resume)
