"""What a client of the Converse API sent, as a request of ours."""

from __future__ import annotations

import re
from typing import Any, Literal, cast
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from ...data import (
    CallerError,
    JsonObject,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Settings,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
)
from ..http import HttpRequest
from .asking import json_output
from .families import output_effort, settings_of
from .names import APART, EMPTY, INLINE, NAME, SCHEMA
from .reading import UNREADABLE, Block, request_part
from .writing import tool_body


class _Turn(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant", "system"]
    content: list[Block]


class _Tool(msgspec.Struct):
    name: str
    inputSchema: JsonObject  # noqa: N815  (the wire's own name)
    description: str | None = None
    strict: bool | None = None


class _ToolConfig(msgspec.Struct):
    tools: list[JsonObject]
    toolChoice: JsonObject | None = None  # noqa: N815  (the wire's own name)


class _Inference(msgspec.Struct):
    maxTokens: int | None = None  # noqa: N815  (the wire's own name)
    temperature: float | None = None
    topP: float | None = None  # noqa: N815  (the wire's own name)
    stopSequences: tuple[str, ...] | None = None  # noqa: N815  (the wire's own name)


class _Body(msgspec.Struct):
    messages: list[_Turn] | None = None
    system: list[Block] | None = None


_body = msgspec.json.Decoder(_Body).decode
_keys = msgspec.json.Decoder(JsonObject).decode
_converse = re.compile(r".*/model/([^?#]+)/converse(-stream)?(?:[?#].*)?", re.DOTALL).fullmatch


def parse_request(request: HttpRequest) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    asked = _converse(request.path)
    if asked is None:
        raise CallerError(
            "a request of the Converse API goes to /model/{modelId}/converse or /model/{modelId}/converse-stream,"
            f" not to {request.path[:200]}"
        )
    try:
        # Not to be read as UTF-8 with gaps: a name that differs from what was sent names another model.
        model = unquote(asked[1], errors="strict")
        return _request(request.body, model, stream=asked[2] is not None)
    except UNREADABLE as error:
        raise CallerError(f"this is no request of the Converse API: {error}") from error


def _request(raw: bytes, model: str, *, stream: bool) -> ModelRequest:
    body, extra = _body(raw), _keys(raw)
    # What nothing of ours says stays in `extra`: unknown keys, nulls, and forms that our own nouns would not lead to.
    if body.messages:
        del extra["messages"]
    if body.system:
        del extra["system"]
    messages = (*_system(body.system or []), *_messages(body.messages or []))
    tools, choice = _tools(extra)
    settings, output = _settings(extra, model, choice)
    if extra:
        settings = replace(settings, extra=Opaque(NAME, extra))
    return ModelRequest(model, messages, tools, output, settings, stream)


def _system(blocks: list[Block]) -> list[Message]:
    # One message for each text, as the framework has one for each instruction; a cache point goes with the one before.
    messages: list[Message] = []
    for block in blocks:
        part = request_part(block, "system")
        if messages and isinstance(part, Opaque):
            messages[-1] = Message("system", (*messages[-1].parts, part))
        else:
            messages.append(Message("system", (part,)))
    return messages


def _messages(turns: list[_Turn]) -> list[Message]:
    messages: list[Message] = []
    called: dict[str, str] = {}
    last = ""
    for turn in turns:
        marks: JsonObject = {APART: True} if turn.role == last else {}
        last = turn.role
        parts = [request_part(block, turn.role) for block in turn.content]
        made: list[Message]
        if not parts:
            marks[EMPTY] = True
            made = [Message(turn.role, ())]
        elif turn.role == "user":
            made = _user_messages([_named(part, called) for part in parts])
        else:
            called |= {part.id: part.name for part in parts if isinstance(part, ToolCall)}
            made = [Message(turn.role, tuple(parts))]
        if turn.role == "system":
            marks[INLINE] = True
        if marks:
            made[0] = Message(made[0].role, made[0].parts, Opaque(NAME, marks))
        messages += made
    return messages


def _named(part: Part, called: dict[str, str]) -> Part:
    # This wire names the tool in the call alone; other wires want it in the result too.
    if isinstance(part, ToolResult) and (name := called.get(part.call_id)):
        return replace(part, name=name)
    return part


def _user_messages(parts: list[Part]) -> list[Message]:
    runs: list[tuple[Literal["tool", "user"], list[Part]]] = []
    for part in parts:
        role: Literal["tool", "user"] = "tool" if isinstance(part, ToolResult) else "user"
        if not runs or (runs[-1][0] != role and not isinstance(part, Opaque)):
            # What only this wire understands (a cache point) goes with what it follows.
            runs.append((role, []))
        runs[-1][1].append(part)
    return [Message(role, tuple(run)) for role, run in runs]


def _tools(extra: JsonObject) -> tuple[tuple[ToolSpec | Opaque, ...], ToolChoice | None]:
    if not isinstance(extra.get("toolConfig"), dict):
        return (), None
    config = msgspec.convert(extra["toolConfig"], _ToolConfig)
    if not config.tools:
        return (), None
    rest = dict(cast("JsonObject", extra.pop("toolConfig")))
    del rest["tools"]
    choice = None if config.toolChoice is None else _choice(config.toolChoice)
    if choice is not None:
        del rest["toolChoice"]
    if rest:
        extra["toolConfig"] = rest
    return tuple(map(_tool, config.tools)), choice


def _tool(block: JsonObject) -> ToolSpec | Opaque:
    if list(block) != ["toolSpec"]:
        # A tool of the model's provider, or a cache point.
        return Opaque(NAME, block)
    stated = msgspec.convert(block["toolSpec"], _Tool)
    schema = stated.inputSchema.get("json")
    if not isinstance(schema, dict):
        raise msgspec.ValidationError(f"the tool {stated.name!r} lacks `inputSchema.json`")
    spec = ToolSpec(stated.name, stated.description or "", cast("JsonObject", schema), stated.strict)
    said = tool_body(spec)
    extra = {
        key: value for key, value in cast("JsonObject", block["toolSpec"]).items() if said.get(key, _NONE) != value
    }
    return replace(spec, origin=Opaque(NAME, extra)) if extra else spec


_NONE = object()


def _choice(stated: JsonObject) -> ToolChoice | None:
    if len(stated) != 1:
        return None
    (kind, body), *_ = stated.items()
    if not isinstance(body, dict):
        return None
    rest: JsonObject = {**cast("JsonObject", body)}
    match kind:
        case "auto":
            return ToolChoice("auto", origin=_kept(rest))
        case "any":
            return ToolChoice("required", origin=_kept(rest))
        case "tool" if isinstance(name := rest.pop("name", None), str):
            return ToolChoice("required", (name,), _kept(rest))
        case _:
            return None


def _kept(rest: Any) -> Opaque | None:
    return Opaque(NAME, rest) if rest else None


def _settings(extra: JsonObject, model: str, choice: ToolChoice | None) -> tuple[Settings, JsonOutput | None]:
    settings = Settings(tool_choice=choice)
    if isinstance(extra.get("inferenceConfig"), dict):
        stated = msgspec.convert(extra["inferenceConfig"], _Inference)
        settings = replace(
            settings,
            max_tokens=stated.maxTokens,
            temperature=stated.temperature,
            top_p=stated.topP,
            stop=stated.stopSequences,
        )
        _keep_rest(
            extra, "inferenceConfig", {key for key in stated.__struct_fields__ if getattr(stated, key) is not None}
        )
    fields: Any = extra.get("additionalModelRequestFields")
    if isinstance(fields, dict):
        found, taken = settings_of(model, cast("JsonObject", fields), choice_is_sent=choice is not None)
        settings = replace(
            settings,
            top_k=found.top_k,
            thinking_tokens=found.thinking_tokens,
            reasoning_effort=found.reasoning_effort,
            parallel_tool_calls=found.parallel_tool_calls,
        )
        _keep_rest(extra, "additionalModelRequestFields", taken)
    return _with_output(extra, model, settings)


def _with_output(extra: JsonObject, model: str, settings: Settings) -> tuple[Settings, JsonOutput | None]:
    config: Any = extra.get("outputConfig")
    if not isinstance(config, dict):
        return settings, None
    taken: set[str] = set()
    effort: Any = cast("JsonObject", config).get("effort")
    if isinstance(effort, str) and settings.reasoning_effort is None:
        asked = replace(settings, reasoning_effort=effort)
        if output_effort(model, asked) == effort:
            settings = asked
            taken.add("effort")
    output = None
    match cast("JsonObject", config).get("textFormat"):
        case {"type": "json_schema", "structure": {"jsonSchema": schema, **more}, **rest} if not (rest or more):
            output = json_output(schema)
            if output is not None:
                taken.add("textFormat")
                extra[SCHEMA] = schema
        case _:
            pass
    _keep_rest(extra, "outputConfig", taken)
    return settings, output


def _keep_rest(extra: JsonObject, key: str, taken: set[str] | frozenset[str]) -> None:
    """Leave in `extra` what was not taken of an object; an empty one that was sent stays empty."""
    stated: JsonObject = extra[key]
    rest = {name: value for name, value in stated.items() if name not in taken}
    if rest or not taken:
        extra[key] = rest
    else:
        del extra[key]
