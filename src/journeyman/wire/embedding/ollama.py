"""Ollama's embeddings, both ways: `POST /api/embed`, and for clients of old `/api/embeddings`."""

from __future__ import annotations

import msgspec

from ...data import CallerError, EmbeddingRequest, EmbeddingResponse, JsonObject, Opaque, Usage
from ..http import HttpReply, HttpRequest
from .dialect import BatchLimit
from .forms import (
    ABSENT,
    FORM,
    body_of,
    extras_of,
    is_given,
    model_of,
    number_of,
    packed,
    read,
    reply_of,
    request_of,
    text_of,
    texts_of,
)

NAME = "ollama"

LIMIT = BatchLimit(256, 1_000_000)
"""Ollama itself sets no limit; smaller requests let several be under way, and lose less when one fails."""

_PATH = "/api/embed"
_OLD_PATH = "/api/embeddings"
_OLD = "prompt"
_ONE_TEXT = "text"


class _Reply(msgspec.Struct):
    embeddings: list[msgspec.Raw] | None = None
    embedding: msgspec.Raw = ABSENT
    model: str | None = None
    prompt_eval_count: int | None = None


_decode = msgspec.json.Decoder(_Reply).decode


class OllamaEmbeddings:
    """The dialect of `POST /api/embed`. Purposes have no place on it, and are left out."""

    name = NAME

    def limit(self, model: str) -> BatchLimit:  # noqa: ARG002  (it is the same for all)
        """How much fits into one request."""
        return LIMIT

    def encode(self, request: EmbeddingRequest) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        extra, form = extras_of(request, NAME)
        body: JsonObject = {"model": request.model}
        if form == _OLD:
            if len(request.inputs) != 1 or request.dimensions is not None:
                raise CallerError(f"{_OLD_PATH} takes one text and no dimensions; use {_PATH}")
            return request_of(_OLD_PATH, {**body, "prompt": request.inputs[0], **extra})
        one = form == _ONE_TEXT and len(request.inputs) == 1
        body["input"] = request.inputs[0] if one else request.inputs
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        return request_of(_PATH, body | extra)

    def decode(self, reply: HttpReply) -> EmbeddingResponse:
        """The vectors in a reply; raises `ProviderError` for an error and for what cannot be read."""
        return read(reply, _response)

    def parse(self, request: HttpRequest) -> EmbeddingRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        body = body_of(request)
        model = model_of(body)
        if request.path.partition("?")[0].endswith(_OLD_PATH):
            text = text_of(body.pop("prompt", None), "prompt")
            return EmbeddingRequest(model, (text,), extra=Opaque(NAME, {**body, FORM: _OLD}))
        given = body.pop("input", None)
        inputs = texts_of(given, "input")
        form = _ONE_TEXT if isinstance(given, str) else "texts"
        dimensions = number_of(body, "dimensions")
        return EmbeddingRequest(model, inputs, dimensions, extra=Opaque(NAME, {**body, FORM: form}))

    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply:
        """The reply with the vectors, in the form of the path that was asked."""
        rows = response.vectors.tolist()
        if extras_of(request, NAME)[1] == _OLD:
            return reply_of({"embedding": rows[0] if rows else []})
        model = response.model or request.model
        return reply_of({"model": model, "embeddings": rows, "prompt_eval_count": response.usage.input_tokens})

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return reply_of({"error": message}, status)


def _response(reply: HttpReply) -> EmbeddingResponse:
    body = _decode(reply.body)
    rows = [body.embedding] if is_given(body.embedding) else body.embeddings or []
    return EmbeddingResponse(packed(rows), Usage(input=max(body.prompt_eval_count or 0, 0)), body.model or "")
