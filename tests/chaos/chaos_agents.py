"""What the workers of the chaos tests carry out: a shop, and a ledger that stands for the world outside.

Everything that a model is asked and everything that a tool does is a line in the ledger, written by the one who does it at the
moment of doing. Nobody reads the ledger to decide what to do next, save whoever answers for a call in doubt.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos_programs import AUDIT, LISP, LISP_CHECK, PYTHON, PYTHON_CHECK, program

from journeyman import Agent, Pending, RunContext, ScriptedModel, tool
from journeyman.adapters.sandbox_monty_turns import Turns
from journeyman.agents.waiting import SECRET_VARIABLE
from journeyman.data import ModelRequest, ModelResponse, Part, ToolCall
from journeyman.programs import Programs

LEDGER = Path(os.environ.get("CHAOS_LEDGER", os.devnull))
SLOWEST = float(os.environ.get("CHAOS_SLOWEST", "0.4"))
"""Seconds that a model thinks at most."""


def note(**line: Any) -> None:
    """One line, in one write: of two processes none cuts into the other's."""
    who = {"pid": os.getpid(), "secret": bool(os.environ.get(SECRET_VARIABLE))}
    text = json.dumps({**line, **who, "at": time.time_ns() // 1000}) + "\n"
    handle = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def noted(step: Callable[..., Any], how: str) -> Callable[..., Any]:
    """A step by which the sandbox takes a program up; those that have called something are noted."""

    def take_up(turns: Turns, *given: Any) -> Any:
        if turns._recording.count:
            note(what="taken up", how=how)
        return step(turns, *given)

    return take_up


Turns.restore = noted(Turns.restore, "snapshot")  # type: ignore[method-assign]
Turns.start = noted(Turns.start, "run again")  # type: ignore[method-assign]


class Slow:
    """A model that says what follows from the history alone, and takes its time."""

    def __init__(self, name: str, says: Callable[[ModelRequest], Part | str | list[Part]]) -> None:
        self._says = says
        self._model = ScriptedModel((), name=f"chaos:{name}")
        self.name = self._model.name
        self.capabilities = self._model.capabilities
        self.preview = self._model.preview

    async def respond(self, request: ModelRequest, emit: Any = None, record: Any = None) -> ModelResponse:
        """Notes the question before anything else."""
        note(what="asked", task=task_of(request), turn=turn_of(request))
        await asyncio.sleep(some(0.05, SLOWEST))
        return await ScriptedModel([self._says(request)], name=self.name).respond(request)


def some(least: float, most: float) -> float:
    """A length of time."""
    return random.uniform(least, most)  # noqa: S311  (nobody has to be kept from guessing it)


def turn_of(request: ModelRequest) -> int:
    """How many answers the history holds."""
    return sum(message.role == "assistant" for message in request.messages)


def task_of(request: ModelRequest) -> str:
    """The first words of the user's."""
    return next(message.text for message in request.messages if message.role == "user")


def buys(request: ModelRequest) -> Part | str | list[Part]:
    """An order: two tools at once, a sub-agent, somebody who has to be waited for, and a second payment."""
    match turn_of(request):
        case 0:
            return [ToolCall("pay", "charge", '{"amount": 1}'), ToolCall("see", "look", "{}")]
        case 1:
            task = json.dumps({"task": f"check {task_of(request)}"})
            return [ToolCall("sub", "checker", task), ToolCall("hold", "charge_slowly", '{"amount": 2}')]
        case 2:
            return ToolCall("boss", "ask_boss", '{"question": "May we?"}')
        case 3:
            return ToolCall("rest", "charge", '{"amount": 3}')
        case _:
            return f"Done: {task_of(request)}"


def checks(request: ModelRequest) -> Part | str | list[Part]:
    """What the sub-agent does: it looks, and it pays as well."""
    match turn_of(request):
        case 0:
            return [ToolCall("see", "look", "{}"), ToolCall("fee", "charge", '{"amount": 4}')]
        case _:
            return f"Checked: {task_of(request)}"


def plans(request: ModelRequest) -> Part | str | list[Part]:
    """An order as a program in Lisp, and one that looks at what it has left behind; the second gives the output."""
    match turn_of(request):
        case 0:
            return runs(LISP, request)
        case 1:
            return runs(LISP_CHECK, request)
        case _:
            return f"Not right: {told_by(request)}"


def speaks(request: ModelRequest) -> Part | str | list[Part]:
    """An order as two programs in Python that stand in the model's words, and an answer in words."""
    match turn_of(request):
        case 0:
            return program(PYTHON, task_of(request))
        case 1:
            return program(PYTHON_CHECK, task_of(request))
        case _:
            right = "all is right" in request.messages[-1].text
            return f"Done: {task_of(request)}" if right else f"Not right: {told_by(request)}"


def audits(request: ModelRequest) -> Part | str | list[Part]:
    """What the sub-agent of a program does: a program, too."""
    return runs(AUDIT, request) if turn_of(request) == 0 else f"Not right: {told_by(request)}"


def runs(text: str, request: ModelRequest) -> ToolCall:
    """A program for an order."""
    code = program(text, task_of(request))
    return ToolCall(f"p{turn_of(request)}", "run_program", json.dumps({"code": code}))


def told_by(request: ModelRequest) -> str:
    """What came of the programs so far."""
    asked = next(place for place, message in enumerate(request.messages) if message.role == "user")
    after = request.messages[asked + 1 :]
    results = [result.text for message in after for result in message.tool_results]
    return "\n".join([*results, *(message.text for message in after if message.role == "user")])


@tool
async def charge(context: RunContext[None], amount: int) -> str:
    """Charge an amount: not idempotent."""
    await asyncio.sleep(some(0, 0.05))
    note(what="charged", key=f"{context.run_id}:{context.call_id}", amount=amount)
    await asyncio.sleep(some(0, 0.15))
    return f"charged {amount}"


@tool
def charge_slowly(context: RunContext[None], amount: int) -> str:
    """Charge an amount, blocking its thread: not idempotent."""
    time.sleep(some(0, 0.1))
    note(what="charged", key=f"{context.run_id}:{context.call_id}", amount=amount)
    return f"charged {amount}"


@tool(idempotent=True)
async def look() -> str:
    """Look at something; as often as one likes."""
    await asyncio.sleep(some(0, 0.05))
    return "seen"


@tool(idempotent=True)
async def look_at(place: int) -> str:
    """Look at a place; as often as one likes."""
    await asyncio.sleep(some(0, 0.05))
    return f"seen {place}"


@tool
async def ask_boss(question: str) -> str:
    """Ask the boss, who answers when there is time."""
    raise Pending({"question": question})


checker = Agent(Slow("checker", checks), name="checker", tools=[charge, look])
buyer = Agent(
    Slow("buyer", buys),
    name="buyer",
    tools=[charge, charge_slowly, look, ask_boss, checker.as_tool()],
)
planner = Agent(
    Slow("planner", plans),
    name="planner",
    programs=Programs(language="lisp", tools=[charge, charge_slowly, look_at, ask_boss, checker.as_tool()]),
)
auditor = Agent(
    Slow("auditor", audits), name="auditor", programs=Programs(language="lisp", tools=[charge, look_at], signature=str)
)
speaker = Agent(
    Slow("speaker", speaks),
    name="speaker",
    programs=Programs(mode="text", tools=[charge, charge_slowly, look_at, ask_boss, auditor.as_tool()]),
)
agents = [buyer, planner, speaker]
"""What the workers know."""

ASKED = tuple(agent.name for agent in agents)
"""Who gets the orders, in turn; each has to end with "Done: " and the order, and pays by tools of `chaos_checks.PAYING`."""
