"""Our answers as Ollama gives them, whole and line by line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_never

from ...data import (
    CallerError,
    Delta,
    Image,
    JsonObject,
    Media,
    Message,
    ModelResponse,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
)
from ..dialect import UNSTAMPED, Stamp
from ..http import HttpReply
from .media import image_json
from .names import DONE_REASON, DONE_REASONS, FINISHES, LOGPROBS, own
from .shapes import json_of
from .writing import call_json

_JSON = {"content-type": "application/json; charset=utf-8"}


def render_reply(response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
    """The reply with the whole answer; raises `CallerError` for sounds, films and files in it."""
    message: JsonObject = {"role": "assistant", "content": response.message.text}
    if thoughts := _thoughts(response.message):
        message["thinking"] = thoughts
    if images := _images(response.message):
        message["images"] = images
    if calls := response.message.tool_calls:
        message["tool_calls"] = [_call(index, call) for index, call in enumerate(calls)]
    body = _head(response.model or stamp.model, stamp) | {"message": message} | _ending(response)
    data = own(response.message.origin)
    if LOGPROBS in data:
        body["logprobs"] = data[LOGPROBS]
    return HttpReply(200, _JSON, json_of(body))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    return HttpReply(status, _JSON, json_of({"error": message}))


class OllamaRenderer:
    """Writes one answer line by line.

    A call is one object on this wire, and cannot come in pieces: calls wait for the end. What deltas do not tell
    (pictures, log probabilities) comes there too. Until then a line without words, as the last one is, says that there
    is still somebody: the wire has no comments for that, and proxies close what is silent for a minute.
    """

    def __init__(self, stamp: Stamp = UNSTAMPED) -> None:
        self._stamp = stamp
        self._model = stamp.model
        self._said: set[type[Delta]] = set()
        self._before = b""

    def feed(self, delta: Delta) -> bytes:
        """The line of one delta; one without words for a call."""
        match delta:
            case TextDelta(text):
                if text:
                    self._said.add(TextDelta)
                return self._line(json_of(text))
            case ThinkingDelta(text) if text:
                self._said.add(ThinkingDelta)
                return self._line(b'"","thinking":' + json_of(text))
            case ThinkingDelta() | ToolCallDelta():
                return self._line(b'""')
            case _:
                assert_never(delta)

    def finish(self, response: ModelResponse) -> bytes:
        """All that is left to say; an answer that was never fed comes whole."""
        message = response.message
        model = response.model or self._model
        if not self._before:
            self._model = model
        out: list[bytes] = []
        if ThinkingDelta not in self._said and (thoughts := _thoughts(message)):
            out.append(self.feed(ThinkingDelta(thoughts)))
        if TextDelta not in self._said and message.text:
            out.append(self.feed(TextDelta(message.text)))
        if images := _images(message):
            out.append(self._line(b'"","images":' + json_of(images)))
        # A line for each, as Ollama does it since it streams them.
        out += [
            self._line(b'"","tool_calls":' + json_of([_call(index, call)]))
            for index, call in enumerate(message.tool_calls)
        ]
        end = _head(model, self._stamp) | {"message": {"role": "assistant", "content": ""}} | _ending(response)
        data = own(message.origin)
        if LOGPROBS in data:
            end["logprobs"] = data[LOGPROBS]
        return b"".join((*out, json_of(end), b"\n"))

    def fail(self, status: int, message: str) -> bytes:  # noqa: ARG002  (this wire's errors in streams have no status)
        """The line that tells of an error after the answer has begun (Ollama's page "Errors")."""
        return json_of({"error": message}) + b"\n"

    def _line(self, content: bytes) -> bytes:
        # This is the hot path of every stream that we serve: one joining, and JSON only for the words.
        if not self._before:
            self._before = json_of(_head(self._model, self._stamp))[:-1] + b',"message":{"role":"assistant","content":'
        return b"".join((self._before, content, b'},"done":false}\n'))


def _head(model: str, stamp: Stamp) -> JsonObject:
    return {"model": model, "created_at": f"{datetime.fromtimestamp(stamp.created, UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _ending(response: ModelResponse) -> JsonObject:
    data = own(response.message.origin)
    finish = response.finish
    reason = DONE_REASONS["stop" if finish is None else finish]
    if DONE_REASON in data and FINISHES.get(data[DONE_REASON], "other") == finish:
        reason = data[DONE_REASON]
    usage = response.usage
    ending: JsonObject = {
        "done": True,
        "done_reason": reason,
        # Some clients insist on the durations; nobody measured them.
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": usage.input_tokens,
        "prompt_eval_duration": 0,
        "eval_count": usage.output_tokens,
        "eval_duration": 0,
    }
    if usage.cache_read:
        ending["prompt_eval_cached_count"] = usage.cache_read
    return ending


def _call(index: int, call: ToolCall) -> JsonObject:
    wire = call_json(call, made=True)
    return wire | {"function": {"index": index, **wire["function"]}}


def _thoughts(message: Message) -> str:
    return "".join(part.text for part in message.only(Thinking))


def _images(message: Message) -> list[str]:
    for part in message.only(Media):
        if not isinstance(part, Image):
            raise CallerError(f"Ollama has no answers with {type(part).__name__.lower()} in them")
    return [image_json(part) for part in message.only(Image)]
