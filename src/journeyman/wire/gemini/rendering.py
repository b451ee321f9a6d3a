"""Our answers and errors as a server of the Gemini API gives them, whole and in pieces."""

from __future__ import annotations

from typing import assert_never

from ...data import (
    Audio,
    Delta,
    Document,
    Image,
    JsonObject,
    ModelResponse,
    Opaque,
    Part,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
    Video,
)
from ..dialect import UNSTAMPED, Stamp
from ..http import HttpReply
from ..shapes import json_of
from .names import ERROR_STATUSES, FINISH_REASONS, FINISHES, form_of, is_own, own
from .shapes import joined
from .writing import call_json, medium_json

_JSON = {"content-type": "application/json; charset=UTF-8"}
_SERVER_ERROR = 500
_Words = type[Text | Thinking]


def render_reply(response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
    """The reply with the whole answer."""
    parts = [wire for part in response.message.parts if (wire := _part(part)) is not None]
    head = _head(response.model or stamp.model, response.raw_id or stamp.id)
    return HttpReply(200, _JSON, json_of(_last(response, parts) | head))


def render_failure(status: int, message: str) -> HttpReply:
    """The reply that tells of an error."""
    known = "INTERNAL" if status >= _SERVER_ERROR else "FAILED_PRECONDITION"
    error = {"code": status, "message": message, "status": ERROR_STATUSES.get(status, known)}
    return HttpReply(status, _JSON, json_of({"error": error}))


def _head(model: str, raw_id: str) -> JsonObject:
    # Both may be left out on this wire, so that an answer without an id stays one.
    return {key: value for key, value in (("modelVersion", model), ("responseId", raw_id)) if value}


def _last(response: ModelResponse, parts: list[JsonObject]) -> JsonObject:
    """An answer, or the last piece of one."""
    kept = dict(own(response.message.origin))
    feedback = kept.pop("promptFeedback", None)
    usage = _usage(response.usage) | kept.pop("usageMetadata", {})
    body: JsonObject = {"usageMetadata": usage}
    if feedback is not None:
        body["promptFeedback"] = feedback
    reason = kept.pop("finishReason", None)
    blocked = response.finish == "content_filter" and isinstance(feedback, dict) and "blockReason" in feedback
    if parts or not blocked or kept or reason:
        if reason is None or FINISHES.get(reason, "other") != response.finish:
            reason = FINISH_REASONS[response.finish]
        content = {"parts": parts, "role": "model"}
        body["candidates"] = [{"content": content, "finishReason": reason, "index": 0, **kept}]
    return body


def _usage(usage: Usage) -> JsonObject:
    counts: JsonObject = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.total_tokens,
    }
    if usage.cache_read:
        counts["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        counts["thoughtsTokenCount"] = usage.reasoning
    return counts


def _part(part: Part) -> JsonObject | None:
    match part:
        case Text():
            return joined({"text": part.text}, own(part.origin))
        case Thinking():
            return joined({"text": part.text, "thought": True}, own(part.origin))
        case ToolCall():
            return call_json(part)
        case Image() | Audio() | Video() | Document():
            return medium_json(part)
        case Opaque():
            return part.data if is_own(part) else None
        case ToolResult():
            return None
        case _:
            assert_never(part)


class GeminiRenderer:
    """Writes one answer as a stream.

    Deltas say less than parts, and the wire has calls in one piece: these come with `finish`, and so does whatever
    follows them, to stay behind them. Signatures of words that were shown come with `finish` as well, in a part without
    words; so does what no delta tells of, such as pictures and blocks of the provider's own.
    """

    def __init__(self, stamp: Stamp = UNSTAMPED) -> None:
        request = stamp.request
        self._listed = request is not None and form_of(request.settings.extra).get("alt") == "json"
        self._model = stamp.model
        self._raw_id = stamp.id
        self._tail = b""
        self._begun = False
        self._held = False
        # The runs of words that were shown: of which kind, and how many letters.
        self._shown: list[tuple[_Words, int]] = []

    def feed(self, delta: Delta) -> bytes:
        """The piece that shows the delta, if it can be shown yet."""
        match delta:
            case TextDelta(text):
                return self._words(Text, b'{"text":', text, b"}")
            case ThinkingDelta(text):
                return self._words(Thinking, b'{"thought":true,"text":', text, b"}")
            case ToolCallDelta():
                self._held = True
                return b""
            case _:
                assert_never(delta)

    def finish(self, response: ModelResponse) -> bytes:
        """All that is left to say; an answer that was never fed comes whole."""
        rest = [wire for part in self._rest(response.message.parts) if (wire := _part(part)) is not None]
        if self._shown and not rest:
            # Google's own client takes a stream for spoilt in which a piece has no part.
            rest = [{"text": ""}]
        # Every piece names the model and the answer; the last is the first that can know what they are really called.
        last = _last(response, rest) | _head(response.model or self._model, response.raw_id or self._raw_id)
        return self._framed(json_of(last)) + (b"]" if self._listed else b"")

    def fail(self, status: int, message: str) -> bytes:
        """The piece that tells of an error after the answer has begun; nothing follows it."""
        return self._framed(render_failure(status, message).body) + (b"]" if self._listed else b"")

    def _words(self, kind: _Words, before: bytes, text: str, after: bytes) -> bytes:
        if self._held or not text:
            return b""
        if not self._tail:
            head = json_of(_head(self._model, self._raw_id))
            self._tail = b'],"role":"model"},"index":0}]' + (b"," + head[1:] if len(head) > len(b"{}") else b"}")
        if self._shown and self._shown[-1][0] is kind:
            self._shown[-1] = (kind, self._shown[-1][1] + len(text))
        else:
            self._shown.append((kind, len(text)))
        part = before + json_of(text) + after
        return self._framed(b'{"candidates":[{"content":{"parts":[' + part + self._tail)

    def _framed(self, piece: bytes) -> bytes:
        if not self._listed:
            return b"data: " + piece + b"\r\n\r\n"
        begun, self._begun = self._begun, True
        return (b",\r\n" if begun else b"[") + piece

    def _rest(self, parts: tuple[Part, ...]) -> list[Part]:
        """What was not shown of the parts: first what goes on where the words stopped, last signatures of earlier ones."""
        going_on: list[Part] = []
        rest: list[Part] = []
        late: list[Part] = []
        shown = iter(self._shown)
        kind, letters = next(shown, (None, 0))
        for part in parts:
            if not isinstance(part, Text | Thinking) or type(part) is not kind:
                rest.append(part)
                continue
            more = part.text[letters:]
            letters = max(letters - len(part.text), 0)
            if not letters:
                kind, letters = next(shown, (None, 0))
            if more or own(part.origin):
                place = late if kind is not None else (rest if rest or going_on else going_on)
                place.append(type(part)(more, part.origin))
        last = [*rest, *late]
        if not going_on and self._shown and last and type(last[0]) is self._shown[-1][0]:
            # The first words of a piece go on with those before it, and these are others.
            going_on = [self._shown[-1][0]("")]
        return [*going_on, *last]
