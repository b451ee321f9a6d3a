"""Vertex AI's embeddings, both ways: `:predict` below `/models/{model}`."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from ...data import CallerError, EmbeddingRequest, EmbeddingResponse, JsonObject, Opaque, Usage
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
from .gemini import EACH, NESTED, PURPOSES, SINGLE, TASKS, GeminiEmbeddings, each_of, google_error, model_in, path_to

NAME = "vertex"

LIMIT = BatchLimit(250, 40_000)
"""Texts in one request, and bytes of them: 20,000 tokens (Vertex AI's page "Text embeddings API")."""

_ONE = BatchLimit(1, LIMIT.size)
_ONE_AT_A_TIME = "gemini-embedding"
_PREDICTING = "gemini-embedding-001"


class _Statistics(msgspec.Struct):
    token_count: float | None = None


class _Embedding(msgspec.Struct):
    values: msgspec.Raw = ABSENT
    statistics: _Statistics | None = None


class _Prediction(msgspec.Struct):
    embeddings: _Embedding


class _Reply(msgspec.Struct):
    predictions: list[_Prediction] | None = None


_decode = msgspec.json.Decoder(_Reply).decode
_gemini = GeminiEmbeddings()


class VertexEmbeddings:
    """The dialect of `POST /models/{model}:predict`.

    Models named gemini-embedding take one text a request (Vertex AI's page "Text embeddings API"), and those after
    gemini-embedding-001 have `:embedContent` instead, with their settings where Google's own SDK puts them.
    """

    name = NAME

    def limit(self, model: str) -> BatchLimit:
        """How much fits into one request."""
        return _ONE if model.startswith(_ONE_AT_A_TIME) else LIMIT

    def encode(self, request: EmbeddingRequest) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        extra, _ = extras_of(request, NAME)
        if request.model.startswith(_ONE_AT_A_TIME) and request.model != _PREDICTING:
            asked = replace(request, extra=Opaque(_gemini.name, {**extra, FORM: SINGLE, NESTED: True}))
            return _gemini.encode(asked)
        each = each_of(request, extra)
        shared: JsonObject = {} if request.purpose is None else {"task_type": TASKS[request.purpose]}
        instances = [{"content": text, **shared, **keys} for text, keys in zip(request.inputs, each, strict=True)]
        parameters = copied(extra.pop("parameters", None))
        if request.dimensions is not None:
            parameters["outputDimensionality"] = request.dimensions
        body: JsonObject = {"instances": instances, **extra}
        if parameters:
            body["parameters"] = parameters
        return request_of(path_to(request.model, "predict"), body)

    def decode(self, reply: HttpReply) -> EmbeddingResponse:
        """The vectors in a reply; raises `ProviderError` for an error and for what cannot be read."""
        return read(reply, _response)

    def parse(self, request: HttpRequest) -> EmbeddingRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        model, _ = model_in(request.path)
        body = body_of(request)
        instances = list_of(body.pop("instances", None))
        if not instances:
            raise CallerError("`instances` is no list of instances")
        found = [_read_one(item, at) for at, item in enumerate(instances)]
        tasks = {item[2] for item in found}
        if len(tasks) > 1:
            raise CallerError("the instances of one request have to agree in task_type")
        task = tasks.pop()
        purpose = PURPOSES.get(task)
        each = [item[1] if purpose or task is None else {**item[1], "task_type": task} for item in found]
        parameters = copied(body.pop("parameters", None))
        dimensions = number_of(parameters, "outputDimensionality")
        extra: JsonObject = {**body, EACH: each} if any(each) else body
        if parameters:
            extra = {**extra, "parameters": parameters}
        inputs = tuple(item[0] for item in found)
        return EmbeddingRequest(model, inputs, dimensions, purpose, Opaque(NAME, extra) if extra else None)

    def render(self, response: EmbeddingResponse, request: EmbeddingRequest) -> HttpReply:
        """The reply with the vectors; all tokens are counted with the first, since we know no others."""
        counts = [response.usage.input_tokens, *[0] * len(response.vectors)]
        predictions = [
            {"embeddings": {"values": row, "statistics": {"truncated": False, "token_count": count}}}
            for row, count in zip(response.vectors.tolist(), counts, strict=False)
        ]
        letters = sum(map(len, request.inputs))
        return reply_of({"predictions": predictions, "metadata": {"billableCharacterCount": letters}})

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return google_error(status, message)


def _read_one(instance: object, at: int) -> tuple[str, JsonObject, str | None]:
    """One text, what else is said of it alone, and its task."""
    keys = copied(instance)
    text = text_of(keys.pop("content", None), f"instances[{at}].content")
    task: object = keys.get("task_type")
    if isinstance(task, str):
        del keys["task_type"]
        return text, keys, task
    return text, keys, None


def _response(reply: HttpReply) -> EmbeddingResponse:
    body = _decode(reply.body)
    if body.predictions is None:
        return _gemini.decode(reply)
    items = [item.embeddings for item in body.predictions]
    tokens = sum(whole(item.statistics.token_count) for item in items if item.statistics is not None)
    return EmbeddingResponse(packed([item.values for item in items]), Usage(input=tokens))
