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

from journeyman import Agent, Pending, RunContext, ScriptedModel, tool
from journeyman.data import ModelRequest, ModelResponse, Part, ToolCall

LEDGER = Path(os.environ.get("CHAOS_LEDGER", "ledger.jsonl"))
SLOWEST = float(os.environ.get("CHAOS_SLOWEST", "0.4"))
"""Seconds that a model thinks at most."""


def note(**line: Any) -> None:
    """One line, in one write: of two processes none cuts into the other's."""
    text = json.dumps({**line, "pid": os.getpid(), "at": time.time_ns() // 1000}) + "\n"
    handle = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


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
        note(what="asked", task=request.messages[0].text, turn=turn_of(request))
        await asyncio.sleep(some(0.05, SLOWEST))
        return await ScriptedModel([self._says(request)], name=self.name).respond(request)


def some(least: float, most: float) -> float:
    """A length of time."""
    return random.uniform(least, most)  # noqa: S311  (nobody has to be kept from guessing it)


def turn_of(request: ModelRequest) -> int:
    """How many answers the history holds."""
    return sum(message.role == "assistant" for message in request.messages)


def buys(request: ModelRequest) -> Part | str | list[Part]:
    """An order: two tools at once, a sub-agent, somebody who has to be waited for, and a second payment."""
    match turn_of(request):
        case 0:
            return [ToolCall("pay", "charge", '{"amount": 1}'), ToolCall("see", "look", "{}")]
        case 1:
            task = json.dumps({"task": f"check {request.messages[0].text}"})
            return [ToolCall("sub", "checker", task), ToolCall("hold", "charge_slowly", '{"amount": 2}')]
        case 2:
            return ToolCall("boss", "ask_boss", '{"question": "May we?"}')
        case 3:
            return ToolCall("rest", "charge", '{"amount": 3}')
        case _:
            return f"Done: {request.messages[0].text}"


def checks(request: ModelRequest) -> Part | str | list[Part]:
    """What the sub-agent does: it looks, and it pays as well."""
    match turn_of(request):
        case 0:
            return [ToolCall("see", "look", "{}"), ToolCall("fee", "charge", '{"amount": 4}')]
        case _:
            return f"Checked: {request.messages[0].text}"


@tool
async def charge(context: RunContext[None], amount: int) -> str:
    """Charge an amount: not idempotent."""
    await asyncio.sleep(some(0, 0.05))
    note(what="charged", key=context.idempotency_key, amount=amount)
    await asyncio.sleep(some(0, 0.05))
    return f"charged {amount}"


@tool
def charge_slowly(context: RunContext[None], amount: int) -> str:
    """Charge an amount, blocking its thread: not idempotent."""
    time.sleep(some(0, 0.1))
    note(what="charged", key=context.idempotency_key, amount=amount)
    return f"charged {amount}"


@tool(idempotent=True)
async def look() -> str:
    """Look at something; as often as one likes."""
    await asyncio.sleep(some(0, 0.05))
    return "seen"


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
agents = [buyer]
