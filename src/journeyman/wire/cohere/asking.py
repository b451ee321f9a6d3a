"""A request of ours as the bytes of one to the Chat API."""

from __future__ import annotations

from ...data import JsonObject, Message, ModelRequest, Opaque, ToolChoice, ToolSpec
from ..http import HttpRequest
from .names import NAME, own
from .shapes import json_of
from .tools import output_json, thinking_json, tool_json
from .writing import message_fragment

PATH = "/v2/chat"

_HEADERS = {"content-type": "application/json"}
_STREAM_HEADERS = {**_HEADERS, "accept": "text/event-stream"}
_NAMES = {
    "temperature": "temperature",
    "top_p": "p",
    "top_k": "k",
    "max_tokens": "max_tokens",
    "stop": "stop_sequences",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""What our settings are called on the wire."""


def encode_request(request: ModelRequest, *, stream: bool) -> HttpRequest:
    """The HTTP request; raises `CallerError` for what the wire cannot carry."""
    pieces = [
        b'{"model":',
        json_of(request.model),
        b',"messages":[',
        b",".join(filter(None, [message.__dict__.get(NAME) or _message(message) for message in request.messages])),
        b"]",
    ]
    if tools := _tools(request):
        pieces += (b',"tools":[', b",".join(tools), b"]")
    if options := _options(request):
        pieces += (b",", json_of(options)[1:-1])
    pieces.append(b',"stream":true}' if stream else b',"stream":false}')
    return HttpRequest("POST", PATH, _STREAM_HEADERS if stream else _HEADERS, b"".join(pieces))


def _message(message: Message) -> bytes:
    fragment = vars(message)[NAME] = message_fragment(message)
    return fragment


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
    # The wire can force some tool or forbid all, but no choice of several: then the others are not shown at all.
    return choice is None or not choice.names or tool.name in choice.names


def _options(request: ModelRequest) -> JsonObject:
    settings = request.settings
    options: JsonObject = {}
    for name, key in _NAMES.items():
        if (value := getattr(settings, name)) is not None:
            options[key] = value
    if request.tools:
        options |= _about_tools(request.tools, settings.tool_choice)
    if (thinking := thinking_json(settings)) is not None:
        options["thinking"] = thinking
    if request.output is not None:
        options["response_format"] = output_json(request.output)
    taken = _OURS | {"tools"} if request.tools else _OURS
    for key, value in own(settings.extra).items():
        if key not in taken:
            options.setdefault(key, value)
    return options


def _about_tools(tools: tuple[ToolSpec | Opaque, ...], choice: ToolChoice | None) -> JsonObject:
    about: JsonObject = {}
    if choice is not None and choice.mode != "auto":
        about["tool_choice"] = choice.mode.upper()
    if all(isinstance(tool, ToolSpec) and tool.strict for tool in tools):
        # It binds all tools at once, so one that is not meant to be strict leaves the others free.
        about["strict_tools"] = True
    return about


_OURS = frozenset({"model", "messages", "stream"})
