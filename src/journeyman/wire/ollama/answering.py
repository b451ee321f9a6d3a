"""Answers of Ollama, whole or line by line: to a response of ours, or to the error that they are."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import msgspec

from ...data import (
    Delta,
    Finish,
    Image,
    JsonObject,
    Message,
    ModelResponse,
    Opaque,
    Part,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from ..http import HttpReply
from ..ndjson import NdjsonDecoder
from ..whole import ERROR_STATUS, retry_after, unreadable
from .media import image_of
from .names import DONE_REASON, FINISHES, LOGPROBS, MADE, NAME, origin_of
from .shapes import UNREADABLE, WireCall, WireLine, WireMessage, count, read_line

_LAST_STATUS = 599
_string = msgspec.json.Decoder(str).decode


class Answer:
    """What has come of an answer; the words are joined once, at its end."""

    def __init__(self) -> None:
        self.done = False
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._images: list[Image] = []
        self._calls: list[ToolCall] = []
        self._logprobs: list[Any] = []
        self._model = ""
        self._reason = ""
        self._usage = Usage()

    def take(self, line: WireLine, deltas: list[Delta]) -> None:
        """Add what a line says, and to `deltas` what it shows."""
        message = line.message
        if message is not None:
            if message.content:
                self._text.append(message.content)
                deltas.append(TextDelta(message.content))
            if message.thinking:
                self._thinking.append(message.thinking)
                deltas.append(ThinkingDelta(message.thinking))
            if message.tool_calls or message.images:
                self._take_rarely(message, line, deltas)
        if line.logprobs:
            self._logprobs += line.logprobs
        if line.done:
            self._end(line)

    def response(self) -> ModelResponse:
        """The answer, complete. The wire has no order among thoughts, words and calls; this is that of their making."""
        parts: list[Part] = []
        if self._thinking:
            parts.append(Thinking("".join(self._thinking), Opaque(NAME, {})))
        if self._text:
            parts.append(Text("".join(self._text)))
        data: JsonObject = {}
        if self._reason and self._reason not in FINISHES:
            data[DONE_REASON] = self._reason
        if self._logprobs:
            data[LOGPROBS] = self._logprobs
        message = Message("assistant", (*parts, *self._images, *self._calls), origin_of(data))
        return ModelResponse(message, self._usage, self._finish(), self._model)

    def _take_rarely(self, message: WireMessage, line: WireLine, deltas: list[Delta]) -> None:
        # Ollama never sends a call in pieces. Its `index` is no help: there are versions in which it is always 0.
        for wire in message.tool_calls or ():
            index = len(self._calls)
            call = _call_of(wire, f"{line.created_at} {line.model} {index}")
            self._calls.append(call)
            deltas.append(ToolCallDelta(index, call.id, call.name, call.arguments))
        self._images += [image_of(data) for data in message.images or ()]

    def _end(self, line: WireLine) -> None:
        self.done = True
        self._model = line.model or ""
        self._reason = line.done_reason or ""
        prompt, cached = count(line.prompt_eval_count), count(line.prompt_eval_cached_count)
        cached = min(cached, prompt)
        self._usage = Usage(prompt - cached, cached, output=count(line.eval_count))

    def _finish(self) -> Finish:
        # Servers of the first versions do not say why.
        finish = FINISHES.get(self._reason or "stop", "other")
        return "tool_calls" if finish == "stop" and self._calls else finish


def decode_reply(reply: HttpReply) -> ModelResponse:
    """The answer in a reply, also in one of several lines; raises `ProviderError` for an error and an unreadable one."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    answer = Answer()
    try:
        if "ndjson" in reply.headers.get("content-type", ""):
            lines = NdjsonDecoder()
            hear([*lines.feed(reply.body), *lines.close()], answer, [])
        else:
            line = read_line(reply.body)
            hear_error(line, reply.body)
            if line.message is not None:
                # A whole answer need not say that it is done.
                line.done = True
                answer.take(line, [])
    except UNREADABLE as error:
        raise unreadable(reply, str(error)) from error
    if not answer.done:
        raise unreadable(reply, "it has no `message`, or no end")
    return answer.response()


def hear(lines: list[bytes], answer: Answer, deltas: list[Delta]) -> None:
    """Add lines to an answer; what follows its end is not heard."""
    for payload in lines:
        if answer.done:
            return
        try:
            line = read_line(payload)
            if line.error is not None:
                hear_error(line, payload)
            answer.take(line, deltas)
        except UNREADABLE as error:
            body = payload.decode("utf-8", "replace")
            raise ProviderError(f"the stream held an unreadable line: {error}", kind="stream", body=body) from error


def hear_error(line: WireLine, payload: bytes) -> None:
    """Raise the error that stands where an answer should (Ollama's page "Errors", "Errors that occur while streaming")."""
    if not line.error:
        return
    body = payload.decode("utf-8", "replace")
    told = msgspec.json.decode(payload)
    for code in (told.get("status"), told.get("status_code"), told.get("code")):
        if isinstance(code, int) and ERROR_STATUS <= code <= _LAST_STATUS:
            raise ProviderError(_words_of(told) or body[:300], status=code, body=body)
    raise ProviderError(_words_of(told) or f"the provider broke off: {body[:300]}", kind="server", body=body)


def error_of(reply: HttpReply) -> ProviderError:
    """The error that a reply with an error status is."""
    try:
        value: object = msgspec.json.decode(reply.body)
    except UNREADABLE:
        value = None
    body = reply.body.decode("utf-8", "replace")
    message = _words_of(value) or f"the provider answered with status {reply.status}: {body[:300] or 'nothing'}"
    return ProviderError(message, status=reply.status, retry_after=retry_after(reply.headers), body=body)


def _words_of(value: object) -> str:
    """The words in `error`, or where a gateway before Ollama puts them."""
    for _ in range(3):
        if isinstance(value, str) or not isinstance(value, dict):
            break
        told = cast("JsonObject", value)
        value = told.get("error") or told.get("message") or told.get("detail")
    return value if isinstance(value, str) else ""


def _call_of(wire: WireCall, about: str) -> ToolCall:
    text = bytes(wire.function.arguments).decode()
    if text.startswith('"'):
        text = _string(text)
    arguments = "{}" if not text.strip() or text == "null" else text
    name = wire.function.name
    if wire.id:
        return ToolCall(wire.id, name, arguments)
    # The time of the line, in nanoseconds, tells it from the calls of other turns.
    digest = hashlib.sha256(f"{about} {name} {arguments}".encode("utf-8", "surrogatepass")).hexdigest()
    return ToolCall(MADE + digest[:16], name, arguments)
