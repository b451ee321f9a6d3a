"""How a program's tool calls are carried out: by whoever granted the tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from ..data import CallerError, ToolSpec


class Answered(msgspec.Struct, frozen=True):
    """The call gave a value; it crosses as JSON would have it."""

    value: Any


class Failed(msgspec.Struct, frozen=True):
    """The call failed: the program gets `RuntimeError(message)` and may go on."""

    message: str


class Waits(msgspec.Struct, frozen=True):
    """The outcome comes later, from outside: the program is suspended once it can do nothing else."""

    info: Any = None


Answer = Answered | Failed | Waits


class Call(Protocol):
    """Carries out one call; `call_id` is its place in the program's own order.

    It checks the arguments, journals, asks for approvals and keeps budgets as its owner likes. An exception out of it ends the
    run and reaches the caller of `Sandbox.run`: what the program shall hear of comes as `Failed`.
    """

    async def __call__(self, name: str, arguments: dict[str, Any], call_id: int) -> Answer: ...


async def _nothing_granted(name: str, arguments: dict[str, Any], call_id: int) -> Answer:  # noqa: ARG001  (a Call)
    return Failed(f"there is no tool {name!r}")


class Grant:
    """The tools that a program may call, and who carries the calls out."""

    def __init__(self, tools: Sequence[ToolSpec] = (), call: Call = _nothing_granted) -> None:
        self.tools = tuple(tools)
        self.call = call
        self.names = frozenset(tool.name for tool in self.tools)
        if len(self.names) < len(self.tools):
            raise CallerError("two tools of a grant have one name; give each a name of its own")
