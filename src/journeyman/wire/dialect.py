"""What a dialect is: a pure codec between our nouns and a provider's bytes, in both directions."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..data import Delta, ModelRequest, ModelResponse
from .http import HttpReply, HttpRequest


class Stamp(msgspec.Struct, frozen=True):
    """What a server adds to an answer: an id, when it was given in seconds since 1970, and the request that it answers.

    A dialect puts its own prefix before the id, and has one of its own where it is empty. The id and the name of the
    model that the answer itself brings go first.
    """

    id: str = ""
    created: int = 0
    request: ModelRequest | None = None

    @property
    def model(self) -> str:
        """The name of the model as the client gave it."""
        return "" if self.request is None else self.request.model


UNSTAMPED = Stamp()


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
    `parse` raises `CallerError` for a request that is none. `stream_type` is the content type of a streamed reply.
    """

    name: str
    stream_type: str

    def encode(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest: ...
    def decode(self, reply: HttpReply) -> ModelResponse: ...
    def decoder(self, reply_head: HttpReply | None = None) -> StreamDecoder: ...
    def parse(self, request: HttpRequest) -> ModelRequest: ...
    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply: ...
    def render_error(self, status: int, message: str) -> HttpReply: ...
    def renderer(self, stamp: Stamp = UNSTAMPED) -> StreamRenderer: ...
