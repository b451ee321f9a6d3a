"""An agent as another agent's tool: a run below a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..data import CallerError, JourneymanError, ModelUsage, usage_since
from ..journal import ChildFinished, ChildStarted, Parent, RunState, exists
from ..loop import Drive
from ..schema.signatures import InputsSchema
from ..tools import ChildPending, RunContext, Tool, ToolOptions
from .offering import GO_ON
from .stretch import Stretch
from .waiting import AgentTool

if TYPE_CHECKING:
    from .agent import Agent


def agent_tool(
    agent: Agent[Any], name: str, description: str | None, formerly: str | Iterable[str] = ()
) -> Tool[..., Any]:
    """The tool; it may be run again after a crash, because it then takes up the run that it began."""

    async def delegate(context: RunContext[Any], task: str) -> Any:
        return await _delegated(agent, context, task, None)

    async def delegate_inputs(context: RunContext[Any], inputs: dict[str, Any]) -> Any:
        return await _delegated(agent, context, GO_ON, inputs)

    options: ToolOptions = {"name": name, "formerly": formerly, "idempotent": True}
    signature = agent.signature
    if signature is None or not signature.parameters:
        words = f"Hand a task to the agent {name!r} and get its answer. Say in the task all that it has to know."
        options["description"] = description or words
        return AgentTool(lambda: agent.plan, delegate, **options)
    words = f"Have the agent {name!r} do its work on these inputs, and get what it returns: {signature.public}"
    options["description"] = description or words
    tool = AgentTool(lambda: agent.plan, delegate_inputs, **options)
    tool.schema = InputsSchema.of(tool.schema, signature)
    return tool


async def _delegated(agent: Agent[Any], context: RunContext[Any], task: str, inputs: dict[str, Any] | None) -> Any:
    parent = context.host
    if not isinstance(parent, Drive):
        raise CallerError(f"{context.tool_name} hands its task to an agent and can only be called within a run")
    stretch: Stretch[Any] = Stretch(
        agent.definition,
        {"deps": context.deps, "journal": parent.world.log, "data": inputs},
        parent=Parent(context.run_id, context.call_id),
        ledger=parent.world.ledger,
    )
    call = parent.state.call(context.call_id)
    counted = () if call is None else call.counted
    begun = None if call is None else call.child
    if begun is not None and await exists(parent.world.log, begun):
        await stretch.reopen(begun)
        for item in usage_since(stretch.drive.state.used, counted):
            # What the child used before the crash is on its own page only; the pages above have not heard of it.
            parent.world.ledger.charge(item)
        parent.world.ledger.count_turns(_turns(stretch.drive.state) - (0 if call is None else call.turns))
    else:
        parent.world.ledger.check_depth()
        # The parent's word of the child before the child's first fact: a crash between them leaves the id of a run that is
        # begun when the parent goes on. The other way round it would leave a run that looks as if somebody had to take it up.
        await stretch.start(task, run_id=begun)
        if begun is None:
            child = stretch.drive.state.run
            await parent.record_in_turn(ChildStarted(call_id=context.call_id, run=child, agent=agent.name))
            await parent.commit()
    try:
        result = await stretch.work()
    except Exception as error:
        raise _told(stretch.drive, error) from error
    finally:
        await _count(stretch.drive.state, counted, parent, context.call_id)
    if result.status == "waiting":
        raise ChildPending
    seen_by_model = call is None or not call.parent
    return agent.signature.visible(result.output) if agent.signature is not None and seen_by_model else result.output


def _told(child: Drive, error: Exception) -> Exception:
    """What the run above hears of an error of the run below."""
    if child.refusal is not None:
        # What it did is not on its journal: a model that hears of a failure would have it done once more.
        return child.unwritten()
    if isinstance(error, JourneymanError):
        return JourneymanError(f"its run {child.state.run} failed: {type(error).__name__}: {error}")
    return error


async def _count(child: RunState, counted: tuple[ModelUsage, ...], parent: Drive, call_id: str) -> None:
    used = usage_since(child.used, counted)
    call = parent.state.call(call_id)
    turns = _turns(child) - (0 if call is None else call.turns)
    if used or turns:
        await parent.record_in_turn(ChildFinished(call_id=call_id, run=child.run, used=used, turns=turns))


def _turns(run: RunState) -> int:
    return run.iterations + run.turns_below
