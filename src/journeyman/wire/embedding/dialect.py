"""What an embedding dialect is: a pure codec between our nouns and a provider's bytes, in both directions."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ...data import EmbeddingRequest, EmbeddingResponse
from ..http import HttpReply, HttpRequest


class BatchLimit(NamedTuple):
    """How many texts fit into one request, and how many bytes of UTF-8 they may have together."""

    inputs: int
    size: int


class EmbeddingDialect(Protocol):
    """One provider's wire for embeddings, without any I/O.

    `decode` raises `ProviderError` for an error answer and for an unreadable one, `encode` and `parse` raise
    `CallerError` for what the wire cannot carry. `render` takes the request that is answered, since most of these wires
    answer in the form in which they were asked.
    """

    name: str

    def limit(self, model: str) -> BatchLimit: ...
    def encode(self, request: EmbeddingRequest) -> HttpRequest: ...
    def decode(self, reply: HttpReply) -> EmbeddingResponse: ...
    def parse(self, request: HttpRequest) -> EmbeddingRequest: ...
    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply: ...
    def render_error(self, status: int, message: str) -> HttpReply: ...
