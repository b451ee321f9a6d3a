"""A request of ours as the bytes of one of the Responses API."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import msgspec

from ...data import CallerError, JsonObject, Message, ModelRequest, Opaque, Settings, ToolSpec
from ..http import HttpRequest
from ..shapes import json_of, object_of
from .names import ABSENT, FORM, INSTRUCTIONS, NAME, WHOLE_INPUT, thinks
from .spelling import own
from .tools import choice_json, format_json, output_of, tool_json
from .writing import message_fragment

PATH = "/responses"

ENCRYPTED = "reasoning.encrypted_content"
"""What `include` asks for, so that a model's thoughts can be sent back to it by whoever keeps the history."""

_KEPT_THERE = ("previous_response_id", "conversation", "background", "prompt")
"""With one of these the caller builds on what the provider keeps."""

_HEADERS = {"content-type": "application/json"}
_STREAM_HEADERS = {**_HEADERS, "accept": "text/event-stream"}


def encode_request(request: ModelRequest, *, stream: bool) -> HttpRequest:
    """The HTTP request; raises `CallerError` for what the wire cannot carry."""
    messages = request.messages
    leading = 0
    while leading < len(messages) and _form(messages[leading]) == INSTRUCTIONS:
        leading += 1
    extra = own(request.settings.extra)
    absent: Collection[str] = extra.get(ABSENT, ())
    body = body_of(request)
    if leading:
        body["instructions"] = "\n\n".join([message.text for message in messages[:leading]])
        messages = messages[leading:]
    body.pop("input", None)
    if stream:
        body["stream"] = True
    else:
        # The wire refuses options of a stream where there is none. A client may have said null, or nothing.
        body.pop("stream_options", None)
        said = body.pop("stream", False)
        if "stream" not in absent:
            body["stream"] = None if said is None else False
    return HttpRequest("POST", PATH, _STREAM_HEADERS if stream else _HEADERS, _with_input(body, messages, absent))


def body_of(request: ModelRequest) -> JsonObject:
    """The body but for `input`, what stands in messages, and `stream`."""
    settings = request.settings
    extra = own(settings.extra)
    body: JsonObject = {"model": request.model}
    if request.tools:
        body["tools"] = [fragment for tool in request.tools if (fragment := _tool(tool)) is not None]
        if settings.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = settings.parallel_tool_calls
    _add_settings(body, settings)
    for key, value in extra.items():
        if key != ABSENT:
            body.setdefault(key, value)
    _add_reasoning(body, settings)
    _add_format(body, request)
    if ABSENT not in extra:
        # What a client of ours asked for stays as it was.
        _add_statelessness(body, request.model)
    return body


def _with_input(body: JsonObject, messages: tuple[Message, ...], absent: Collection[str]) -> bytes:
    if not messages and "input" in absent:
        return json_of(body)
    if len(messages) == 1 and _form(messages[0]) == WHOLE_INPUT:
        return json_of({**body, "input": messages[0].text})
    head = json_of(body)[:-1] + b',"input":['
    return b"".join((head, b",".join(filter(None, _fragments(messages))), b"]}"))


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
        return list(map(message_fragment, messages))


def _form(message: Message) -> object:
    return None if message.origin is None else own(message.origin).get(FORM)


def _tool(tool: ToolSpec | Opaque) -> msgspec.Raw | JsonObject | None:
    if isinstance(tool, Opaque):
        return own(tool) or None
    cached: msgspec.Raw | None = tool.__dict__.get(NAME)
    if cached is None:
        cached = vars(tool)[NAME] = msgspec.Raw(json_of(tool_json(tool)))
    return cached


def _add_settings(body: JsonObject, settings: Settings) -> None:
    # top_k, seed, the penalties and a budget for thinking have no place on this wire; they are wishes, and an answer
    # without them is a legal one. One that goes on where it should have stopped is not.
    if settings.stop:
        raise CallerError("the Responses API knows no stop sequences; leave out Settings.stop, or use openai_chat")
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.top_p is not None:
        body["top_p"] = settings.top_p
    if settings.max_tokens is not None:
        body["max_output_tokens"] = settings.max_tokens
    if settings.tool_choice is not None:
        body["tool_choice"] = choice_json(settings.tool_choice)


def _add_reasoning(body: JsonObject, settings: Settings) -> None:
    if settings.reasoning_effort is not None:
        # What the caller said in this wire's own words goes first.
        body["reasoning"] = {"effort": settings.reasoning_effort, **object_of(body.get("reasoning"))}


def _add_format(body: JsonObject, request: ModelRequest) -> None:
    output = request.output
    if output is None:
        return
    text = object_of(body.get("text"))
    spelled = text.get("format")
    same = spelled is not None and output_of(spelled) == output
    body["text"] = {**text, "format": spelled if same else format_json(output)}


def _add_statelessness(body: JsonObject, model: str) -> None:
    """Ask a model that thinks for thoughts that we can keep ourselves.

    We send the whole history with each request. By default the provider stores answers and finds their thoughts by their
    ids, for 30 days: a run that waits longer could not go on, nor one with another account, nor one of an organization
    without retention. So nothing is stored, and thoughts come encrypted (OpenAI's page "Reasoning models", "Encrypted
    reasoning items"). Of models that may not think we say nothing: they refuse `include` ("Encrypted content is not
    supported with this model"), and thoughts that come without it go back only if they were stored.
    """
    if not thinks(model) or body.get("store", False) is not False:
        return
    if any(body.get(key) is not None for key in _KEPT_THERE):
        return
    body["store"] = False
    included: object = body.get("include")
    if included is None:
        body["include"] = [ENCRYPTED]
    elif isinstance(included, list) and ENCRYPTED not in included:
        body["include"] = [*cast("list[object]", included), ENCRYPTED]
