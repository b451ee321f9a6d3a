"""A request of ours as the bytes of a `generateContent` request."""

from __future__ import annotations

import functools
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ...data import CallerError, JsonObject, Message, ModelRequest, ToolSpec
from ..http import HttpRequest
from ..shapes import json_of
from .config import config_json
from .names import FORM, NAME, own
from .shapes import joined, respelled
from .tools import choice_json, tools_json
from .writing import content_fragment, joins, system_fragment

_HEADERS = {"content-type": "application/json"}
_OWNERS = ("models/", "tunedModels/", "endpoints/", "publishers/")
_HANDLED = frozenset({FORM, "contents", "systemInstruction", "toolConfig", "generationConfig"})


def encode_request(request: ModelRequest, *, stream: bool) -> HttpRequest:
    """The HTTP request; raises `CallerError` for what the wire cannot carry."""
    extra = own(request.settings.extra)
    form: JsonObject = extra.get(FORM, {})
    messages = request.messages
    leading = 0
    while leading < len(messages) and messages[leading].role == "system":
        leading += 1
    body: JsonObject = {}
    _add_system(body, messages[:leading], extra)
    if elements := tools_json(request.tools):
        body["tools"] = elements[0] if form.get("tools") == "lone" else elements
    _add_choice(body, request, extra, form)
    _add_config(body, request, extra, form)
    for key, value in extra.items():
        if key not in _HANDLED:
            body.setdefault(key, value)
    # One join makes the whole body: a long history is copied once, which is most of what its encoding costs.
    head = json_of(respelled(body, form))[:-1]
    opening, closing = (b'"contents":', b"}") if form.get("contents") == "lone" else (b'"contents":[', b"]}")
    comma = b"," if body else b""
    text = b"".join((head, comma, opening, *_contents(messages, leading), closing))
    return HttpRequest("POST", _path(request.model, stream=stream), _HEADERS, text)


def _path(model: str, *, stream: bool) -> str:
    name = quote(model if model.startswith(_OWNERS) else f"models/{model}", safe="/@:")
    return f"/{name}:streamGenerateContent?alt=sse" if stream else f"/{name}:generateContent"


def _contents(messages: tuple[Message, ...], leading: int) -> list[bytes]:
    fragments: list[bytes] = []
    names = _Names(messages)
    begin = leading
    # This walks all of a long history: what nearly never joins another is not asked whether it does.
    for end in range(leading + 1, len(messages) + 1):
        if end < len(messages):
            message = messages[end]
            if (message.role == "tool" or message.origin is not None) and joins(message, messages[end - 1]):
                continue
        known = messages[begin].__dict__.get(NAME) if end - begin == 1 else None
        fragments.append(content_fragment(messages[begin:end], names) if known is None else known)
        begin = end
    for index, first in enumerate(fragments):
        if first:
            # Each fragment brings the comma before it; the first has none to bring.
            fragments[index] = first[1:]
            break
    return fragments


class _Names:
    """The names of the functions that were called, by the ids of the calls; looked up once, where a result has none."""

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self._messages = messages

    @functools.cached_property
    def _known(self) -> dict[str, str]:
        # Of calls under one id the first counts, so that no later turn changes what was sent.
        calls = [call for message in self._messages for call in message.tool_calls]
        return {call.id: call.name for call in reversed(calls)}

    def __call__(self, call_id: str) -> str:
        name = self._known.get(call_id)
        if not name:
            raise CallerError(f"the result of tool call {call_id!r} names no tool; give ToolResult(name=...)")
        return name


def _add_system(body: JsonObject, messages: tuple[Message, ...], extra: JsonObject) -> None:
    parts = b"".join([system_fragment(message) for message in messages])[1:]
    stated: Any = extra.get("systemInstruction")
    told = cast("JsonObject", stated) if isinstance(stated, dict) else {}
    form: JsonObject = told.get(FORM, {})
    if parts:
        listed = parts if "lone" in form else b"[" + parts + b"]"
        body["systemInstruction"] = joined({"parts": msgspec.Raw(listed)}, told)
    elif "systemInstruction" in extra and (not told or "bare" in form):
        body["systemInstruction"] = joined({}, told) if told else stated


def _add_choice(body: JsonObject, request: ModelRequest, extra: JsonObject, form: JsonObject) -> None:
    choice = request.settings.tool_choice
    config: JsonObject = {}
    # The wire refuses a choice among no functions.
    if choice is not None and any(isinstance(tool, ToolSpec) for tool in request.tools):
        config["functionCallingConfig"] = respelled(choice_json(choice), form)
    stated: Any = extra.get("toolConfig")
    told = cast("JsonObject", stated) if isinstance(stated, dict) else {}
    if config or "toolConfig" in extra:
        body["toolConfig"] = respelled(joined(config, told), form) if config or told else stated


def _add_config(body: JsonObject, request: ModelRequest, extra: JsonObject, form: JsonObject) -> None:
    stated: Any = extra.get("generationConfig")
    told = cast("JsonObject", stated) if isinstance(stated, dict) else {}
    config = config_json(request, told, form)
    if config or "generationConfig" in extra:
        body["generationConfig"] = config or stated
