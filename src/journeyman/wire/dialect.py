"""What a dialect is: a pure codec between our nouns and a provider's bytes, in both directions."""

from __future__ import annotations

from typing import Protocol

from ..data import Delta, ModelRequest, ModelResponse
from .http import HttpReply, HttpRequest


class StreamDecoder(Protocol):
    """Reads an answer that comes in pieces, cut anywhere; one per answer."""

    def feed(self, data: bytes) -> list[Delta]: ...
    def finish(self) -> ModelResponse: ...


class StreamRenderer(Protocol):
    """Writes an answer as a provider streams it; one per answer. `fail` ends one that has begun with an error."""

    def feed(self, delta: Delta) -> bytes: ...
    def finish(self, response: ModelResponse) -> bytes: ...
    def fail(self, status: int, message: str) -> bytes: ...


class Dialect(Protocol):
    """One provider's wire, without any I/O.

    `decode` and the decoder raise `ProviderError` for an error answer, an unreadable one and one that breaks off;
    `parse` raises `CallerError` for a request that is none.
    """

    name: str

    def encode(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest: ...
    def decode(self, reply: HttpReply) -> ModelResponse: ...
    def decoder(self, reply_head: HttpReply | None = None) -> StreamDecoder: ...
    def parse(self, request: HttpRequest) -> ModelRequest: ...
    def render(self, response: ModelResponse) -> HttpReply: ...
    def render_error(self, status: int, message: str) -> HttpReply: ...
    def renderer(self) -> StreamRenderer: ...
