"""Messages and tools as chat templates take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..data import JsonObject, Message, ToolCall, ToolResult, ToolSpec
from ..providers import lack, media_in

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
        if media := media_in(message):
            raise lack(name, min(media))
        tools |= {call.id: call.name for call in message.tool_calls}
        turns += [_result(item, item.name or tools.get(item.call_id, "")) for item in message.tool_results]
        if message.text or not message.tool_results:
            turns.append(_turn(message))
    return turns


def _turn(message: Message) -> JsonObject:
    turn: JsonObject = {"role": "user" if message.role == "tool" else message.role, "content": message.text}
    if message.tool_calls:
        turn["tool_calls"] = [_call(call) for call in message.tool_calls]
    return turn


def _result(result: ToolResult, tool: str) -> JsonObject:
    return {"role": "tool", "name": tool, "content": result.text}


def _call(call: ToolCall) -> JsonObject:
    try:
        arguments = _object(call.arguments)
    except (ValueError, RecursionError):
        # Templates want an object, and what the model wrote is not to be lost.
        arguments = {"raw": call.arguments}
    return {"type": "function", "function": {"name": call.name, "arguments": arguments}}
