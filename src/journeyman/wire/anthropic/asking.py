"""A request of ours as the bytes of a Messages request."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ...data import (
    CallerError,
    JsonObject,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Settings,
    Thinking,
    ToolCall,
    ToolSpec,
)
from ..http import HttpRequest
from .names import EFFORTS, INLINE, NAME, PLAIN
from .writing import JOINT, USER_HEAD, marked, message_fragment, system_fragment, tool_fragment

VERSION = "2023-06-01"
"""The version of the API that is spoken.

The next one, 2026-10-21, answers in the same shapes but refuses `temperature`, `top_p` and `top_k`, which `Settings`
has, so it offers nothing here and takes something away.
"""

MAX_TOKENS = 8192
"""What an answer may hold where nobody said: the wire insists on a number.

Every current model can give as many (the smallest, Claude Haiku 4.5, gives 64,000). It is enough for a tool call that
holds a file, and takes a few minutes at most, which a request without a stream survives. A thinking budget comes on
top, since thoughts count against the limit.
"""

_PATH = "/v1/messages"
_encode = msgspec.json.encode


def encode_request(request: ModelRequest, *, stream: bool) -> HttpRequest:
    """The HTTP request; raises `CallerError` for what the wire cannot carry."""
    messages = request.messages
    leading = 0
    while leading < len(messages) and messages[leading].role == "system" and not marked(messages[leading], INLINE):
        leading += 1
    settings = request.settings
    extra = _own(settings.extra)
    body: JsonObject = {"model": request.model, "max_tokens": _max_tokens(settings)}
    if leading and (system := _system(messages[:leading])) is not None:
        body["system"] = system
    _add_tools(body, request)
    _add_settings(body, settings)
    if settings.thinking_tokens and _goes_on_without_thoughts(messages):
        del body["thinking"]
    for key, value in extra.items():
        body.setdefault(key, value)
    _add_output(body, request, extra)
    _add_container(body, messages)
    body["stream"] = stream
    headers = {"content-type": "application/json", "anthropic-version": VERSION}
    if (betas := body.pop("betas", None)) is not None:
        headers["anthropic-beta"] = _beta_header(betas)
    body.pop("messages", None)
    fragments = _fragments(messages[leading:] if leading else messages)
    return HttpRequest("POST", _PATH, headers, _joined(_encode(body), fragments))


def _fragments(messages: tuple[Message, ...]) -> list[bytes]:
    # New messages are at the end, so the walk from there stops at the first that is known: a long conversation costs
    # its new turns and one list.
    for message in reversed(messages):
        if NAME in message.__dict__:
            break
        message_fragment(message)
    try:
        return [message.__dict__[NAME] for message in messages]
    except KeyError:
        return [message_fragment(message) for message in messages]


def _joined(head: bytes, fragments: list[bytes]) -> bytes:
    # One join makes the whole body: a long history is copied once, which is most of what its encoding costs.
    for index, first in enumerate(fragments):
        if first:
            # Each fragment brings the comma before it; the first has none to bring.
            fragments[index] = first.replace(b",", b"", 1)
            break
    head = head[:-1] + b',"messages":['
    body = b"".join((head, *fragments, b"]}"))
    return body if JOINT not in body else b"".join((head, *_merged(fragments), b"]}"))


def _merged(fragments: list[bytes]) -> list[bytes]:
    out: list[bytes] = []
    for marked_fragment in fragments:
        fragment = marked_fragment.removeprefix(JOINT)
        joint = fragment is not marked_fragment
        if joint and out and out[-1].endswith(b"]}") and out[-1].removeprefix(b",").startswith(USER_HEAD[1:]):
            out[-1] = b"".join((out[-1][:-2], b",", fragment[len(USER_HEAD) :]))
        elif fragment:
            out.append(fragment)
    return out


def _system(messages: tuple[Message, ...]) -> msgspec.Raw | str | None:
    if len(messages) == 1 and marked(messages[0], PLAIN):
        return messages[0].text
    blocks = b",".join([fragment for message in messages if (fragment := system_fragment(message))])
    return msgspec.Raw(b"[" + blocks + b"]") if blocks else None


def _add_tools(body: JsonObject, request: ModelRequest) -> None:
    if not request.tools:
        return
    choice = request.settings.tool_choice
    parallel = request.settings.parallel_tool_calls
    only = choice.names if choice is not None else ()
    wanted: JsonObject | None = None
    if choice is not None:
        wanted = {"type": {"auto": "auto", "required": "any", "none": "none"}[choice.mode]}
        if choice.mode == "required" and len(only) == 1:
            wanted = {"type": "tool", "name": only[0]}
            only = ()
        wanted.update(_own(choice.origin))
    elif parallel is False:
        wanted = {"type": "auto"}
    if wanted is not None and parallel is not None and wanted["type"] != "none":
        wanted["disable_parallel_tool_use"] = not parallel
    fragments = [_tool(tool) for tool in request.tools if _chosen(tool, only)]
    body["tools"] = msgspec.Raw(b"[" + b",".join(filter(None, fragments)) + b"]")
    if wanted is not None:
        body["tool_choice"] = wanted


def _chosen(tool: ToolSpec | Opaque, only: tuple[str, ...]) -> bool:
    # The wire can force one tool or any, but no choice of several: then the others are not shown at all.
    return not only or isinstance(tool, Opaque) or tool.name in only


def _tool(tool: ToolSpec | Opaque) -> bytes:
    if isinstance(tool, ToolSpec):
        return tool_fragment(tool)
    return _encode(tool.data) if tool.dialect == NAME else b""


def _max_tokens(settings: Settings) -> int:
    if settings.max_tokens is not None:
        return settings.max_tokens
    return MAX_TOKENS + (settings.thinking_tokens or 0)


def _add_settings(body: JsonObject, settings: Settings) -> None:
    # seed, presence_penalty and frequency_penalty have no place on this wire; they are wishes, and an answer without
    # them is a legal one.
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.top_p is not None:
        body["top_p"] = settings.top_p
    if settings.top_k is not None:
        body["top_k"] = settings.top_k
    if settings.stop is not None:
        body["stop_sequences"] = settings.stop
    if (budget := settings.thinking_tokens) is not None:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget} if budget else {"type": "disabled"}


def _goes_on_without_thoughts(messages: tuple[Message, ...]) -> bool:
    # A tool loop is one turn of the model's, whose thinking stays as it began (Anthropic's page "Thinking in tool and
    # multi-turn workflows"). With a budget the API refuses a loop without signed thoughts, and one that another model
    # began has none; to fail there would make every change of the provider within a loop impossible.
    inside = False
    for message in reversed(messages):
        if message.role == "assistant":
            if not message.tool_calls:
                break
            inside = True
            if any(_is_thought(part) for part in message.parts):
                return False
        elif inside and not message.tool_results:
            break
    return inside


def _is_thought(part: Part) -> bool:
    match part:
        case Thinking():
            return part.origin is not None and part.origin.dialect == NAME
        case Opaque():
            return part.dialect == NAME and part.data.get("type") == "redacted_thinking"
        case _:
            return False


def _add_output(body: JsonObject, request: ModelRequest, extra: JsonObject) -> None:
    effort, output = request.settings.reasoning_effort, request.output
    if effort is not None:
        effort = EFFORTS.get(effort, effort)
    if effort is None and output is None:
        return
    config: JsonObject = {}
    if effort is not None:
        config["effort"] = effort
    if output is not None:
        if output.schema is None:
            raise CallerError("the Messages API has no JSON mode without a schema; give JsonOutput(schema=...)")
        config["format"] = {"type": "json_schema", "schema": output.schema}
    # What the caller said in this wire's own words goes first.
    stated: Any = extra.get("output_config")
    body["output_config"] = {**config, **stated} if isinstance(stated, dict) else config


def _add_container(body: JsonObject, messages: tuple[Message, ...]) -> None:
    # A call that code in a container made can only be answered in that container (programmatic tool calling); in all
    # other cases the choice of a container is the caller's.
    for message in reversed(messages):
        if message.role != "assistant":
            continue
        container = _own(message.origin).get("container")
        called = any("caller" in _own(call.origin) for call in message.only(ToolCall))
        if called and isinstance(container, dict):
            body.setdefault("container", cast("JsonObject", container).get("id"))
        return


def _own(origin: Opaque | None) -> JsonObject:
    return origin.data if origin is not None and origin.dialect == NAME else {}


def _beta_header(betas: Any) -> str:
    try:
        return ",".join(msgspec.convert(betas, list[str]))
    except msgspec.ValidationError as error:
        raise CallerError(f"extra['betas'] of the anthropic dialect is a list of strings: {error}") from error
