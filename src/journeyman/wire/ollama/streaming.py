"""Streamed answers (Ollama's page "Streaming")."""

from __future__ import annotations

from ...data import Delta, ModelResponse, ProviderError
from ..ndjson import NdjsonDecoder
from .answering import Answer, hear


class OllamaDecoder:
    """Reads one streamed answer; what comes after the line that is `done` is not heard."""

    def __init__(self) -> None:
        self._lines = NdjsonDecoder()
        self._answer = Answer()

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas in the lines that these bytes complete; raises `ProviderError` for an error among them."""
        deltas: list[Delta] = []
        hear(self._lines.feed(data), self._answer, deltas)
        return deltas

    def finish(self) -> ModelResponse:
        """The answer; raises `ProviderError` of kind `stream` if it is not whole."""
        hear(self._lines.close(), self._answer, [])
        if not self._answer.done:
            raise ProviderError("the stream ended before the answer did", kind="stream")
        return self._answer.response()
