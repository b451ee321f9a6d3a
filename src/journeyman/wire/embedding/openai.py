"""OpenAI's embeddings and everything compatible, both ways (`POST /embeddings`)."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ...data import (
    CallerError,
    EmbeddingRequest,
    EmbeddingResponse,
    JsonObject,
    Opaque,
    Purpose,
    Usage,
    nanodollars,
)
from ..http import HttpReply, HttpRequest
from .dialect import BatchLimit
from .forms import (
    FORM,
    body_of,
    extras_of,
    in_base64,
    model_of,
    number_of,
    packed,
    read,
    reply_of,
    request_of,
    texts_of,
)
from .quirks import EmbeddingQuirks

NAME = "openai"

_PATH = "/embeddings"
_ONE_TEXT = "text"
_SERVER_ERROR = 500


class _Item(msgspec.Struct):
    embedding: msgspec.Raw
    index: int | None = None


class _WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None
    cost: float | None = None


class _Reply(msgspec.Struct):
    data: list[_Item] | None = None
    model: str | None = None
    usage: _WireUsage | None = None
    id: Any = None


_decode = msgspec.json.Decoder(_Reply).decode


class OpenAIEmbeddings:
    """The dialect of `POST /embeddings`; `quirks` are what a vendor does otherwise.

    Vectors are asked for in base64, a quarter of the bytes and a tenth of the work. OpenAI's own client asks so
    unless it is told otherwise, so that compatible servers have to cope; one that answers in numbers is understood.
    OpenAI's models do not tell purposes apart: `purpose` is left out where the quirks know no key for it.
    """

    name = NAME

    def __init__(self, quirks: EmbeddingQuirks | None = None) -> None:
        self.quirks = quirks or EmbeddingQuirks()

    def limit(self, model: str) -> BatchLimit:  # noqa: ARG002  (it is the same for all)
        """How much fits into one request."""
        return BatchLimit(self.quirks.most_inputs, self.quirks.most_bytes)

    def encode(self, request: EmbeddingRequest) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        extra, form = extras_of(request, NAME)
        one = form == _ONE_TEXT and len(request.inputs) == 1
        body: JsonObject = {"model": request.model, "input": request.inputs[0] if one else request.inputs}
        if form == "":
            body["encoding_format"] = "base64"
        if request.dimensions is not None:
            body[self.quirks.dimensions] = request.dimensions
        if request.purpose is not None and self.quirks.purpose is not None:
            key, query, document = self.quirks.purpose
            body[key] = query if request.purpose == "query" else document
        return request_of(_PATH, body | extra)

    def decode(self, reply: HttpReply) -> EmbeddingResponse:
        """The vectors in a reply; raises `ProviderError` for an error and for what cannot be read."""
        return read(reply, _response)

    def parse(self, request: HttpRequest) -> EmbeddingRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        body = body_of(request)
        model = model_of(body)
        given = body.pop("input", None)
        inputs = texts_of(given, "input")
        if body.get("encoding_format") not in (None, "float", "base64"):
            raise CallerError('`encoding_format` is neither "float" nor "base64"')
        dimensions = number_of(body, self.quirks.dimensions)
        purpose = self._purpose(body)
        extra = Opaque(NAME, {**body, FORM: _ONE_TEXT if isinstance(given, str) else "texts"})
        return EmbeddingRequest(model, inputs, dimensions, purpose, extra)

    def _purpose(self, body: JsonObject) -> Purpose | None:
        if self.quirks.purpose is None:
            return None
        key, query, document = self.quirks.purpose
        purposes: dict[object, Purpose] = {query: "query", document: "document"}
        said = body.get(key)
        purpose = purposes.get(said) if isinstance(said, str) else None
        if purpose is not None:
            del body[key]
        return purpose

    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply:
        """The reply with the vectors, in base64 if the request asked for it."""
        as_text = extras_of(request, NAME)[0].get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": in_base64(row) if as_text else list(row)}
            for index, row in enumerate(response.vectors)
        ]
        tokens = response.usage.input_tokens
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        model = response.model or request.model
        return reply_of({"object": "list", "data": data, "model": model, "usage": usage})

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        kind = "server_error" if status >= _SERVER_ERROR else "invalid_request_error"
        return reply_of({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


def _response(reply: HttpReply) -> EmbeddingResponse:
    body = _decode(reply.body)
    items = body.data or []
    indexes = [item.index for item in items]
    if sorted(index for index in indexes if index is not None) == list(range(len(items))):
        items = sorted(items, key=lambda item: item.index or 0)
    usage = body.usage or _WireUsage()
    tokens = usage.prompt_tokens or usage.total_tokens or 0
    raw_id = body.id if isinstance(body.id, str) and body.id else None
    vectors = packed([item.embedding for item in items])
    return EmbeddingResponse(vectors, Usage(input=max(tokens, 0)), body.model or "", raw_id, _cost(usage.cost))


def _cost(dollars: float | None) -> int | None:
    """What OpenRouter says that it charged."""
    return None if dollars is None or not math.isfinite(dollars) or dollars < 0 else nanodollars(dollars)
