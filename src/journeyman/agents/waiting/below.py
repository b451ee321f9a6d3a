"""Whose the runs below a run are: found by the tools that hand tasks to agents, without a look at what else is alive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

from ...loop import Plan
from ...tools import Tool, ToolOptions
from .going_on import Rest


class AgentTool(Tool[..., Any]):
    """A tool that hands a task to an agent; it has the agent's plan, so that whoever looks below a run knows the tools there.

    The plan is made when it is asked for, since that needs the schemas of all tools.
    """

    def __init__(self, plan: Callable[[], Plan], function: Callable[..., Any], **options: Unpack[ToolOptions]) -> None:
        super().__init__(function, **options)
        self.plan = plan


def plans_of(tree: Sequence[Rest], plan: Plan) -> dict[tuple[str, ...], Plan]:
    """The plans of a tree's runs by their paths, `plan` being that of the outermost one.

    One whose tool is gone, or is no agent's any more, is left out, and so are those below it.
    """
    plans: dict[tuple[str, ...], Plan] = {(): plan}
    states = {rest.path: rest.state for rest in tree}
    for rest in tree[1:]:
        above, call = plans.get(rest.path[:-1]), states[rest.path[:-1]].call(rest.path[-1])
        tool = None if above is None or call is None else above.tools.get(call.call.name)
        if isinstance(tool, AgentTool):
            plans[rest.path] = tool.plan()
    return plans
