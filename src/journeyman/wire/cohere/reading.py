"""Messages and content blocks of the wire to ours."""

from __future__ import annotations

import base64
from typing import Any, cast

import msgspec

from ...data import Image, JsonObject, Message, Opaque, Part, Role, Text, Thinking, ToolCall, ToolResult
from .names import KEYS, NAME, PLAIN, origin_of

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_TURN = frozenset({"role", "content"})
_RESULT = frozenset({"role", "content", "tool_call_id"})


def part_of(block: JsonObject) -> Part:
    """A content block as a part; what the noun has no place for is in its origin, and an unknown block is opaque."""
    match block:
        case {"type": "text", "text": str(text), **rest}:
            return Text(text, origin_of(rest))
        case {"type": "thinking", "thinking": str(text), **rest}:
            return Thinking(text, Opaque(NAME, rest))
        case {"type": "image_url", "image_url": {"url": str(url), **detail}, **rest} if not rest:
            return _image(url, cast("JsonObject", detail)) or Opaque(NAME, block)
        case _:
            return Opaque(NAME, block)


def messages_of(turns: list[JsonObject]) -> tuple[Message, ...]:
    """The messages of a request. Raises `msgspec.ValidationError` for what is none."""
    messages: list[Message] = []
    called: dict[str, str] = {}
    for index, turn in enumerate(turns):
        where = f"messages[{index}]"
        role = _ROLES.get(_string(turn, "role", where).lower())
        if role is None:
            raise msgspec.ValidationError(f"{where}.role is {turn['role']!r}, which is no role of this API")
        if role == "tool":
            message = Message("tool", (_result(turn, called, where),))
        elif role == "assistant":
            message = _answer(turn, where)
            called |= {call.id: call.name for call in message.tool_calls}
        else:
            parts, mark = _content(turn.get("content"), where)
            message = Message(role, parts, _origin(turn, _TURN, mark))
        messages.append(message)
    return tuple(messages)


def _answer(turn: JsonObject, where: str) -> Message:
    # Null and an empty list of calls say nothing, and are said again all the same.
    taken = {"role"}
    parts: tuple[Part, ...] = ()
    mark: JsonObject = {}
    if turn.get("content") is not None:
        taken.add("content")
        parts, mark = _content(turn["content"], where)
    calls: Any = turn.get("tool_calls")
    if calls:
        taken.add("tool_calls")
        if not isinstance(calls, list):
            raise msgspec.ValidationError(f"{where}.tool_calls is no list")
        parts += tuple(_call(call, f"{where}.tool_calls") for call in cast("list[object]", calls))
    return Message("assistant", parts, _origin(turn, frozenset(taken), mark))


def _origin(turn: JsonObject, taken: frozenset[str], mark: JsonObject) -> Opaque | None:
    keys = {key: value for key, value in turn.items() if key not in taken}
    return origin_of({**mark, KEYS: keys} if keys else mark)


def _content(content: object, where: str) -> tuple[tuple[Part, ...], JsonObject]:
    if isinstance(content, str):
        return (Text(content),), {PLAIN: True}
    return tuple(map(part_of, _blocks(content, where))), {}


def _blocks(content: object, where: str) -> list[JsonObject]:
    if not isinstance(content, list):
        raise msgspec.ValidationError(f"{where}.content is neither a string nor a list")
    for block in cast("list[object]", content):
        if not isinstance(block, dict):
            raise msgspec.ValidationError(f"{where}.content holds something else than objects")
    return cast("list[JsonObject]", content)


def _call(wire: object, where: str) -> ToolCall:
    if not isinstance(wire, dict):
        raise msgspec.ValidationError(f"{where} holds something else than objects")
    call = cast("JsonObject", wire)
    function: object = call.get("function")
    if not isinstance(function, dict):
        raise msgspec.ValidationError(f"{where}.function is no object")
    inner = cast("JsonObject", function)
    arguments = inner.get("arguments")
    return ToolCall(
        _string(call, "id", where),
        _string(inner, "name", f"{where}.function"),
        arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode(),
        origin_of({key: value for key, value in call.items() if key not in ("id", "type", "function")}),
    )


def _result(turn: JsonObject, called: dict[str, str], where: str) -> ToolResult:
    call_id = _string(turn, "tool_call_id", where)
    content: object = turn.get("content")
    told: str | tuple[Text | Opaque, ...] = (
        content if isinstance(content, str) else tuple(map(_told, _blocks(content, where)))
    )
    origin = origin_of({key: value for key, value in turn.items() if key not in _RESULT})
    # This wire names the tool in the call alone; other wires want it in the result too.
    return ToolResult(call_id, told, name=called.get(call_id), origin=origin)


def _told(block: JsonObject) -> Text | Opaque:
    part = part_of(block)
    return part if isinstance(part, Text) else Opaque(NAME, block)


def _image(url: str, detail: JsonObject) -> Image | None:
    head, comma, text = url.partition(",")
    if url.startswith(("https:", "http:")):
        return Image("image/*", url=url, origin=origin_of(detail))
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    # Bytes that would be written otherwise than they came stay as they are.
    same = base64.b64encode(data).decode() == text
    media_type = head.removeprefix("data:").removesuffix(";base64")
    return Image(media_type, data, origin=origin_of(detail)) if same else None


def _string(value: JsonObject, key: str, where: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise msgspec.ValidationError(f"{where}.{key} is missing, or is no string")
    return text
