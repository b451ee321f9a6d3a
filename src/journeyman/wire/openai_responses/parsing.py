"""What a client of the Responses API sent, as a request of ours."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ...data import (
    CallerError,
    JsonObject,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Settings,
    Text,
    ToolSpec,
)
from ..http import HttpRequest
from ..shapes import UNREADABLE, string_of, without
from .media import part_of
from .names import ABSENT, FORM, INSTRUCTIONS, LISTED, NAME, WHOLE_INPUT
from .reading import call_of, message_parts, result_of, thoughts_of
from .spelling import blocks_of, difference, tagged
from .tools import choice_of, format_json, output_of, tool_of


class _Body(msgspec.Struct):
    model: str
    input: str | list[JsonObject] = []
    instructions: str | None = None
    tools: list[JsonObject] | None = None
    tool_choice: Any = None
    text: JsonObject | None = None
    reasoning: JsonObject | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    parallel_tool_calls: bool | None = None
    stream: bool | None = None


_body = msgspec.json.Decoder(_Body).decode
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_anything = msgspec.json.Decoder().decode

_OURS = ("store", "include", "stream", "input")
"""Keys that encoding adds, so that a request has to tell where a client left them out."""

_MADE_BY_MODELS = frozenset({"message", "reasoning", "compaction", "mcp_list_tools", "mcp_approval_request", "program"})
"""Items besides calls of all kinds that come in answers."""


_REFERENCE = frozenset({"id", "type"})
"""The keys of a reference to an item that the provider keeps."""


def parse_request(request: HttpRequest) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    try:
        return _request(request)
    except UNREADABLE as error:
        raise CallerError(f"this is no request of the Responses API: {error}") from error


def _request(request: HttpRequest) -> ModelRequest:
    body = _body(request.body)
    keys = _keys(request.body)
    # What is not taken below is extra: unknown keys, nulls, and forms that our own nouns would not lead to.
    taken = {"model", "input"} if body.stream is None else {"model", "input", "stream"}
    messages: list[Message] = []
    if body.instructions:
        taken.add("instructions")
        messages.append(Message("system", (Text(body.instructions),), Opaque(NAME, {FORM: INSTRUCTIONS})))
    if isinstance(body.input, str):
        messages.append(Message("user", (Text(body.input),), Opaque(NAME, {FORM: WHOLE_INPUT})))
    else:
        messages += _messages(body.input)
    tools = _tools(body, taken)
    output, text = _output(body, taken)
    settings, reasoning = _settings(body, taken)
    extra: JsonObject = {key: _anything(value) for key, value in keys.items() if key not in taken}
    extra |= {key: rest for key, rest in (("text", text), ("reasoning", reasoning)) if rest}
    extra[ABSENT] = [key for key in _OURS if key not in keys]
    settings = msgspec.structs.replace(settings, extra=Opaque(NAME, extra))
    return ModelRequest(body.model, tuple(messages), tools, output, settings, stream=bool(body.stream))


def _tools(body: _Body, taken: set[str]) -> tuple[ToolSpec | Opaque, ...]:
    if not body.tools:
        return ()
    taken.add("tools")
    if body.parallel_tool_calls is not None:
        taken.add("parallel_tool_calls")
    return tuple(map(tool_of, body.tools))


def _output(body: _Body, taken: set[str]) -> tuple[JsonOutput | None, JsonObject]:
    """What the answer has to look like, and what else is said of its text."""
    text = body.text or {}
    output = output_of(text.get("format"))
    if output is None:
        return None, {}
    taken.add("text")
    same = format_json(output) == text["format"]
    return output, without(text, "format") if same else text


def _settings(body: _Body, taken: set[str]) -> tuple[Settings, JsonObject]:
    """Settings, and what else is said of thinking."""
    for key in ("temperature", "top_p", "max_output_tokens"):
        if getattr(body, key) is not None:
            taken.add(key)
    choice = choice_of(body.tool_choice)
    if choice is not None:
        taken.add("tool_choice")
    reasoning = body.reasoning or {}
    effort = string_of(reasoning.get("effort")) or None
    if effort is not None:
        taken.add("reasoning")
    settings = Settings(
        temperature=body.temperature,
        top_p=body.top_p,
        max_tokens=body.max_output_tokens,
        parallel_tool_calls=body.parallel_tool_calls if body.tools else None,
        tool_choice=choice,
        reasoning_effort=effort,
    )
    return settings, {} if effort is None else without(reasoning, "effort")


def _messages(items: list[JsonObject]) -> list[Message]:
    history = _History()
    for item in items:
        history.add(item)
    return history.messages()


class _History:
    """Messages, gathered item by item: what a model said in one go is one message, and so are results of its calls."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._role: Literal["assistant", "tool"] | None = None
        self._parts: list[Part] = []
        self._called: dict[str, str] = {}

    def messages(self) -> list[Message]:
        self._close()
        return self._messages

    def add(self, item: JsonObject) -> None:
        kind = item.get("type")
        if kind is None:
            # Both messages and references to items need not say what they are.
            kind = "item_reference" if "id" in item and item.keys() <= _REFERENCE else "message"
        match kind:
            case "message" if item.get("role") == "assistant":
                self._gather("assistant", *message_parts(item))
            case "message":
                self._close()
                self._messages.append(_said(item))
            case "function_call":
                call = call_of(item)
                self._called[call.id] = call.name
                self._gather("assistant", call)
            case "function_call_output":
                # This wire names the function in the call alone; other wires want it in the result too.
                self._gather("tool", result_of(item, self._called.get(string_of(item.get("call_id")))))
            case "reasoning":
                self._gather("assistant", thoughts_of(item))
            case str():
                self._other(kind, item)
            case _:
                raise msgspec.ValidationError("an item of the input has a type that is no string")

    def _other(self, kind: str, item: JsonObject) -> None:
        # It stays beside its neighbours: a message of its own would be an empty one to every other wire.
        by_model = kind in _MADE_BY_MODELS or kind.endswith("_call")
        self._gather("assistant" if by_model else self._role or "assistant", Opaque(NAME, item))

    def _gather(self, role: Literal["assistant", "tool"], *parts: Part) -> None:
        if role != self._role:
            self._close()
            self._role = role
        self._parts += parts

    def _close(self) -> None:
        if self._role is not None and (self._parts or self._role == "assistant"):
            self._messages.append(Message(self._role, tuple(self._parts)))
        self._role = None
        self._parts = []


def _said(item: JsonObject) -> Message:
    """A message of a user or a developer."""
    role, content = item.get("role"), item.get("content")
    if role not in ("user", "system", "developer"):
        raise msgspec.ValidationError(f"a message has the unknown role {role!r}")
    ours: Literal["user", "system"] = "user" if role == "user" else "system"
    kept = difference({"role": ours}, without(item, "content"))
    if isinstance(content, str):
        # The tag keeps an instruction that says nothing: without one it would be left out.
        origin = Opaque(NAME, kept) if ours == "system" and not content else tagged(kept)
        return Message(ours, (Text(content),), origin)
    blocks = blocks_of(content)
    if blocks is None:
        raise msgspec.ValidationError(f"a message of the {role} lacks `content`")
    parts = tuple(map(part_of, blocks))
    if not parts or (len(parts) == 1 and isinstance(parts[0], Text)):
        kept = {**kept, FORM: LISTED}
    return Message(ours, parts, tagged(kept))
