"""Messages of the wire to ours."""

from __future__ import annotations

import base64
from collections import deque
from typing import Any, cast

import msgspec

from ...data import Image, JsonObject, Message, Opaque, Part, Role, Text, Thinking, ToolCall, ToolResult
from .media import image_of
from .names import ABSENT, FUNCTION, KEYS, MADE, NAME, origin_of

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


class _Waiting:
    """Calls of the last turn that no result has answered; older clients name the tool in a result, and no call."""

    def __init__(self, calls: tuple[ToolCall, ...] = ()) -> None:
        self._name = {call.id: call.name for call in calls}
        self._order = deque(self._name)
        self._by_name: dict[str, deque[str]] = {}
        for call_id, name in self._name.items():
            self._by_name.setdefault(name, deque()).append(call_id)
        self._answered: set[str] = set()

    def id_for(self, name: str | None) -> str | None:
        """The first call that waits, of this tool if one is named."""
        waiting = self._order if name is None else self._by_name.get(name, deque[str]())
        while waiting:
            call_id = waiting.popleft()
            if call_id not in self._answered:
                return call_id
        return None

    def answer(self, call_id: str) -> str | None:
        """The name of the tool that a call was for."""
        self._answered.add(call_id)
        return self._name.get(call_id)


def messages_of(turns: list[JsonObject]) -> tuple[Message, ...]:
    """The messages of a request. Raises `msgspec.ValidationError` for what is none."""
    messages: list[Message] = []
    waiting = _Waiting()
    for index, turn in enumerate(turns):
        where = f"messages[{index}]"
        role = _ROLES.get(_string(turn, "role", where).lower())
        if role is None:
            raise msgspec.ValidationError(f"{where}.role is {turn['role']!r}, which is no role of this API")
        if role == "tool":
            messages.append(Message("tool", (_result(turn, waiting, index, where),)))
            continue
        message = _message(role, turn, index, where)
        if role == "assistant":
            waiting = _Waiting(message.tool_calls)
        messages.append(message)
    return tuple(messages)


def _message(role: Role, turn: JsonObject, index: int, where: str) -> Message:
    rest = {key: value for key, value in turn.items() if key != "role"}
    parts: list[Part] = []
    thinking = rest.get("thinking")
    if role == "assistant" and isinstance(thinking, str) and thinking:
        parts.append(Thinking(rest.pop("thinking"), Opaque(NAME, {})))
    data = _absent(rest, "content")
    if text := _content(rest, where):
        parts.append(Text(text))
    parts += _images(rest)
    calls: Any = rest.get("tool_calls")
    if role == "assistant" and calls:
        if not isinstance(calls, list):
            raise msgspec.ValidationError(f"{where}.tool_calls is no list")
        del rest["tool_calls"]
        listed = enumerate(cast("list[object]", calls))
        parts += [_call(call, f"{index}_{place}", f"{where}.tool_calls[{place}]") for place, call in listed]
    return Message(role, tuple(parts), _origin(data, rest))


def _result(turn: JsonObject, waiting: _Waiting, index: int, where: str) -> ToolResult:
    rest = {key: value for key, value in turn.items() if key != "role"}
    data = _absent(rest, "content")
    text = _content(rest, where)
    images = _images(rest)
    name = rest.pop("tool_name") if isinstance(rest.get("tool_name"), str) and rest["tool_name"] else None
    call_id = rest.pop("tool_call_id") if isinstance(rest.get("tool_call_id"), str) and rest["tool_call_id"] else None
    if call_id is None:
        call_id = waiting.id_for(name) or f"{MADE}{index}"
    called = waiting.answer(call_id)
    if name is None:
        # Other wires want the name; this client had not stated it.
        data = {ABSENT: [*data.get(ABSENT, ()), "tool_name"]}
    words = (Text(text),) if text else ()
    told: str | tuple[Text | Image, ...] = (*words, *images) if images else text
    return ToolResult(call_id, told, name=name or called, origin=_origin(data, rest))


def _absent(turn: JsonObject, key: str) -> JsonObject:
    return {} if key in turn else {ABSENT: [key]}


def _origin(data: JsonObject, rest: JsonObject) -> Opaque | None:
    return origin_of({**data, KEYS: rest} if rest else data)


def _content(rest: JsonObject, where: str) -> str:
    """The words; null stays where it is."""
    content = rest.get("content")
    if content is None:
        return ""
    if not isinstance(content, str):
        raise msgspec.ValidationError(f"{where}.content is no string")
    del rest["content"]
    return content


def _images(rest: JsonObject) -> list[Image]:
    """The pictures, if they would be written as they came; otherwise they stay where they are."""
    images: object = rest.get("images")
    if not images or not isinstance(images, list):
        return []
    made: list[Image] = []
    for text in cast("list[object]", images):
        try:
            image = image_of(text) if isinstance(text, str) else None
        except ValueError:
            image = None
        if image is None or base64.b64encode(image.data or b"").decode() != text:
            return []
        made.append(image)
    del rest["images"]
    return made


def _call(wire: object, made: str, where: str) -> ToolCall:
    call = dict(cast("JsonObject", wire)) if isinstance(wire, dict) else {}
    inner: object = call.pop("function", None)
    if not isinstance(inner, dict):
        raise msgspec.ValidationError(f"{where}.function is no object")
    function = dict(cast("JsonObject", inner))
    name = _string(function, "name", f"{where}.function")
    del function["name"]
    arguments: object = function.pop("arguments", None)
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    call_id = call.pop("id") if isinstance(call.get("id"), str) and call["id"] else MADE + made
    data: JsonObject = {}
    if call:
        data[KEYS] = call
    if function:
        data[FUNCTION] = function
    return ToolCall(call_id, name, text, origin_of(data))


def _string(value: JsonObject, key: str, where: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise msgspec.ValidationError(f"{where}.{key} is missing, or is no string")
    return text
