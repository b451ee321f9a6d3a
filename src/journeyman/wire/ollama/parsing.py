"""What a client of Ollama sent, as a request of ours."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from msgspec.structs import replace

from ...data import CallerError, JsonObject, JsonOutput, ModelRequest, Opaque, Settings, ToolSpec
from ..http import HttpRequest
from .asking import OPTIONS
from .names import origin_of
from .reading import messages_of
from .shapes import UNREADABLE
from .tools import format_of, settings_of, tool_of


class _Body(msgspec.Struct):
    model: str
    # Without messages, a client asks to load the model, and is answered with nothing.
    messages: list[dict[str, Any]] | None = None
    stream: bool | None = None


_read = msgspec.json.Decoder(dict[str, Any]).decode
_INTEGERS = frozenset({"top_k", "seed", "max_tokens"})


def parse_request(request: HttpRequest) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    try:
        body = _read(request.body)
        head = msgspec.convert(body, _Body)
        # What is not taken below is extra: unknown keys, nulls, and forms that our own nouns would not lead to.
        extra = {key: value for key, value in body.items() if key not in ("model", "messages", "stream")}
        tools = _tools(extra)
        output = _output(extra)
        settings = _settings(extra)
        return ModelRequest(
            head.model,
            messages_of(head.messages or []),
            tools,
            output,
            replace(settings, extra=origin_of(extra)),
            # Ollama streams unless it is told not to.
            stream=head.stream is not False,
        )
    except UNREADABLE as error:
        raise CallerError(f"this is no request of Ollama's API: {error}") from error


def _settings(extra: JsonObject) -> Settings:
    settings = settings_of(extra.get("think"))
    if settings is not None:
        del extra["think"]
    options: object = extra.get("options")
    if not options or not isinstance(options, dict):
        return settings or Settings()
    rest = dict(cast("JsonObject", options))
    fields: dict[str, Any] = {}
    for name, key in OPTIONS.items():
        if key in rest and _fits(name, rest[key]):
            fields[name] = rest.pop(key)
    if "stop" in fields:
        fields["stop"] = tuple(fields["stop"])
    del extra["options"]
    if rest:
        extra["options"] = rest
    return replace(settings or Settings(), **fields)


def _fits(name: str, value: object) -> bool:
    if name == "stop":
        return isinstance(value, list) and all(isinstance(word, str) for word in cast("list[object]", value))
    if name == "max_tokens":
        # -1 is no limit at all, and -2 as many as the context holds, for which other wires have no number.
        return type(value) is int and value > 0
    return type(value) is int or (type(value) is float and name not in _INTEGERS)


def _output(extra: JsonObject) -> JsonOutput | None:
    output = format_of(extra.get("format"))
    if output is not None:
        del extra["format"]
    return output


def _tools(extra: JsonObject) -> tuple[ToolSpec | Opaque, ...]:
    tools = extra.get("tools")
    if not tools:
        return ()
    if not isinstance(tools, list):
        raise msgspec.ValidationError("`tools` is no list")
    del extra["tools"]
    return tuple(tool_of(tool, f"tools[{index}]") for index, tool in enumerate(cast("list[object]", tools)))
