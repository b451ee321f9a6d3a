"""What a client of the Messages API sent, as a request of ours."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...data import (
    CallerError,
    JsonObject,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Settings,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
)
from ..http import HttpRequest
from .names import EFFORTS, INLINE, JOINED, NAME, PLAIN
from .reading import UNREADABLE, Block, extra_of, request_part, string_of


class _Turn(msgspec.Struct, forbid_unknown_fields=True):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class _Format(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["json_schema"]
    schema: JsonObject


class _OutputConfig(msgspec.Struct, forbid_unknown_fields=True):
    # Nulls are not among what fits, so that they stay as they were sent.
    effort: str | msgspec.UnsetType = msgspec.UNSET
    format: _Format | msgspec.UnsetType = msgspec.UNSET


class _Body(msgspec.Struct):
    model: str
    messages: list[_Turn]
    max_tokens: int
    system: str | list[Block] | None = None
    tools: list[Block] | None = None
    tool_choice: JsonObject | None = None
    stop_sequences: tuple[str, ...] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: JsonObject | None = None
    output_config: JsonObject | None = None
    stream: bool | None = None


_body = msgspec.json.Decoder(_Body).decode
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_schema = msgspec.json.Decoder(JsonObject).decode
_flag = msgspec.json.Decoder(bool).decode

_ALWAYS = frozenset({"model", "messages", "max_tokens", "stream"})
_MODES: dict[str, Literal["auto", "required", "none"]] = {
    "auto": "auto",
    "any": "required",
    "tool": "required",
    "none": "none",
}


def parse_request(request: HttpRequest) -> ModelRequest:
    """The request that a client sent; raises `CallerError` where it is none."""
    try:
        return _request(request)
    except UNREADABLE as error:
        raise CallerError(f"this is no request of the Messages API: {error}") from error


def _request(request: HttpRequest) -> ModelRequest:
    body = _body(request.body)
    # What is not taken below is extra: unknown keys, nulls, and forms that our own nouns would not lead to.
    taken = set(_ALWAYS)
    system = _system(body, taken)
    turns = _messages(body.messages)
    if turns and turns[0].role == "system":
        mark: JsonObject = {} if turns[0].origin is None else turns[0].origin.data
        turns[0] = Message("system", turns[0].parts, Opaque(NAME, {**mark, INLINE: True}))
    tools = tuple(map(_tool, body.tools or ()))
    if tools:
        taken.add("tools")
    settings, output = _settings(body, taken)
    extra = extra_of(_keys(request.body), frozenset(taken))
    if beta := request.headers.get("anthropic-beta"):
        extra["betas"] = [name.strip() for name in beta.split(",")]
    return ModelRequest(
        body.model,
        (*system, *turns),
        tools,
        output,
        msgspec.structs.replace(settings, extra=Opaque(NAME, extra)) if extra else settings,
        stream=bool(body.stream),
    )


def _system(body: _Body, taken: set[str]) -> list[Message]:
    if not body.system:
        # An empty text is kept as it was sent, like a null.
        return []
    taken.add("system")
    if isinstance(body.system, str):
        return [Message("system", (Text(body.system),), Opaque(NAME, {PLAIN: True}))]
    # One message for each block, as the framework itself has one for each instruction.
    return [Message("system", (request_part(block),)) for block in body.system]


def _messages(turns: list[_Turn]) -> list[Message]:
    messages: list[Message] = []
    called: dict[str, str] = {}
    for turn in turns:
        if isinstance(turn.content, str):
            messages.append(Message(turn.role, (Text(turn.content),), Opaque(NAME, {PLAIN: True})))
            continue
        parts = [request_part(block) for block in turn.content]
        if turn.role == "user":
            messages += _user_messages([_named(part, called) for part in parts])
        else:
            called |= {part.id: part.name for part in parts if isinstance(part, ToolCall)}
            messages.append(Message(turn.role, tuple(parts)))
    return messages


def _named(part: Part, called: dict[str, str]) -> Part:
    # This wire names the tool in the call alone; other wires want it in the result too.
    if isinstance(part, ToolResult) and (name := called.get(part.call_id)):
        return msgspec.structs.replace(part, name=name)
    return part


def _user_messages(parts: list[Part]) -> list[Message]:
    runs: list[tuple[Literal["tool", "user"], list[Part]]] = []
    for part in parts:
        role: Literal["tool", "user"] = "tool" if isinstance(part, ToolResult) else "user"
        if not runs or runs[-1][0] != role:
            runs.append((role, []))
        runs[-1][1].append(part)
    if not runs:
        return [Message("user", ())]
    joined = Opaque(NAME, {JOINED: True})
    return [Message(role, tuple(run), joined if index else None) for index, (role, run) in enumerate(runs)]


def _tool(block: Block) -> ToolSpec | Opaque:
    known = {"name", "input_schema"}
    if "type" in block and string_of(block, "type") != "custom":
        # A tool that the provider itself runs or defines.
        return Opaque(NAME, extra_of(block, frozenset()))
    schema = block.get("input_schema")
    if schema is None:
        raise msgspec.ValidationError("a tool lacks `input_schema`")
    description, strict = "", None
    if bytes(block.get("description", b"null")) not in (b"null", b'""'):
        description = string_of(block, "description")
        known.add("description")
    if bytes(block.get("strict", b"null")) != b"null":
        strict = _flag(block["strict"])
        known.add("strict")
    extra = extra_of(block, frozenset(known))
    origin = Opaque(NAME, extra) if extra else None
    return ToolSpec(string_of(block, "name"), description, _schema(schema), strict, origin)


def _settings(body: _Body, taken: set[str]) -> tuple[Settings, JsonOutput | None]:
    for key in ("temperature", "top_p", "top_k", "stop_sequences"):
        if getattr(body, key) is not None:
            taken.add(key)
    choice, parallel = _tool_choice(body, taken)
    effort, output = _output(body, taken)
    settings = Settings(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k,
        max_tokens=body.max_tokens,
        stop=body.stop_sequences,
        parallel_tool_calls=parallel,
        tool_choice=choice,
        reasoning_effort=effort,
        thinking_tokens=_thinking_tokens(body, taken),
    )
    return settings, output


def _thinking_tokens(body: _Body, taken: set[str]) -> int | None:
    match body.thinking:
        case {"type": "enabled", "budget_tokens": int(budget), **rest} if budget > 0 and not rest:
            taken.add("thinking")
            return budget
        case {"type": "disabled", **rest} if not rest:
            taken.add("thinking")
            return 0
        case _:
            # `adaptive`, and whatever comes after it.
            return None


def _output(body: _Body, taken: set[str]) -> tuple[str | None, JsonOutput | None]:
    if body.output_config is None:
        return None, None
    try:
        config = msgspec.convert(body.output_config, _OutputConfig)
    except msgspec.ValidationError:
        # A form that we do not know is not refused for that: it travels as extra.
        return None, None
    effort = config.effort or None
    output = JsonOutput(schema=config.format.schema) if config.format else None
    if effort in EFFORTS or (effort is None and output is None):
        return None, None
    taken.add("output_config")
    return effort, output


def _tool_choice(body: _Body, taken: set[str]) -> tuple[ToolChoice | None, bool | None]:
    if body.tool_choice is None or not body.tools:
        return None, None
    taken.add("tool_choice")
    rest = dict(body.tool_choice)
    kind = rest.pop("type", None)
    mode = _MODES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        raise msgspec.ValidationError(f"`tool_choice` has the unknown type {kind!r}")
    names: tuple[str, ...] = ()
    if kind == "tool":
        name = rest.pop("name", None)
        if not isinstance(name, str):
            raise msgspec.ValidationError("`tool_choice` of type tool lacks `name`")
        names = (name,)
    parallel: bool | None = None
    if mode != "none" and isinstance(rest.get("disable_parallel_tool_use"), bool):
        parallel = not rest.pop("disable_parallel_tool_use")
    return ToolChoice(mode, names, Opaque(NAME, rest) if rest else None), parallel
