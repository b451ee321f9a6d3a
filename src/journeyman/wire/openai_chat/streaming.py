"""Streamed answers."""

from __future__ import annotations

import msgspec

from ...data import CallerError, Delta, ModelResponse, ProviderError
from ..failures import error_in
from ..shapes import UNREADABLE
from ..sse import SseDecoder
from .answering import Answer
from .pieces import read_chunk

_END = b"[DONE]"
_SHOWN = 300


class ChatDecoder:
    """Reads one streamed answer; what is said after `[DONE]` is not heard."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._answer = Answer()
        self._ended = False
        self._beginning = b""

    def feed(self, data: bytes) -> list[Delta]:
        """What the bytes show; raises `ProviderError` for an error among them and for what cannot be read."""
        if len(self._beginning) < _SHOWN:
            self._beginning += data[:_SHOWN]
        return self._hear(self._sse.feed(data))

    def finish(self) -> ModelResponse:
        """The whole answer; raises `ProviderError` of kind `stream` where the end is missing."""
        rest = self._sse.close()
        try:
            self._hear(rest)
        except ProviderError as error:
            # An answer that said why it ended is whole, though the count of its tokens was cut in two.
            if error.kind != "stream" or not self._answer.reason:
                raise
        if not self._ended and not self._answer.reason:
            body = self._beginning.decode("utf-8", "replace")
            raise ProviderError(
                f"the stream broke off before its end; it began with: {body[:_SHOWN]}", kind="stream", body=body
            )
        return self._answer.response()

    def _hear(self, events: list[tuple[str, bytes]]) -> list[Delta]:
        deltas: list[Delta] = []
        take = self._answer.take
        for name, data in events:
            if data == _END:
                self._ended = True
            elif not self._ended and data.strip():
                try:
                    if name == "error":
                        raise error_in(msgspec.json.decode(data), data)
                    take(read_chunk(data), data, deltas)
                except (CallerError, *UNREADABLE) as error:
                    raise _garbled(data, error) from error
        return deltas


def _garbled(data: bytes, error: Exception) -> ProviderError:
    shown = data.decode("utf-8", "replace")
    return ProviderError(
        f"an event of the stream cannot be read ({error}): {shown[:_SHOWN]}", kind="stream", body=shown
    )
