"""The bodies of Amazon's own embedding models, Titan and Nova, one text each, both ways."""

from __future__ import annotations

from ...data import CallerError, EmbeddingRequest, JsonObject, Opaque, Purpose
from .forms import copied, number_of, text_of

_TITAN_OF_ONE_LENGTH = ("titan-embed-text-v1", "titan-embed-g1")
_LENGTH = "outputEmbeddingLength"
_DIMENSION = "embeddingDimension"
_PURPOSE = "embeddingPurpose"
_WORDS: dict[Purpose, str] = {"query": "GENERIC_RETRIEVAL", "document": "GENERIC_INDEX"}
_PURPOSES: dict[object, Purpose] = {"GENERIC_RETRIEVAL": "query", "GENERIC_INDEX": "document"}


def titan_body(request: EmbeddingRequest) -> JsonObject:
    """What Titan takes. Raises `CallerError` where a model has vectors of one length only."""
    body: JsonObject = {"inputText": request.inputs[0]}
    if request.dimensions is None:
        return body
    if any(name in request.model for name in _TITAN_OF_ONE_LENGTH):
        raise CallerError(f"{request.model} gives vectors of one length only; leave out dimensions")
    if "titan-embed-image" in request.model:
        return {**body, "embeddingConfig": {_LENGTH: request.dimensions}}
    return {**body, "dimensions": request.dimensions}


def parsed_titan(model: str, body: JsonObject, name: str) -> EmbeddingRequest:
    """A request for Titan. Raises `CallerError` for a picture."""
    if body.get("inputImage") is not None:
        raise CallerError("`inputImage` is not embedded here; send `inputText`")
    text = text_of(body.pop("inputText", None), "inputText")
    dimensions = number_of(body, "dimensions")
    config = copied(body.get("embeddingConfig"))
    if config.keys() == {_LENGTH}:
        dimensions = number_of(config, _LENGTH)
        del body["embeddingConfig"]
    return EmbeddingRequest(model, (text,), dimensions, extra=Opaque(name, body) if body else None)


def titan_reply(model: str, row: list[float], tokens: int) -> JsonObject:
    """What Titan answers."""
    body: JsonObject = {"embedding": row, "inputTextTokenCount": tokens}
    return {**body, "embeddingsByType": {"float": row}} if "titan-embed-text-v2" in model else body


def nova_body(request: EmbeddingRequest, extra: JsonObject) -> JsonObject:
    """What Nova takes; what `extra` says of its `singleEmbeddingParams` goes into them."""
    theirs = copied(extra.pop("singleEmbeddingParams", None))
    text = copied(theirs.pop("text", None)) or {"truncationMode": "END"}
    parameters: JsonObject = {_PURPOSE: _WORDS[request.purpose or "document"], **theirs}
    if request.dimensions is not None:
        parameters[_DIMENSION] = request.dimensions
    parameters["text"] = {**text, "value": request.inputs[0]}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters}


def parsed_nova(model: str, body: JsonObject, name: str) -> EmbeddingRequest:
    """A request for Nova. Raises `CallerError` for anything but one text."""
    parameters = copied(body.get("singleEmbeddingParams"))
    told = copied(parameters.pop("text", None))
    text = text_of(told.pop("value", None), "singleEmbeddingParams.text.value")
    dimensions = number_of(parameters, _DIMENSION)
    said = parameters.get(_PURPOSE)
    purpose = _PURPOSES.get(said) if isinstance(said, str) else None
    if purpose is not None:
        del parameters[_PURPOSE]
    extra = {**body, "singleEmbeddingParams": {**parameters, "text": told}}
    return EmbeddingRequest(model, (text,), dimensions, purpose, Opaque(name, extra))


def nova_reply(row: list[float]) -> JsonObject:
    """What Nova answers."""
    return {"embeddings": [{"embeddingType": "TEXT", "embedding": row}]}
