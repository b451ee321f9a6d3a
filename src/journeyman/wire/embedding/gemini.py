"""Google's embeddings, both ways: `:batchEmbedContents` and `:embedContent` below `/models/{model}`."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import msgspec

from ...data import CallerError, EmbeddingRequest, EmbeddingResponse, JsonObject, Opaque, Purpose, Usage
from ..http import HttpReply, HttpRequest
from ..shapes import list_of
from .dialect import BatchLimit
from .forms import (
    ABSENT,
    FORM,
    body_of,
    copied,
    extras_of,
    number_of,
    packed,
    read,
    reply_of,
    request_of,
    text_of,
    whole,
)

NAME = "gemini"

LIMIT = BatchLimit(100, 1_000_000)
"""Texts in one batch: a larger one is refused with "at most 100 requests can be in one batch"."""

TASKS: dict[Purpose, str] = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}
PURPOSES: dict[object, Purpose] = {"RETRIEVAL_QUERY": "query", "RETRIEVAL_DOCUMENT": "document"}

EACH = "_each"
"""Extras of a batch have it where its texts had keys of their own: an object for each text."""

SINGLE = "single"
"""The form of a request that asks `:embedContent` for one text."""

NESTED = "_nested"
"""Extras have it where task and length stand in `embedContentConfig`, as Vertex AI wants them."""

_TASK = "taskType"
_LENGTH = "outputDimensionality"
_CONFIG = "embedContentConfig"
_WHERE = re.compile(r".*/models/([^/?]+):(\w+)(?:\?.*)?")
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class _Values(msgspec.Struct):
    values: msgspec.Raw = ABSENT


class _Count(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None


class _Reply(msgspec.Struct, rename="camel"):
    embeddings: list[_Values] | None = None
    embedding: _Values | None = None
    usage_metadata: _Count | None = None


_decode = msgspec.json.Decoder(_Reply).decode


class GeminiEmbeddings:
    """The dialect of `POST /models/{model}:batchEmbedContents`; clients may ask `:embedContent` for one text.

    Other task types than the two for retrieval are `Opaque("gemini", {"taskType": …})` in `EmbeddingRequest.extra`.
    The wire tells no names of models, and older servers no usage.
    """

    name = NAME

    def limit(self, model: str) -> BatchLimit:  # noqa: ARG002  (it is the same for all)
        """How much fits into one request."""
        return LIMIT

    def encode(self, request: EmbeddingRequest) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        extra, form = extras_of(request, NAME)
        model = request.model.removeprefix("models/")
        nested = extra.pop(NESTED, False) is True
        each = each_of(request, extra)
        said = _told(request) | extra
        asked = [_asked(text, keys, said, nested=nested) for text, keys in zip(request.inputs, each, strict=True)]
        if form == SINGLE and len(asked) == 1:
            return request_of(path_to(model, "embedContent"), asked[0])
        named = asked if nested else [{"model": f"models/{model}", **item} for item in asked]
        return request_of(path_to(model, "batchEmbedContents"), {"requests": named})

    def decode(self, reply: HttpReply) -> EmbeddingResponse:
        """The vectors in a reply; raises `ProviderError` for an error and for what cannot be read."""
        return read(reply, _response)

    def parse(self, request: HttpRequest) -> EmbeddingRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        model, method = model_in(request.path)
        body = body_of(request)
        if method == "embedContent":
            text, own, shared = _read_one(body, "the request")
            return _parsed(model, [text], [own], {**shared, FORM: SINGLE})
        asked = list_of(body.get("requests"))
        if not asked:
            raise CallerError("`requests` is no list of requests")
        found = [_read_one(item, f"requests[{at}]") for at, item in enumerate(asked)]
        texts, each = [item[0] for item in found], [item[1] for item in found]
        shared = found[0][2]
        if any(item[2] != shared for item in found):
            raise CallerError("the requests of one batch have to agree in taskType and outputDimensionality")
        return _parsed(model, texts, each, {**shared, FORM: "batch"})

    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply:
        """The reply with the vectors, in the form of the method that was asked."""
        rows = [{"values": row} for row in response.vectors.tolist()]
        count = {"usageMetadata": {"promptTokenCount": response.usage.input_tokens}}
        if extras_of(request, NAME)[1] == SINGLE:
            return reply_of({"embedding": rows[0] if rows else {}, **count})
        return reply_of({"embeddings": rows, **count})

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return google_error(status, message)


def path_to(model: str, method: str) -> str:
    """Where a method of a model is called."""
    return f"/models/{quote(model, safe='')}:{method}"


def model_in(path: str) -> tuple[str, str]:
    """The model and the method that a path names. Raises `CallerError` for a path without."""
    found = _WHERE.fullmatch(path)
    if found is None:
        raise CallerError(f"{path} names no model and method; it ends with /models/MODEL:embedContent or the like")
    return unquote(found[1]), found[2]


def google_error(status: int, message: str) -> HttpReply:
    """An error as Google tells of one."""
    word = _STATUSES.get(status, "UNKNOWN")
    return reply_of({"error": {"code": status, "message": message, "status": word}}, status)


def each_of(request: EmbeddingRequest, extra: JsonObject) -> list[JsonObject]:
    """The keys that each text has for itself; taken out of the extras."""
    each = [copied(item) for item in list_of(extra.pop(EACH, None))]
    # In a part of a batch they could not be told apart.
    return each if len(each) == len(request.inputs) else [{}] * len(request.inputs)


def _told(request: EmbeddingRequest) -> JsonObject:
    keys: JsonObject = {}
    if request.purpose is not None:
        keys[_TASK] = TASKS[request.purpose]
    if request.dimensions is not None:
        keys[_LENGTH] = request.dimensions
    return keys


def _asked(text: str, own: JsonObject, said: JsonObject, *, nested: bool) -> JsonObject:
    """What is asked about one text: with the keys that it has for itself, and with what is said of all."""
    content = {**copied(own.get("content")), "parts": [{"text": text}]}
    if not nested:
        return {**own, "content": content, **said}
    config = {**copied(own.get(_CONFIG)), **said}
    return {**own, "content": content, **({_CONFIG: config} if config else {})}


def _read_one(asked: object, where: str) -> tuple[str, JsonObject, JsonObject]:
    """One text, what is said of it alone, and what is said of all texts of a batch."""
    own = copied(asked)
    own.pop("model", None)
    content = copied(own.pop("content", None))
    parts = [copied(part) for part in list_of(content.pop("parts", None))]
    if len(parts) != 1 or parts[0].keys() != {"text"}:
        raise CallerError(f"the content of {where} is not one text; only texts are embedded here, one a vector")
    nested = _CONFIG in own
    config = copied(own.pop(_CONFIG)) if nested else own
    shared: JsonObject = {key: config.pop(key) for key in (_TASK, _LENGTH) if key in config}
    if nested:
        shared[NESTED] = True
        if config:
            own[_CONFIG] = config
    if content:
        own["content"] = content
    return text_of(parts[0]["text"], where), own, shared


def _parsed(model: str, texts: list[str], each: list[JsonObject], shared: JsonObject) -> EmbeddingRequest:
    dimensions = number_of(shared, _LENGTH)
    said = shared.get(_TASK)
    purpose = PURPOSES.get(said) if isinstance(said, str) else None
    if purpose is not None:
        del shared[_TASK]
    if any(each):
        shared[EACH] = each
    return EmbeddingRequest(model, tuple(texts), dimensions, purpose, Opaque(NAME, shared))


def _response(reply: HttpReply) -> EmbeddingResponse:
    body = _decode(reply.body)
    items = [body.embedding] if body.embedding is not None else body.embeddings or []
    count = body.usage_metadata or _Count()
    return EmbeddingResponse(packed([item.values for item in items]), Usage(input=whole(count.prompt_token_count)))
