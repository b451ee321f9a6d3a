"""What has changed of an agent since a run of it began, and whether the run can go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from ...compose import open_journal
from ...data import CallerError
from ...journal import CallState, Log, RunState, load
from ...loop import Plan, blocking
from ...schema import ArgumentsError
from ..agent import Agent


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was; `blocks` says that the run cannot go on with it."""

    what: Literal["agent", "model", "prompt", "tool", "output", "call"]
    name: str
    how: Literal["added", "removed", "changed", "unknown"]
    message: str
    blocks: bool = False


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
        reasons = "; ".join(change.message for change in self.changes if change.blocks)
        if reasons:
            raise CallerError(f"run {self.run} cannot go on with this agent: {reasons}")


async def check_resume(run_id: str, agent: Agent[Any], *, journal: str | Log | None = None) -> ResumeCheck:
    """Say what has changed since a run began, before it is taken up: its prompt, its tools, its output, its model.

    A changed prompt or a tool of which no call is open does not keep a run from going on: the journal holds what was said,
    and the next request is made as the agent is today. An open call of a tool that is gone, or whose arguments its
    signature no longer takes, does; and so does another agent. A journal of an older version is read through its migrations.
    Raises `CallerError` for an unknown run, `CorruptJournal` for one that cannot be read.
    """
    kept = journal or agent.definition.journal
    if kept is None:
        raise CallerError(f"say where run {run_id} is kept: journal=")
    async with open_journal(kept) as log:
        state = (await load(log, run_id)).state
    return ResumeCheck(run_id, tuple(_changes(state, agent.plan)))


def _changes(state: RunState, plan: Plan) -> Iterator[Change]:
    if state.agent != plan.agent:
        yield Change(
            "agent", plan.agent, "changed", f"it is a run of agent {state.agent!r}, not {plan.agent!r}", blocks=True
        )
    if state.model != plan.model.name:
        yield Change("model", plan.model.name, "changed", f"it asked {state.model}, the agent asks {plan.model.name}")
    if state.fingerprint != plan.fingerprint:
        yield from _signatures(state.signatures, plan.signatures or {})
    for call in state.calls:
        if call.phase != "done" and not plan.is_output(call.call):
            yield from _open_call(call, plan)


def _signatures(before: dict[str, str] | None, now: dict[str, str]) -> Iterator[Change]:
    if before is None:
        message = "the prompt, a tool or the output changed; the journal is older than the record of which"
        yield Change("prompt", "", "unknown", message)
        return
    for name in dict.fromkeys((*before, *now)):
        if before.get(name) == now.get(name):
            continue
        kind, _, tool = name.partition(":")
        how: Literal["added", "removed", "changed"] = "changed"
        if name not in before or name not in now:
            how = "removed" if name in before else "added"
        match kind:
            case "prompt":
                yield Change("prompt", "system_prompt", how, "the system prompt was changed")
            case "output":
                yield Change("output", "output_type", how, "the schema of the output was changed")
            case _:
                yield Change("tool", tool, how, f"tool {tool!r} was {how}")


def _open_call(call: CallState, plan: Plan) -> Iterator[Change]:
    made = call.made
    tool = plan.tools.get(made.name)
    if tool is None:
        message = f"call {made.id!r} is open, and its tool {made.name!r} is gone"
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
