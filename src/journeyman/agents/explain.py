"""What would be sent, and where each part of it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from ..data import Message, ModelRequest
from ..journal import RunState
from ..loop import Plan
from ..wire import HttpRequest


@dataclass(frozen=True, slots=True)
class ExplainedPart:
    """A part of a request; `origin` says who put it there: `user`, `history`, `system_prompt`, `tool:name` and such."""

    origin: str
    content: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`request` is what would leave, byte for byte but for the key; None for a model that sends nothing."""

    parts: tuple[ExplainedPart, ...]
    request: HttpRequest | None

    @property
    def body(self) -> bytes:
        """The bytes of the request's body."""
        return b"" if self.request is None else self.request.body

    def __str__(self) -> str:
        shown = [f"[{part.origin}]\n{part.content}" for part in self.parts]
        if self.request is not None:
            lines = [f"{name}: {value}" for name, value in self.request.headers.items()]
            head = "\n".join([f"{self.request.method} {self.request.path}", *lines])
            shown.append(f"{head}\n\n{self.request.body.decode()}")
        return "\n\n".join(shown)


def explanation(plan: Plan, state: RunState) -> Explanation:
    """The explanation of a run's next request."""
    system = tuple(Message.system(item.text) for item in state.instructions)
    request = ModelRequest("", system + state.messages, plan.specs, plan.json_output, plan.settings)
    return Explanation(tuple(_parts(plan, state)), plan.model.preview(request))


def _parts(plan: Plan, state: RunState) -> Iterator[ExplainedPart]:
    for instruction in state.instructions:
        yield ExplainedPart(instruction.label, instruction.text)
    for spec in plan.specs:
        origin = "output_type" if spec.name == plan.output_tool else f"tool:{spec.name}"
        yield ExplainedPart(origin, _json(spec))
    if plan.json_output is not None:
        yield ExplainedPart("output_type", _json(plan.json_output))
    if plan.settings.__struct_fields__ and _json(plan.settings) != "{}":
        yield ExplainedPart("settings", _json(plan.settings))
    for index, message in enumerate(state.messages):
        origin = "history" if index < state.inherited or message.role != "user" else "user"
        only_words = all(type(part).__name__ == "Text" for part in message.parts)
        yield ExplainedPart(origin, message.text if only_words else _json(message))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
