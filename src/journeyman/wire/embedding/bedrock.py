"""Embedding models on AWS Bedrock, both ways: `POST /model/{id}/invoke` with the body of the model's own maker."""

from __future__ import annotations

import re
from typing import Literal, assert_never
from urllib.parse import quote, unquote

import msgspec

from ...data import CallerError, EmbeddingRequest, EmbeddingResponse, Usage
from ..http import HttpReply, HttpRequest
from . import cohere
from .amazon import nova_body, nova_reply, parsed_nova, parsed_titan, titan_body, titan_reply
from .dialect import BatchLimit
from .forms import ABSENT, body_of, extras_of, is_given, packed, read, reply_of, request_of, whole

NAME = "bedrock"

_COUNT = "x-amzn-bedrock-input-token-count"
"""The header in which Bedrock tells how many tokens it was sent, whoever made the model."""

_ONE = BatchLimit(1, 200_000)
_WHERE = re.compile(r"(?:.*/)?model/([^/?]+)/invoke(?:\?.*)?")
_OBJECTS = re.compile(rb"\s*\[\s*\{")
_ERRORS = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}

_Maker = Literal["titan", "nova", "cohere"]


class _NovaVector(msgspec.Struct):
    embedding: msgspec.Raw


class _Reply(msgspec.Struct):
    embedding: msgspec.Raw = ABSENT
    embeddings: msgspec.Raw = ABSENT
    inputTextTokenCount: float | None = None  # noqa: N815  (the wire's name)


_decode = msgspec.json.Decoder(_Reply).decode
_decode_nova = msgspec.json.Decoder(list[_NovaVector]).decode


class BedrockEmbeddings:
    """The dialect of `POST /model/{id}/invoke` for Amazon's Titan and Nova and for Cohere's models, told by their ids.

    An id that does not tell the maker (an application inference profile's) is refused. Titan tells no purposes apart;
    Nova and Cohere insist on one, and without it texts count as documents.
    """

    name = NAME

    def limit(self, model: str) -> BatchLimit:
        """How much fits into one request: Amazon's own models take one text."""
        return cohere.LIMIT if _maker(model) == "cohere" else _ONE

    def encode(self, request: EmbeddingRequest) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        maker = _maker(request.model)
        extra, form = extras_of(request, NAME)
        if maker != "cohere" and len(request.inputs) != 1:
            raise CallerError(f"{request.model} takes one text a request, not {len(request.inputs)}")
        match maker:
            case "cohere":
                body = cohere.fields_of(request, form)
            case "nova":
                body = nova_body(request, extra)
            case "titan":
                body = titan_body(request)
            case _:
                assert_never(maker)
        return request_of(f"/model/{quote(request.model, safe='')}/invoke", body | extra)

    def decode(self, reply: HttpReply) -> EmbeddingResponse:
        """The vectors in a reply; raises `ProviderError` for an error and for what cannot be read."""
        return read(reply, _response)

    def parse(self, request: HttpRequest) -> EmbeddingRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        found = _WHERE.fullmatch(request.path)
        if found is None:
            raise CallerError(f"{request.path} names no model; it is /model/ID/invoke")
        model = unquote(found[1])
        body = body_of(request)
        maker = _maker(model)
        match maker:
            case "cohere":
                return cohere.parsed(model, body, NAME, by_kind=False)
            case "nova":
                return parsed_nova(model, body, NAME)
            case "titan":
                return parsed_titan(model, body, NAME)
            case _:
                assert_never(maker)

    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply:
        """The reply with the vectors, as the model's maker writes it."""
        maker = _maker(request.model)
        tokens = response.usage.input_tokens
        match maker:
            case "cohere":
                extra, _ = extras_of(request, NAME)
                body = cohere.reply_body(response, request, extra, by_kind="embedding_types" in extra)
            case "nova":
                body = nova_reply(_first(response))
            case "titan":
                body = titan_reply(request.model, _first(response), tokens)
            case _:
                assert_never(maker)
        reply = reply_of(body)
        return HttpReply(reply.status, {**reply.headers, _COUNT: str(tokens)}, reply.body)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error, with the name of its kind in a header, where AWS's clients look for it."""
        reply = reply_of({"message": message}, status)
        kind = _ERRORS.get(status, "InternalServerException")
        return HttpReply(status, {**reply.headers, "x-amzn-errortype": kind}, reply.body)


def _maker(model: str) -> _Maker:
    # Ids of models, of inference profiles (eu.cohere.embed-v4:0) and their ARNs alike end with the maker and the name.
    makers: dict[str, _Maker] = {"amazon.titan-embed": "titan", "amazon.nova": "nova", "cohere.embed": "cohere"}
    for name, maker in makers.items():
        if name in model:
            return maker
    raise CallerError(
        f"{model!r} does not tell whose embedding model it is; ids hold one of {', '.join(makers)}, "
        "for example amazon.titan-embed-text-v2:0"
    )


def _first(response: EmbeddingResponse) -> list[float]:
    return list(response.vectors[0]) if len(response.vectors) else []


def _response(reply: HttpReply) -> EmbeddingResponse:
    body = _decode(reply.body)
    counted = reply.headers.get(_COUNT, "")
    tokens = int(counted) if counted.isdecimal() and len(counted) < 16 else whole(body.inputTextTokenCount)  # noqa: PLR2004
    if is_given(body.embedding):
        return EmbeddingResponse(packed([body.embedding]), Usage(input=tokens))
    if _OBJECTS.match(bytes(body.embeddings)):
        rows = [item.embedding for item in _decode_nova(body.embeddings)]
        return EmbeddingResponse(packed(rows), Usage(input=tokens))
    return msgspec.structs.replace(cohere.response_of(reply), usage=Usage(input=tokens))
