"""Answers of the Gemini API that come in pieces: as server-sent events, or as the items of one list."""

from __future__ import annotations

import msgspec

from ...data import Delta, ModelResponse, ProviderError
from ..http import HttpReply
from ..shapes import UNREADABLE
from ..sse import SseDecoder
from .answering import Answer, decode_reply
from .arrays import ListCutter
from .chunks import read_chunk, read_words

_SHOWN = 300


class GeminiDecoder:
    """Reads one streamed answer; gives up with `ProviderError` at the first piece that cannot be."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._answer = Answer()

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the events that these bytes complete."""
        deltas: list[Delta] = []
        for _, payload in self._sse.feed(data):
            take(self._answer, payload, deltas)
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` of kind `stream` if it is not whole."""
        for _, payload in self._sse.close():
            take(self._answer, payload, [])
        return whole(self._answer)


class JsonDecoder:
    """Reads one answer that comes as JSON: a list of pieces, or, where a stream was not to be had, the whole."""

    def __init__(self, head: HttpReply) -> None:
        self._head = head
        self._pieces: list[bytes] = []
        self._cutter: ListCutter | None = None
        self._answer = Answer()
        self._begun = False

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the items that these bytes complete; none of an answer that is no list."""
        if not self._begun and (begin := data.lstrip()):
            self._begun = True
            if begin.startswith(b"["):
                self._cutter = ListCutter()
        if self._cutter is None:
            self._pieces.append(data)
            return []
        deltas: list[Delta] = []
        for item in self._cutter.feed(data):
            take(self._answer, item, deltas)
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` for one that is not whole, and for the error that it is."""
        if self._cutter is None:
            return decode_reply(HttpReply(self._head.status, self._head.headers, b"".join(self._pieces)))
        return whole(self._answer)


def take(answer: Answer, payload: bytes, deltas: list[Delta]) -> None:
    """Add a piece to an answer."""
    try:
        try:
            words = read_words(payload)
        except msgspec.ValidationError:
            answer.take(read_chunk(payload), payload, deltas)
        else:
            answer.take_words(words, payload, deltas)
    except UNREADABLE as error:
        # Servers behind proxies close with the mark of another wire, which says nothing here.
        if payload.strip() in (b"", b"[DONE]"):
            return
        body = payload.decode("utf-8", "replace")
        raise ProviderError(
            f"a piece of the stream cannot be read ({error}): {body[:_SHOWN]}", kind="stream", body=body
        ) from error


def whole(answer: Answer) -> ModelResponse:
    """The answer, if it is complete."""
    if not answer.ended:
        raise ProviderError("the stream ended before the answer did", kind="stream")
    try:
        return answer.response()
    except UNREADABLE as error:
        raise ProviderError(f"the stream held something that cannot be read: {error}", kind="stream") from error
