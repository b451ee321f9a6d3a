"""What an agent is to the loop: everything about it that stays the same from run to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ..data import JsonOutput, Limits, Settings, ToolCall, ToolSpec
from ..journal import RunState, ToolCalled
from ..models import Model
from ..schema import OutputSchema
from ..tools import Tool
from .hooks import Hooks

if TYPE_CHECKING:
    from ..programs import Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Made once for an agent.

    `specs` are the tools as the model sees them, the output tool included; `output_tool` is None where the output is
    the answer's text, plain or (with `json_output`) in the provider's native JSON mode. `fingerprint` tells whether prompt,
    tools and output schema are still the ones that a run began with, and `signatures` which of them are not. `guarded` says
    that there is a tool whose calls may need an approval. `programs` are what its model may write, where it may.
    """

    agent: str
    model: Model
    tools: Mapping[str, Tool[..., Any]]
    specs: tuple[ToolSpec, ...]
    output: OutputSchema
    output_tool: str | None
    json_output: JsonOutput | None
    settings: Settings
    limits: Limits
    fingerprint: str
    check: Callable[[Any], Any] | None = None
    guarded: bool = False
    hooks: Hooks | None = None
    signatures: dict[str, str] | None = None
    programs: Offer | None = None

    def is_output(self, call: ToolCall) -> bool:
        """Whether a call is the model's way of giving its output."""
        return call.name == self.output_tool


PROGRAM_TOOL = "run_program"
"""The tool by which a program is run, by a model's call or because it stood in the model's words."""


def program_call(state: RunState, code: str, note: str) -> ToolCalled:
    """The call that runs a program from the words of the last answer."""
    arguments = msgspec.json.encode({"code": code, "note": note} if note else {"code": code}).decode()
    return ToolCalled(call_id=f"program_{state.iterations}", name=PROGRAM_TOOL, arguments=arguments)
