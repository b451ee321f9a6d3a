"""Our answers and errors as OpenAI's server would give them."""

from __future__ import annotations

import base64
from typing import assert_never

from msgspec.structs import replace

from ...data import (
    Audio,
    Delta,
    Image,
    JsonObject,
    Message,
    ModelResponse,
    Opaque,
    Part,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
)
from ..dialect import Stamp
from ..http import HttpReply
from ..quirks import ChatQuirks
from ..shapes import json_of, object_of, without
from .counting import usage_json
from .names import IMAGES, KEY, NAME, REASONING_KEY, REFUSAL, TOLD, own
from .parsing import wants_usage
from .writing import assistant_json

DEFAULT_ID = "chatcmpl-journeyman"
"""The id of an answer that has none; there is no randomness in a codec."""

_HEADERS = {"content-type": "application/json"}
_QUIRKS = ChatQuirks()
_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_SERVER_ERROR = 500


def render_reply(response: ModelResponse, stamp: Stamp) -> HttpReply:
    """The reply with the whole answer; raises `CallerError` for media that the wire cannot give."""
    body: JsonObject = {
        "id": response.raw_id or _id(stamp),
        "object": "chat.completion",
        "created": stamp.created,
        "model": response.model or stamp.model,
        "choices": [
            {
                "index": 0,
                "message": _message_json(response.message),
                "logprobs": None,
                "finish_reason": _reason(response),
            }
        ],
        "usage": usage_json(response.usage, response.cost),
        **_sources(response.message),
    }
    return HttpReply(200, _HEADERS, json_of(body))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    return HttpReply(status, _HEADERS, json_of({"error": _error(status, message)}))


def _id(stamp: Stamp) -> str:
    return f"chatcmpl-{stamp.id}" if stamp.id else DEFAULT_ID


class ChatRenderer:
    """Writes one streamed answer; usage comes in an event of its own before the end, where `include_usage` asks for it."""

    def __init__(self, stamp: Stamp) -> None:
        self._model = stamp.model
        self._raw_id = _id(stamp)
        self._created = stamp.created
        asked = stamp.request
        self._with_usage = asked is None or not asked.stream or wants_usage(asked)
        self._head = b""
        self._shown: set[type[Delta]] = set()
        # The calls that a delta showed, and whether it showed arguments.
        self._calls: dict[int, bool] = {}

    def feed(self, delta: Delta) -> bytes:
        """The events that show the delta."""
        begun = b"" if self._head else self._begin()
        self._shown.add(type(delta))
        match delta:
            case TextDelta(text):
                piece = b'{"content":' + json_of(text) + b"}"
            case ThinkingDelta(text):
                piece = b'{"%b":%b}' % (REASONING_KEY.encode(), json_of(text))
            case ToolCallDelta():
                self._calls[delta.index] = self._calls.get(delta.index, False) or bool(delta.arguments)
                piece = json_of({"tool_calls": [_call_piece(delta)]})
            case _:
                assert_never(delta)
        return begun + self._head + piece + b',"logprobs":null,"finish_reason":null}]}\n\n'

    def finish(self, response: ModelResponse) -> bytes:
        """What the deltas did not show, why it ended, what it used, and the end."""
        if not self._head:
            self._model = response.model or self._model
            self._raw_id = response.raw_id or self._raw_id
        events = [b"" if self._head else self._begin()]
        events += map(self._event, self._rest(response.message))
        events.append(self._event({}, _reason(response)))
        if sources := _sources(response.message):
            events.append(_event({**self._envelope(), "choices": [], **sources}))
        if self._with_usage:
            events.append(
                _event({**self._envelope(), "choices": [], "usage": usage_json(response.usage, response.cost)})
            )
        events.append(b"data: [DONE]\n\n")
        return b"".join(events)

    def fail(self, status: int, message: str) -> bytes:
        """The event that tells of an error after the answer has begun; nothing follows it."""
        return _event({"error": {**_error(status, message), "code": status}})

    def _begin(self) -> bytes:
        envelope = json_of({**self._envelope(), "choices": []})
        # Everything before a delta, and behind it only what is always the same: an event costs no more than its words.
        self._head = b"data: " + envelope.removesuffix(b"]}") + b'{"index":0,"delta":'
        return self._event({"role": "assistant", "content": ""})

    def _envelope(self) -> JsonObject:
        return {
            "id": self._raw_id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }

    def _event(self, delta: JsonObject, finish: str | None = None) -> bytes:
        return self._head + json_of(delta) + b',"logprobs":null,"finish_reason":' + json_of(finish) + b"}]}\n\n"

    def _rest(self, message: Message) -> list[JsonObject]:
        """The pieces of a message that no delta showed, in the order in which they would have come."""
        parts = tuple(part for part in message.parts if not isinstance(part, ToolCall))
        wire = _message_json(replace(message, parts=parts))
        if ThinkingDelta in self._shown:
            wire.pop(REASONING_KEY, None)
        if TextDelta in self._shown:
            # A refusal is shown as text while it comes.
            wire["content"] = wire["refusal"] = None
        pieces: list[JsonObject] = [{key: value} for key, value in wire.items() if key != "role" and value]
        pieces.sort(key=lambda piece: REASONING_KEY not in piece)
        for index, call in enumerate(message.tool_calls):
            pieces += self._rest_of_call(index, call)
        return pieces

    def _rest_of_call(self, index: int, call: ToolCall) -> list[JsonObject]:
        if index not in self._calls:
            wire = assistant_json(Message("assistant", (call,)), _QUIRKS, written=str)
            if legacy := wire.get("function_call"):
                return [{"function_call": legacy}]
            return [{"tool_calls": [{"index": index, **wire["tool_calls"][0]}]}]
        rest: JsonObject = {}
        if not self._calls[index]:
            rest["function"] = {"arguments": call.arguments}
        if signature := own(call.origin).get("extra_content"):
            rest["extra_content"] = signature
        return [{"tool_calls": [{"index": index, **rest}]}] if rest else []


