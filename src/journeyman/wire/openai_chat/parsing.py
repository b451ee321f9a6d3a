"""A client's request to ours."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ...data import CallerError, JsonObject, ModelRequest, Opaque, Settings, ToolSpec
from ..http import HttpRequest
from ..quirks import ChatQuirks
from .names import NAME
from .reading import messages_of
from .shapes import UNREADABLE, object_of
from .tools import choice_of, output_json, output_of, tool_of

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
    messages = messages_of(body.get("messages"))
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
