"""A request of ours as the bytes of a Converse request."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

import msgspec

from ...data import (
    CallerError,
    JsonObject,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Settings,
    ToolChoice,
    ToolSpec,
)
from ..http import HttpRequest
from .families import Thoughts, fields_of, output_effort, thoughts_for
from .names import APART, INLINE, SCHEMA
from .reading import is_object
from .writing import END, FRAGMENTS, NO_BLOCKS, message_fragment, own, system_fragment, tool_fragment

_HEADERS = {"content-type": "application/json"}
_PLACEHOLDER = msgspec.json.encode(
    {
        "toolSpec": {
            "name": "no_tool",
            "description": "There is no tool to call now; answer in words.",
            "inputSchema": {"json": {"type": "object", "properties": {}}},
        }
    }
)
"""Stands in `toolConfig`, which a history with calls must have, where no tool may be called: the wire has no "none"."""

_encode = msgspec.json.encode
_object = msgspec.json.Decoder(JsonObject).decode


def encode_request(request: ModelRequest, *, stream: bool) -> HttpRequest:
    """The HTTP request; raises `CallerError` for what the wire cannot carry."""
    if not request.model:
        raise CallerError("the Converse API has the model's name in its path; give ModelRequest(model=...)")
    extra = dict(own(request.settings.extra))
    pieces = _messages(request.messages, thoughts_for(request.model))
    body = _settings(request, pieces, extra.pop(SCHEMA, None))
    for key, value in extra.items():
        if key != "messages":
            body[key] = _merged(body.get(key), value)
    if not any(pieces) and not extra.get("messages", True):
        # An empty list, or null; none at all is what a prompt that AWS manages is asked with.
        body["messages"] = extra["messages"]
    out = _encode(body)
    if any(pieces):
        out = b"".join((out[:-1], b',"messages":[' if body else b'"messages":[', *pieces, b"]}"))
    return HttpRequest("POST", path_of(request.model, stream=stream), _HEADERS, out)


def _settings(request: ModelRequest, pieces: list[bytes], schema: Any) -> JsonObject:
    """The body without its messages and what the caller adds to it."""
    settings = request.settings
    body: JsonObject = {}
    if system := _system(request.messages):
        body["system"] = system
    if config := _inference(settings):
        body["inferenceConfig"] = config
    if (tools := _tools(request, pieces)) is not None:
        body["toolConfig"] = tools
    sent = tools is not None and "toolChoice" in tools
    if fields := fields_of(request.model, settings, choice_is_sent=sent):
        body["additionalModelRequestFields"] = fields
    if output := _output(request, schema):
        body["outputConfig"] = output
    return body


def path_of(model: str, *, stream: bool) -> str:
    """Where a model is asked; its name may be an ARN, which holds slashes.

    A colon stays one, though AWS's SDKs escape it: some HTTP libraries undo such an escape, and then the signature, made
    of the path, would be wrong.
    """
    return f"/model/{quote(model, safe=':')}/converse{'-stream' if stream else ''}"


def _messages(messages: tuple[Message, ...], thoughts: Thoughts) -> list[bytes]:
    """The elements of `messages`, with the commas between them.

    The roles must alternate, so what follows in the same role goes into the same message: the results of several calls,
    and what the user says after them.
    """
    key = FRAGMENTS[thoughts]
    try:
        fragments: list[bytes] = [message.__dict__[key] for message in messages]
    except KeyError:
        fragments = [message_fragment(message, thoughts) for message in messages]
    # This goes over the whole history in every turn, so it is left to the interpreter to find two of a kind.
    order = b"".join([fragment[_ROLE] for fragment in fragments])
    if b"uu" in order or b"aa" in order or b"ss" in order:
        fragments = _joined(messages, fragments)
    for index, first in enumerate(fragments):
        if first:
            # Each fragment brings the comma before it; the first has none to bring.
            fragments[index] = first[1:]
            break
    return fragments


_ROLE = slice(10, 11)
"""Where the first letter of the role stands in a fragment: `,{"role":"user"`."""


def _joined(messages: tuple[Message, ...], fragments: list[bytes]) -> list[bytes]:
    out: list[bytes] = []
    last = b""
    for message, fragment in zip(messages, fragments, strict=True):
        if not fragment:
            continue
        if fragment[_ROLE] != last or APART in own(message.origin) or fragment.endswith(NO_BLOCKS):
            out.append(fragment)
        else:
            comma = b"" if out[-1].endswith(NO_BLOCKS) else b","
            out[-1] = out[-1][: -len(END)]
            out += (comma, fragment[fragment.index(b"[") + 1 :])
        last = fragment[_ROLE]
    return out


def _system(messages: tuple[Message, ...]) -> msgspec.Raw | None:
    # Few models take instructions among the messages, so all of them go where every model looks for them.
    found = [message for message in messages if message.role == "system" and INLINE not in own(message.origin)]
    fragments = [fragment for message in found if (fragment := system_fragment(message))]
    return msgspec.Raw(b"[" + b",".join(fragments) + b"]") if fragments else None


def _inference(settings: Settings) -> JsonObject:
    # seed, presence_penalty and frequency_penalty have no place on this wire; they are wishes, and an answer without
    # them is a legal one.
    config: JsonObject = {}
    if settings.max_tokens is not None:
        config["maxTokens"] = settings.max_tokens
    if settings.temperature is not None:
        config["temperature"] = settings.temperature
    if settings.top_p is not None:
        config["topP"] = settings.top_p
    if settings.stop is not None:
        config["stopSequences"] = settings.stop
    return config


def _tools(request: ModelRequest, pieces: list[bytes]) -> JsonObject | None:
    choice = request.settings.tool_choice
    fragments: list[bytes] = []
    if choice is None or choice.mode != "none":
        only = choice.names if choice is not None and not _is_forced(choice) else ()
        fragments = [fragment for tool in request.tools if (fragment := _tool(tool, only))]
    if not fragments:
        # "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        said = b"".join(pieces)
        called = b'{"toolUse":' in said or b'{"toolResult":' in said
        return {"tools": msgspec.Raw(b"[" + _PLACEHOLDER + b"]")} if called else None
    config: JsonObject = {"tools": msgspec.Raw(b"[" + b",".join(fragments) + b"]")}
    if choice is not None:
        config["toolChoice"] = _choice(choice)
    return config


def _is_forced(choice: ToolChoice) -> bool:
    # The wire can force one tool or any, but no choice of several: then the others are not shown at all.
    return choice.mode == "required" and len(choice.names) == 1


def _choice(choice: ToolChoice) -> JsonObject:
    if _is_forced(choice):
        return {"tool": {"name": choice.names[0], **own(choice.origin)}}
    return {"any" if choice.mode == "required" else "auto": dict(own(choice.origin))}


def _tool(tool: ToolSpec | Opaque, only: tuple[str, ...]) -> bytes:
    if isinstance(tool, ToolSpec):
        return b"" if only and tool.name not in only else tool_fragment(tool)
    block = own(tool)
    return _encode(block) if block else b""


def _output(request: ModelRequest, stated: Any) -> JsonObject:
    config: JsonObject = {}
    if (effort := output_effort(request.model, request.settings)) is not None:
        config["effort"] = effort
    if (output := request.output) is not None:
        structure = {"jsonSchema": _schema(output, stated)}
        config["textFormat"] = {"type": "json_schema", "structure": structure}
    return config


def _schema(output: JsonOutput, stated: Any) -> JsonObject:
    if output.schema is None:
        raise CallerError("the Converse API has no JSON mode without a schema; give JsonOutput(schema=...)")
    # A client's own words for this very schema are said again; for another one they are not.
    if json_output(stated) == output:
        return cast("JsonObject", stated)
    described = {"description": output.description} if output.description else {}
    return {"schema": _encode(output.schema).decode(), "name": output.name, **described}


def json_output(stated: Any) -> JsonOutput | None:
    """What a `jsonSchema` of the wire says, if it is one that we know all of."""
    match stated:
        case {"schema": str(text), **rest}:
            name, description = rest.pop("name", JsonOutput().name), rest.pop("description", "")
            if rest or not (isinstance(name, str) and isinstance(description, str) and is_object(text)):
                return None
            return JsonOutput(name, _object(text), description)
        case _:
            return None


def _merged(ours: Any, stated: Any) -> Any:
    """What the caller said in this wire's own words goes before what our settings come to."""
    if isinstance(ours, msgspec.Raw):
        # Instructions and tools: an empty list of them may have been sent beside, and says nothing now.
        return ours
    if not isinstance(ours, dict) or not isinstance(stated, dict):
        return stated
    out: JsonObject = {**cast("JsonObject", ours)}
    for key, value in cast("JsonObject", stated).items():
        out[key] = _merged(out.get(key), value)
    return out
