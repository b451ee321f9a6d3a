"""A request of ours as the bytes of one to Ollama."""

from __future__ import annotations

from typing import cast

from ...data import JsonObject, Message, ModelRequest, Settings, ToolChoice, ToolSpec
from ..http import HttpRequest
from .names import NAME, own
from .shapes import json_of
from .tools import format_json, think_json, tool_json
from .writing import message_fragment

PATH = "/api/chat"

OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "num_predict",
    "stop": "stop",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""What our settings are called among the wire's `options`."""

_HEADERS = {"content-type": "application/json"}


def encode_request(request: ModelRequest, *, stream: bool) -> HttpRequest:
    """The HTTP request; raises `CallerError` for what the wire cannot carry."""
    pieces = [
        b'{"model":',
        json_of(request.model),
        b',"messages":[',
        b",".join(filter(None, _fragments(request.messages))),
        b"]",
    ]
    if tools := _tools(request):
        pieces += (b',"tools":[', b",".join(tools), b"]")
    if keys := _keys(request):
        pieces += (b",", json_of(keys)[1:-1])
    # Stated in any case: without it, Ollama streams.
    pieces.append(b',"stream":true}' if stream else b',"stream":false}')
    return HttpRequest("POST", PATH, _HEADERS, b"".join(pieces))


def _fragments(messages: tuple[Message, ...]) -> list[bytes]:
    try:
        return [message.__dict__[NAME] for message in messages]
    except KeyError:
        pass
    fragments: list[bytes] = []
    called: dict[str, str] = {}
    for message in messages:
        fragment: bytes | None = message.__dict__.get(NAME)
        if fragment is None:
            # A result alone does not name its tool, and the turn that called it always comes before.
            fragment = vars(message)[NAME] = message_fragment(message, called)
        fragments.append(fragment)
        if message.role == "assistant":
            called = {call.id: call.name for call in message.tool_calls}
    return fragments


def _tools(request: ModelRequest) -> list[bytes]:
    choice = request.settings.tool_choice
    fragments: list[bytes] = []
    for tool in request.tools:
        if not isinstance(tool, ToolSpec):
            if tool.dialect == NAME:
                fragments.append(json_of(tool.data))
        elif _chosen(tool, choice):
            fragments.append(tool.__dict__.get(NAME) or _tool(tool))
    return fragments


def _tool(tool: ToolSpec) -> bytes:
    fragment = vars(tool)[NAME] = json_of(tool_json(tool))
    return fragment


def _chosen(tool: ToolSpec, choice: ToolChoice | None) -> bool:
    # The wire can neither force tools nor forbid them, but those that are not shown are not called.
    if choice is None:
        return True
    return choice.mode != "none" and (not choice.names or tool.name in choice.names)


def _keys(request: ModelRequest) -> JsonObject:
    settings = request.settings
    extra = own(settings.extra)
    keys: JsonObject = {}
    if request.output is not None:
        keys["format"] = format_json(request.output)
    if (think := think_json(settings)) is not None:
        keys["think"] = think
    if options := _options(settings, extra):
        keys["options"] = options
    taken = _OURS | {"tools"} if request.tools else _OURS
    for key, value in extra.items():
        if key not in taken:
            keys.setdefault(key, value)
    return keys


_OURS = frozenset({"model", "messages", "stream"})


def _options(settings: Settings, extra: JsonObject) -> JsonObject:
    options = {key: value for name, key in OPTIONS.items() if (value := getattr(settings, name)) is not None}
    stated: object = extra.get("options")
    # What the caller said in this wire's own words goes first.
    return options | cast("JsonObject", stated) if isinstance(stated, dict) else options
