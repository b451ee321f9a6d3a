"""Cohere's embeddings, both ways: `POST /v2/embed`, and the older body of `/v1/embed`, which Bedrock speaks too."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ...data import CallerError, EmbeddingRequest, EmbeddingResponse, JsonObject, Opaque, Purpose, Usage
from ..http import HttpReply, HttpRequest
from ..shapes import list_of
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
    whole,
)

NAME = "cohere"

LIMIT = BatchLimit(96, 1_000_000)
"""Texts in one request (Cohere's reference, "Embed API"); it names no bound for their length together."""

DEFAULT_ID = "embed-0"

_PATH = "/v2/embed"
_WORDS: dict[Purpose, str] = {"query": "search_query", "document": "search_document"}
_PURPOSES: dict[str, Purpose] = {"search_query": "query", "search_document": "document"}
_KINDS = ("float", "base64")
_MIXED = "inputs"


class _Units(msgspec.Struct):
    input_tokens: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Units | None = None
    tokens: _Units | None = None


class _ByKind(msgspec.Struct):
    float: list[msgspec.Raw] | None = None
    base64: list[msgspec.Raw] | None = None


class _Reply(msgspec.Struct):
    embeddings: _ByKind | list[msgspec.Raw] | None = None
    meta: _Meta | None = None
    id: Any = None


_decode = msgspec.json.Decoder(_Reply).decode


class CohereEmbeddings:
    """The dialect of `POST /v2/embed`.

    The wire insists on a purpose; without one, texts count as documents, since most are embedded to be found. Its
    vectors of bytes and bits, and pictures, have no place here.
    """

    name = NAME

    def limit(self, model: str) -> BatchLimit:  # noqa: ARG002  (it is the same for all)
        """How much fits into one request."""
        return LIMIT

    def encode(self, request: EmbeddingRequest) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        extra, form = extras_of(request, NAME)
        body: JsonObject = {"model": request.model}
        if form == "":
            body["embedding_types"] = ["float"]
        return request_of(_PATH, body | fields_of(request, form) | extra)

    def decode(self, reply: HttpReply) -> EmbeddingResponse:
        """The vectors in a reply; raises `ProviderError` for an error and for what cannot be read."""
        return read(reply, response_of)

    def parse(self, request: HttpRequest) -> EmbeddingRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        body = body_of(request)
        return parsed(model_of(body), body, NAME, by_kind="/v1/" not in request.path)

    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply:
        """The reply with the vectors, of the kinds that the request asked for."""
        extra, form = extras_of(request, NAME)
        return reply_of(reply_body(response, request, extra, by_kind=form != "numbers"))

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return reply_of({"message": message}, status)


def fields_of(request: EmbeddingRequest, form: str) -> JsonObject:
    """What a request says besides the model and the wire's own keys."""
    body: JsonObject = {"input_type": _WORDS[request.purpose or "document"]}
    if form == _MIXED:
        body["inputs"] = [{"content": [{"type": "text", "text": text}]} for text in request.inputs]
    else:
        body["texts"] = request.inputs
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    return body


def response_of(reply: HttpReply) -> EmbeddingResponse:
    """The vectors of a reply, without a name of a model, which this wire does not tell."""
    body = _decode(reply.body)
    rows = body.embeddings
    if isinstance(rows, _ByKind):
        rows = rows.float or rows.base64
    meta = body.meta or _Meta()
    # What is paid for, before what was counted.
    tokens = next((units.input_tokens for units in (meta.billed_units, meta.tokens) if units is not None), None)
    usage = Usage(input=whole(tokens))
    return EmbeddingResponse(packed(rows or []), usage, raw_id=body.id if isinstance(body.id, str) else None)


def parsed(model: str, body: JsonObject, name: str, *, by_kind: bool) -> EmbeddingRequest:
    """A client's request; `by_kind` says that it is answered by kinds of numbers even if it names none."""
    if body.get("images"):
        raise CallerError("`images` are not embedded here; send `texts`")
    kinds = body.get("embedding_types")
    if kinds is not None and not _are_known(kinds):
        raise CallerError('`embedding_types` are ["float"], ["base64"] or both; other numbers are not given here')
    form = "texts" if by_kind or kinds is not None else "numbers"
    if body.get("inputs"):
        inputs, form = _mixed(body.pop("inputs")), _MIXED
    else:
        inputs = texts_of(body.pop("texts", None), "texts")
    dimensions = number_of(body, "output_dimension")
    said = body.get("input_type")
    purpose = _PURPOSES.get(said) if isinstance(said, str) else None
    if purpose is not None:
        del body["input_type"]
    return EmbeddingRequest(model, inputs, dimensions, purpose, Opaque(name, {**body, FORM: form}))


def _are_known(kinds: object) -> bool:
    return bool(list_of(kinds)) and all(item in _KINDS for item in list_of(kinds))


def _mixed(items: object) -> tuple[str, ...]:
    """The texts of `inputs`, each of which may hold texts and pictures."""
    texts: list[str] = []
    for index, item in enumerate(list_of(items)):
        match item:
            case {"content": [{"type": "text", "text": str(text)}]}:
                texts.append(text)
            case _:
                raise CallerError(f"`inputs[{index}]` is not one text; only texts are embedded here, one a vector")
    if not texts:
        raise CallerError("`inputs` is no list of texts")
    return tuple(texts)


def reply_body(
    response: EmbeddingResponse, request: EmbeddingRequest, extra: JsonObject, *, by_kind: bool
) -> JsonObject:
    """A reply: with vectors by kind of number, or as plain numbers."""
    rows: dict[str, list[Any]] = {}
    kinds = cast("list[str]", extra.get("embedding_types") or ["float"])
    if "float" in kinds:
        rows["float"] = response.vectors.tolist()
    if "base64" in kinds:
        rows["base64"] = [in_base64(row) for row in response.vectors]
    units = {"input_tokens": response.usage.input_tokens}
    return {
        "id": response.raw_id or DEFAULT_ID,
        "response_type": "embeddings_by_type" if by_kind else "embeddings_floats",
        "texts": request.inputs,
        "embeddings": rows if by_kind else rows["float"],
        "meta": {"api_version": {"version": "2" if by_kind else "1"}, "billed_units": units},
    }
