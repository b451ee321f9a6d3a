"""Embeddings: ask a model for the vectors that a client wants, and send them in the client's own form."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from msgspec.structs import replace
from typing_extensions import TypeIs

from ..data import EmbeddingRequest, EmbeddingResponse
from ..wire import Dialect, EmbeddingDialect, embedding_dialect
from .asgi import Receive, Send, send_reply, while_connected
from .refusals import refusal_of, refused

_ROUTES = (
    ("openai", "/v1/embeddings", r"(/openai)?(/v1|/deployments/[^/]+)?/embeddings"),
    ("gemini", "/v1beta/models/{model}:batchEmbedContents", r"/.+:(batchEmbedContents|embedContent)"),
    ("vertex", "/v1/…/models/{model}:predict", r"/.+:predict"),
    ("cohere", "/v2/embed", r"/v[12]/embed"),
    ("ollama", "/api/embed", r"/api/embed(dings)?"),
    ("bedrock", "/model/{model}/invoke", r"/model/.+/invoke"),
)
_MATCHES = tuple((name, re.compile(pattern).fullmatch) for name, _, pattern in _ROUTES)

EMBEDDING_PATHS = tuple(shown for _, shown, _ in _ROUTES)
"""Where each wire of embeddings is spoken, as one would tell somebody."""


class Embeds(Protocol):
    """What a gateway asks for vectors; an `Embedder` takes requests of any size."""

    @property
    def name(self) -> str: ...
    async def respond(self, request: EmbeddingRequest) -> EmbeddingResponse: ...


Embedders = Embeds | Mapping[str, Embeds] | Callable[[str], Embeds]
"""One embedder for whatever name a client asks for, embedders by their names, or a function from a name to one."""


class EmbeddingQuestion(msgspec.Struct, frozen=True):
    """Of which texts a client wants vectors, and on which wire."""

    wire: EmbeddingDialect
    model: Embeds
    asked: EmbeddingRequest


def embeddings_at(path: str) -> EmbeddingDialect | None:
    """The wire of embeddings that is spoken at a path, if one is."""
    for name, matches in _MATCHES:
        if matches(path):
            return _wire(name)
    return None


def is_for_vectors(wire: Dialect | EmbeddingDialect) -> TypeIs[EmbeddingDialect]:
    """Whether a wire is one of embeddings."""
    return not hasattr(wire, "stream_type")


async def give_vectors(question: EmbeddingQuestion, receive: Receive, send: Send) -> None:
    """Answer as the client wants it; one that hangs up cancels the question."""
    await while_connected(receive, _give(question, send))


async def _give(question: EmbeddingQuestion, send: Send) -> None:
    asked = question.asked
    try:
        # The model goes by its own name, and its answer by the one that the client knows.
        reply = question.wire.render(await question.model.respond(replace(asked, model="")), asked)
    except Exception as error:  # noqa: BLE001  (whatever a model raises, its client gets an answer)
        reply = refused(question.wire, refusal_of(error))
    await send_reply(send, reply)


@functools.cache
def _wire(name: str) -> EmbeddingDialect:
    return embedding_dialect(name)