def _sources(message: Message) -> JsonObject:
    """What a vendor with a search of its own says beside its answer about what it read."""
    return without(object_of(own(message.origin).get(TOLD)), "annotations")


def _reason(response: ModelResponse) -> str:
    # Clients of typed languages refuse what OpenAI never says, so that what the wire has no word for is its usual one.
    if response.finish in (None, "other"):
        return "tool_calls" if response.message.tool_calls else "stop"
    return response.finish


def _message_json(message: Message) -> JsonObject:
    # What other wires put among the parts is theirs; thoughts and pictures are shown, whoever they came from.
    parts = tuple(filter(None, map(_shown, message.parts)))
    # Arguments stand as the model wrote them: to mend them is the client's business, as it is ours with others.
    wire = assistant_json(replace(message, parts=parts), _QUIRKS, written=str)
    for sound in message.only(Audio):
        told = own(sound.origin)
        data = base64.b64encode(sound.data or b"").decode()
        wire["audio"] = {"id": "", "transcript": "", "expires_at": 0, **told, "data": data}
    if annotations := object_of(own(message.origin).get(TOLD)).get("annotations"):
        wire["annotations"] = annotations
    return {"role": "assistant", "content": None, "refusal": None, **wire}


def _shown(part: Part) -> Part | None:
    match part:
        case Opaque():
            return None
        case Thinking(text):
            return Thinking(text, Opaque(NAME, {KEY: REASONING_KEY}))
        case Text(text) if REFUSAL not in own(part.origin):
            return Text(text)
        case Image() if IMAGES not in own(part.origin):
            return replace(part, origin=Opaque(NAME, {IMAGES: True}))
        case Audio() if part.data is not None:
            return replace(part, origin=Opaque(NAME, {}))
        case _:
            return part


def _call_piece(delta: ToolCallDelta) -> JsonObject:
    function: JsonObject = {"arguments": delta.arguments}
    piece: JsonObject = {"index": delta.index}
    if delta.id:
        piece |= {"id": delta.id, "type": "function"}
    if delta.name:
        function["name"] = delta.name
    piece["function"] = function
    return piece


def _error(status: int, message: str) -> JsonObject:
    known = "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
    return {"message": message, "type": _ERROR_TYPES.get(status, known), "param": None, "code": None}


def _event(value: JsonObject) -> bytes:
    return b"data: " + json_of(value) + b"\n\n"
