"""Our messages to JSON of the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ...data import CallerError, Image, JsonObject, Media, Message, Part, Text, Thinking, ToolCall, ToolResult
from .media import image_json
from .names import ABSENT, FUNCTION, KEYS, MADE, NAME, RAW, own
from .shapes import UNREADABLE, json_of

_object = msgspec.json.Decoder(dict[str, Any]).decode


def message_fragment(message: Message, called: Mapping[str, str]) -> bytes:
    """The message as elements of `messages`, without the brackets around them; empty where the wire takes nothing of it.

    `called` has the names of the tools that were called last by the ids of the calls: results name their tool here.
    """
    if message.role == "assistant":
        wires = _answer(message)
    else:
        wires = [_result(result, called) for result in message.tool_results]
        rest = [part for part in message.parts if not isinstance(part, ToolResult)]
        if rest or not wires:
            wires += _turn(message, rest)
    return json_of(wires)[1:-1]


def call_json(call: ToolCall, *, made: bool = False) -> JsonObject:
    """A tool call as the wire has it; ids that we made up are left out unless they are asked for."""
    data = own(call.origin)
    function = {"name": call.name, "arguments": arguments_json(call.arguments), **data.get(FUNCTION, {})}
    wire: JsonObject = {"function": function, **data.get(KEYS, {})}
    if call.id and (made or not call.id.startswith(MADE)):
        wire["id"] = call.id
    return wire


def arguments_json(arguments: str) -> msgspec.Raw | JsonObject:
    """The model's own text if that is a JSON object, else an object with the text in it."""
    if not arguments.strip():
        return {}
    try:
        _object(arguments)
        return msgspec.Raw(arguments.encode())
    except UNREADABLE:
        return {RAW: arguments}


def _answer(message: Message) -> list[JsonObject]:
    thoughts: list[str] = []
    images: list[str] = []
    for part in message.parts:
        match part:
            case Thinking() if part.origin is not None and part.origin.dialect == NAME:
                # Other models' thoughts are dropped: none takes them for its own.
                thoughts.append(part.text)
            case Image():
                images.append(image_json(part))
            case _:
                _check(part, "in a model's turn")
    data = own(message.origin)
    wire: JsonObject = {"role": "assistant", "content": message.text}
    if thoughts:
        wire["thinking"] = "".join(thoughts)
    if images:
        wire["images"] = images
    if calls := message.tool_calls:
        wire["tool_calls"] = [call_json(call) for call in calls]
    says = len(wire) > 2 or wire["content"] or KEYS in data or not message.parts  # noqa: PLR2004  (role and content)
    return [_stated(wire, data)] if says else []


def _turn(message: Message, parts: Sequence[Part]) -> list[JsonObject]:
    """Instructions and a user's words."""
    for part in parts:
        if isinstance(part, ToolCall):
            raise CallerError(f"a {message.role} message cannot call a tool ({part.name}); only a model's turn can")
        if not isinstance(part, Image):
            _check(part, f"in a {message.role} message")
    data = own(message.origin)
    words = [part.text for part in parts if isinstance(part, Text)]
    wire: JsonObject = {"role": "user" if message.role == "tool" else message.role, "content": "\n\n".join(words)}
    if images := [image_json(part) for part in parts if isinstance(part, Image)]:
        wire["images"] = images
    # What only other dialects understand is no message, and an instruction that is empty today is none. A user who says
    # nothing is one: without any message, Ollama would load the model and answer nothing.
    if parts and not (wire["content"] or images or KEYS in data) and (message.role == "system" or not words):
        return []
    return [_stated(wire, data)]


def _result(result: ToolResult, called: Mapping[str, str]) -> JsonObject:
    data = own(result.origin)
    wire: JsonObject = {"role": "tool", "content": _words(result)}
    if name := result.name or called.get(result.call_id):
        wire["tool_name"] = name
    if result.call_id and not result.call_id.startswith(MADE):
        wire["tool_call_id"] = result.call_id
    content = () if isinstance(result.content, str) else result.content
    if images := [image_json(part) for part in content if isinstance(part, Image)]:
        wire["images"] = images
    return _stated(wire, data)


def _words(result: ToolResult) -> str:
    if isinstance(result.content, str):
        return result.content
    for part in result.content:
        if not isinstance(part, Image):
            _check(part, "in a tool's result")
    return "\n".join(part.text for part in result.content if isinstance(part, Text) and part.text)


def _stated(wire: JsonObject, data: JsonObject) -> JsonObject:
    for key in data.get(ABSENT, ()):
        # The mark holds only as long as there is nothing to say under this key.
        if key != "content" or not wire[key]:
            wire.pop(key, None)
    keys: JsonObject = data.get(KEYS, {})
    return wire | keys


def _check(part: Part, where: str) -> None:
    if isinstance(part, Media):
        kind = type(part).__name__.lower()
        raise CallerError(f"Ollama carries no {kind} {where}; give its text, or pictures of it")
