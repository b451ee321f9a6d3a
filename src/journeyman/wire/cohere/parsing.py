"""What a client of the Chat API sent, as a request of ours."""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from ...data import CallerError, JsonObject, JsonOutput, ModelRequest, Opaque, Settings, ToolChoice, ToolSpec
from ..http import HttpRequest
from .names import origin_of
from .reading import messages_of
from .shapes import UNREADABLE
from .tools import output_of, thinking_of, tool_of


class _Body(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    stream: bool | None = None


_read = msgspec.json.Decoder(dict[str, Any]).decode

_NUMBER = (int, float)
_SIMPLE: dict[str, tuple[str, tuple[type, ...]]] = {
    "temperature": ("temperature", _NUMBER),
    "p": ("top_p", _NUMBER),
    "k": ("top_k", (int,)),
    "max_tokens": ("max_tokens", (int,)),
    "seed": ("seed", (int,)),
    "presence_penalty": ("presence_penalty", _NUMBER),
    "frequency_penalty": ("frequency_penalty", _NUMBER),
}
"""Settings by their names on the wire: ours, and what they may be."""

_MODES: dict[str, Literal["required", "none"]] = {"REQUIRED": "required", "NONE": "none"}


def parse_request(request: HttpRequest) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    try:
        body = _read(request.body)
        head = msgspec.convert(body, _Body)
        # What is not taken below is extra: unknown keys, nulls, and forms that our own nouns would not lead to.
        extra = {key: value for key, value in body.items() if key not in ("model", "messages", "stream")}
        tools = _tools(extra)
        output = _output(extra)
        settings = _settings(extra, tools)
        return ModelRequest(
            head.model,
            messages_of(head.messages),
            _strict(tools, extra),
            output,
            replace(settings, extra=origin_of(extra)),
            stream=bool(head.stream),
        )
    except UNREADABLE as error:
        raise CallerError(f"this is no request of Cohere's Chat API: {error}") from error


def _settings(extra: JsonObject, tools: tuple[ToolSpec | Opaque, ...]) -> Settings:
    fields: dict[str, Any] = {}
    for key, (name, kinds) in _SIMPLE.items():
        if type(extra.get(key)) in kinds:
            fields[name] = extra.pop(key)
    stop = extra.get("stop_sequences")
    if isinstance(stop, list) and all(isinstance(word, str) for word in cast("list[object]", stop)):
        fields["stop"] = tuple(cast("list[str]", extra.pop("stop_sequences")))
    choice = extra.get("tool_choice")
    if tools and isinstance(choice, str) and choice in _MODES:
        fields["tool_choice"] = ToolChoice(_MODES[extra.pop("tool_choice")])
    if (budget := thinking_of(extra.get("thinking"))) is not None:
        fields["thinking_tokens"] = budget
        del extra["thinking"]
    return Settings(**fields)


def _output(extra: JsonObject) -> JsonOutput | None:
    output = output_of(extra.get("response_format"))
    if output is not None:
        del extra["response_format"]
    return output


def _tools(extra: JsonObject) -> tuple[ToolSpec | Opaque, ...]:
    tools = extra.get("tools")
    if not tools:
        return ()
    if not isinstance(tools, list):
        raise msgspec.ValidationError("`tools` is no list")
    del extra["tools"]
    return tuple(tool_of(tool, f"tools[{index}]") for index, tool in enumerate(cast("list[object]", tools)))


def _strict(tools: tuple[ToolSpec | Opaque, ...], extra: JsonObject) -> tuple[ToolSpec | Opaque, ...]:
    if extra.get("strict_tools") is not True or not tools or any(isinstance(tool, Opaque) for tool in tools):
        return tools
    del extra["strict_tools"]
    return tuple(replace(tool, strict=True) if isinstance(tool, ToolSpec) else tool for tool in tools)
