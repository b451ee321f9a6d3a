"""A client's request to ours."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ...data import (
    CallerError,
    JsonObject,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Role,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
)
from ..http import HttpRequest
from ..quirks import ChatQuirks
from ..shapes import UNREADABLE, json_of, list_of, object_of, objects_of, string_of, without
from .media import media_part
from .names import BLOCK, CUSTOM, FORM, KEY, LEGACY, NAME, REFUSAL, legacy_id
from .tools import choice_of, output_json, output_of, tool_of

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user"}
_NUMBER = (int, float)
_SIMPLE: dict[str, tuple[type, ...]] = {
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "seed": (int,),
    "parallel_tool_calls": (bool,),
    "reasoning_effort": (str,),
    "top_k": (int,),
}
"""The settings that are called on the wire as they are with us, and what they may be."""

_LIMITS = ("max_completion_tokens", "max_tokens")
_APART = frozenset({"model", "messages", "tools", "stream", "stream_options", "tool_choice", "response_format"})


def parse_request(request: HttpRequest, quirks: ChatQuirks) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    try:
        return _request(object_of(msgspec.json.decode(request.body)), quirks)
    except UNREADABLE as error:
        raise CallerError(f"the request cannot be read: {error}") from error


def wants_usage(request: ModelRequest) -> bool:
    """Whether the client that sent a parsed request asked for usage at the end of its stream."""
    extra = request.settings.extra
    if extra is None or extra.dialect != NAME:
        return False
    return object_of(object_of(extra.data).get("stream_options")).get("include_usage") is True


def _request(body: JsonObject, quirks: ChatQuirks) -> ModelRequest:
    model = body.get("model")
    if not isinstance(model, str):
        raise CallerError("`model` is missing, or is no string")
    stream = body.get("stream") is True
    messages = _messages(body.get("messages"))
    extra = {key: item for key, item in body.items() if key not in _APART}
    tools = _tools(body, extra)
    output = output_of(body.get("response_format"))
    if "response_format" in body and (output is None or output_json(output) != body["response_format"]):
        extra["response_format"] = body["response_format"]
    if stream or "stream_options" in body:
        # None stands for a client that does not want to hear of usage.
        extra["stream_options"] = body.get("stream_options")
    return ModelRequest(model, messages, tools, output, _settings(body, extra, quirks), stream)


def _settings(body: JsonObject, extra: JsonObject, quirks: ChatQuirks) -> Settings:
    fields: dict[str, Any] = {}
    for key, kinds in _SIMPLE.items():
        # What is null or odd stays as it came, among the extras.
        if type(body.get(key)) in kinds:
            fields[key] = body[key]
            # Only some vendors know it, so that it is sent on because it came.
            if key != "top_k":
                del extra[key]
    _limit(body, extra, fields, quirks)
    _stop(body, extra, fields)
    choice = choice_of(body.get("tool_choice"))
    if choice is not None:
        fields["tool_choice"] = choice
    elif "tool_choice" in body:
        extra["tool_choice"] = body["tool_choice"]
    return Settings(**fields, extra=Opaque(NAME, extra) if extra else None)


def _limit(body: JsonObject, extra: JsonObject, fields: dict[str, Any], quirks: ChatQuirks) -> None:
    keys = sorted(_LIMITS, key=lambda key: key != quirks.max_tokens)
    given = [key for key in keys if type(body.get(key)) is int]
    if given:
        fields["max_tokens"] = body[given[0]]
        if given == [quirks.max_tokens]:
            # Otherwise it stays among the extras and tells under which key it came.
            del extra[given[0]]


def _stop(body: JsonObject, extra: JsonObject, fields: dict[str, Any]) -> None:
    stop = body.get("stop")
    if isinstance(stop, str):
        fields["stop"] = (stop,)
    elif isinstance(stop, list) and all(isinstance(word, str) for word in cast("list[object]", stop)):
        fields["stop"] = tuple(cast("list[str]", stop))
        del extra["stop"]


def _tools(body: JsonObject, extra: JsonObject) -> tuple[ToolSpec | Opaque, ...]:
    tools = body.get("tools")
    if not tools:
        if "tools" in body:
            extra["tools"] = tools
        return ()
    if not isinstance(tools, list):
        raise CallerError("`tools` is no list")
    return tuple(tool_of(tool, f"tools[{index}]") for index, tool in enumerate(cast("list[object]", tools)))


def _messages(wires: object) -> tuple[Message, ...]:
    """The messages of a request; results of tools that follow each other become one message.

    Raises `CallerError` for what is no message.
    """
    if not isinstance(wires, list):
        raise CallerError("`messages` is missing, or is no list")
    messages: list[Message] = []
    results: list[ToolResult] = []
    for index, wire in enumerate(cast("list[object]", wires)):
        where = f"messages[{index}]"
        if not isinstance(wire, dict):
            raise CallerError(f"{where} is no object")
        message = _message(cast("JsonObject", wire), where)
        if isinstance(message, ToolResult):
            results.append(message)
            continue
        if results:
            messages.append(Message("tool", tuple(results)))
            results = []
        messages.append(message)
    if results:
        messages.append(Message("tool", tuple(results)))
    return tuple(messages)


def _message(wire: JsonObject, where: str) -> Message | ToolResult:
    role = wire.get("role")
    match role:
        case "assistant":
            return _assistant(wire, where)
        case "tool":
            return _result(wire, where)
        case "function":
            name = string_of(wire.get("name"))
            origin = Opaque(NAME, {LEGACY: True, **without(wire, "role", "name", "content")})
            return ToolResult(legacy_id(name), string_of(wire.get("content")), name=name, origin=origin)
        case "system" | "developer" | "user":
            parts, form = _content(wire, where)
            extras = without(wire, "role", "content") | form
            if role == "developer":
                extras["role"] = role
            return Message(_ROLES[role], parts, Opaque(NAME, extras) if extras else None)
        case _:
            raise CallerError(f"{where}.role is {role!r}; it is system, developer, user, assistant or tool")


def _content(wire: JsonObject, where: str) -> tuple[tuple[Part, ...], JsonObject]:
    """The parts of a content, and what to note where its form is not the one that we would write."""
    content = wire.get("content")
    if isinstance(content, str):
        # Empty words of a model beside its calls say nothing, and other wires refuse them.
        return ((), {FORM: "empty"}) if wire["role"] == "assistant" and not content else ((Text(content),), {})
    if content is None:
        return (), {FORM: "null" if "content" in wire else "absent"}
    if not isinstance(content, list):
        raise CallerError(f"{where}.content is neither a string nor a list")
    parts = tuple(_block(block, wire["role"], where) for block in cast("list[object]", content))
    if not parts:
        return (), {FORM: "empty_list"}
    plain = all(isinstance(part, Text) and part.origin is None for part in parts)
    return parts, {FORM: "list"} if plain and (len(parts) == 1 or wire["role"] == "assistant") else {}


def _block(block: object, role: str, where: str) -> Part:
    if not isinstance(block, dict):
        raise CallerError(f"{where}.content holds what is no object")
    content = cast("JsonObject", block)
    if role == "user" or content.get("type") == "text":
        return media_part(content)
    if role == "assistant" and content.get("type") == "thinking":
        match content:
            case {"thinking": [{"type": "text", "text": str(words), **more}]} if not more:
                return Thinking(words, Opaque(NAME, {BLOCK: without(content, "type", "thinking")}))
            case _:
                pass
    # A picture of a tool, say, which this wire does not know: whoever takes it may have it, and no other wire.
    return Opaque(NAME, content)


def _result(wire: JsonObject, where: str) -> ToolResult:
    call_id = wire.get("tool_call_id")
    if not isinstance(call_id, str):
        raise CallerError(f"{where}.tool_call_id is missing, or is no string")
    extras = without(wire, "role", "content", "tool_call_id")
    content: str | tuple[Text | Opaque, ...] = ""
    match wire.get("content"):
        case str(words):
            content = words
        case list():
            blocks = [_block(block, "tool", where) for block in list_of(wire["content"])]
            content = tuple(block for block in blocks if isinstance(block, Text | Opaque))
            extras[FORM] = "list"
        case other:
            extras |= {"content": other} if "content" in wire else {}
    name = string_of(wire.get("name")) or None
    return ToolResult(call_id, content, name=name, origin=Opaque(NAME, extras) if extras else None)


def _assistant(wire: JsonObject, where: str) -> Message:
    extras = without(wire, "role", "content")
    parts: list[Part] = []
    for key in ("reasoning_content", "reasoning"):
        if isinstance(words := extras.get(key), str):
            parts.append(Thinking(words, Opaque(NAME, {KEY: key})))
            del extras[key]
    content, form = _content(wire, where)
    parts += content
    if words := string_of(extras.get("refusal")):
        parts.append(Text(words, Opaque(NAME, {REFUSAL: True})))
        del extras["refusal"]
    if calls := _calls(extras, where):
        parts += calls
        # The usual form beside calls.
        form = {} if form.get(FORM) == "null" else form
    extras |= form
    return Message("assistant", tuple(parts), Opaque(NAME, extras) if extras else None)


def _calls(extras: JsonObject, where: str) -> list[ToolCall]:
    """The calls of a turn, taken out of its other keys."""
    calls = [_call(wire, where) for wire in objects_of(extras.get("tool_calls"))]
    if calls:
        del extras["tool_calls"]
    legacy = object_of(extras.get("function_call"))
    if name := string_of(legacy.get("name")):
        del extras["function_call"]
        calls.append(ToolCall(legacy_id(name), name, _arguments(legacy), Opaque(NAME, {LEGACY: True})))
    return calls


def _call(wire: JsonObject, where: str) -> ToolCall:
    kind = wire.get("type")
    extras = without(wire, "id", "type", "function", "custom")
    if kind == "custom":
        custom = object_of(wire.get("custom"))
        name, arguments = string_of(custom.get("name")), json_of({"input": custom.get("input")}).decode()
        extras[CUSTOM] = True
    else:
        function = object_of(wire.get("function"))
        name, arguments = string_of(function.get("name")), _arguments(function)
        if kind != "function":
            # None: it was not there.
            extras["type"] = kind
    if not name:
        raise CallerError(f"{where}.tool_calls holds a call without a name")
    return ToolCall(string_of(wire.get("id")), name, arguments, Opaque(NAME, extras) if extras else None)


def _arguments(function: JsonObject) -> str:
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        return json_of(cast("JsonObject", arguments)).decode()
    return string_of(arguments) or "{}"
