"""Messages and tools as chat templates take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..data import CallerError, JsonObject, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult, ToolSpec

_object = msgspec.json.Decoder(dict[str, Any]).decode


def tool_of(tool: ToolSpec) -> JsonObject:
    """A tool, in the form of OpenAI's, which templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def turns_of(messages: Iterable[Message], name: str) -> list[JsonObject]:
    """The turns of a history: words, calls with their arguments as objects, results one by one.

    Thoughts of earlier turns are left out, as templates do. Raises `CallerError` for media; `name` is the model's.
    """
    turns: list[JsonObject] = []
    # Templates name a result's tool, and a result need not say it.
    tools: dict[str, str] = {}
    for message in messages:
        for part in message.parts:
            _refuse_media(part, name)
        tools |= {call.id: call.name for call in message.tool_calls}
        turns += [_result(item, item.name or tools.get(item.call_id, ""), name) for item in message.tool_results]
        if message.text or not message.tool_results:
            turns.append(_turn(message))
    return turns


def _turn(message: Message) -> JsonObject:
    turn: JsonObject = {"role": "user" if message.role == "tool" else message.role, "content": message.text}
    if message.tool_calls:
        turn["tool_calls"] = [_call(call) for call in message.tool_calls]
    return turn


def _result(result: ToolResult, tool: str, name: str) -> JsonObject:
    for part in result.content if isinstance(result.content, tuple) else ():
        _refuse_media(part, name)
    return {"role": "tool", "name": tool, "content": result.text}


def _call(call: ToolCall) -> JsonObject:
    try:
        arguments = _object(call.arguments)
    except (ValueError, RecursionError):
        # Templates want an object, and what the model wrote is not to be lost.
        arguments = {"raw": call.arguments}
    return {"type": "function", "function": {"name": call.name, "arguments": arguments}}


def _refuse_media(part: Part, name: str) -> None:
    if not isinstance(part, Text | Thinking | ToolCall | ToolResult | Opaque):
        raise CallerError(f"{name} takes words only, and there is a {type(part).__name__} in the request")
