"""What the embedding wires have in common: JSON in and out, vectors as numbers or as base64, marks in extras."""

from __future__ import annotations

import base64
import math
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import msgspec

from ...data import CallerError, EmbeddingRequest, EmbeddingResponse, JsonObject, Vectors
from ...data.embeddings import FLOAT_BYTES, row_of
from ..failures import error_of, message_of
from ..http import HttpReply, HttpRequest
from ..shapes import UNREADABLE, json_of, list_of, object_of
from ..whole import ERROR_STATUS, unreadable

HEADERS: Mapping[str, str] = {"content-type": "application/json"}

ABSENT = msgspec.Raw()
"""A part of a reply that is not there."""

FORM = "_form"
"""A request's extras have it where its client chose one of several forms that mean the same; it is never sent."""

_encode = msgspec.json.encode
_floats = msgspec.json.Decoder(list[float]).decode
_base64 = msgspec.json.Decoder(bytes).decode


def read(reply: HttpReply, decode: Callable[[HttpReply], EmbeddingResponse]) -> EmbeddingResponse:
    """A reply decoded; raises the `ProviderError` that it is, also where it cannot be read."""
    if reply.status >= ERROR_STATUS:
        raise error_of(reply)
    try:
        response = decode(reply)
        # Gateways tell of errors with status 200, too.
        words = "" if len(response.vectors) else message_of(msgspec.json.decode(reply.body)) or "it has no vectors"
    except (CallerError, *UNREADABLE) as error:
        raise unreadable(reply, str(error)) from error
    if words:
        raise unreadable(reply, words)
    return response


def is_given(raw: msgspec.Raw) -> bool:
    """Whether a key of a reply is there, and not null: msgspec has no optional raw values."""
    return bytes(raw) not in (b"", b"null")


def packed(rows: Iterable[msgspec.Raw]) -> Vectors:
    """The vectors of a reply, each a JSON array of numbers or base64 of 32-bit floats."""
    # One by one, since Python's own floats take eight times the room of what is kept of them.
    return Vectors.joined([_row(row) for row in rows])


def _row(raw: msgspec.Raw) -> Vectors:
    text = bytes(raw)
    if not text.startswith(b'"'):
        return row_of(_floats(text))
    data = _swapped(_base64(text))
    if not data:
        raise CallerError("a vector is empty")
    return Vectors(data, len(data) // FLOAT_BYTES)


def in_base64(row: memoryview[float]) -> str:
    """A vector as OpenAI and Cohere write it where base64 was asked for: little-endian 32-bit floats."""
    return base64.b64encode(_swapped(row.tobytes())).decode()


def _swapped(data: bytes) -> bytes:
    return data if sys.byteorder == "little" else _reversed(data)


def _reversed(data: bytes) -> bytes:
    numbers = array("f", data)
    numbers.byteswap()
    return numbers.tobytes()


def request_of(path: str, body: JsonObject) -> HttpRequest:
    """A request; raises `CallerError` for what JSON cannot carry, such as half of a surrogate pair."""
    return HttpRequest("POST", path, HEADERS, json_of(body))


def reply_of(body: JsonObject, status: int = 200) -> HttpReply:
    """A reply with a JSON body."""
    return HttpReply(status, HEADERS, _encode(body))


def body_of(request: HttpRequest) -> JsonObject:
    """The JSON object that a client sent; raises `CallerError` where there is none."""
    try:
        body: object = msgspec.json.decode(request.body)
    except UNREADABLE as error:
        raise CallerError(f"the request cannot be read: {error}") from error
    if not isinstance(body, dict):
        raise CallerError("the request is no JSON object")
    return cast("JsonObject", body)


def model_of(body: JsonObject) -> str:
    """The model that a client asks for; taken out of the body."""
    model = body.pop("model", None)
    if not isinstance(model, str):
        raise CallerError("`model` is missing, or is no string")
    return model


def texts_of(value: object, key: str) -> tuple[str, ...]:
    """The texts that a client sent, as one string or as several."""
    if isinstance(value, str):
        return (value,)
    items = list_of(value)
    if not items:
        raise CallerError(f"`{key}` is no text and no list of texts")
    return tuple(text_of(item, f"{key}[{index}]") for index, item in enumerate(items))


def copied(value: object) -> JsonObject:
    """A copy of the JSON object that it is, or an empty one."""
    return dict(object_of(value))


def text_of(value: object, where: str) -> str:
    """A text that a client sent. Raises `CallerError` for anything else."""
    if isinstance(value, str):
        return value
    kind = "tokens" if isinstance(value, int | list) else "no text"
    raise CallerError(f"`{where}` is {kind}; only texts are embedded here")


def number_of(body: JsonObject, key: str) -> int | None:
    """A whole number that a client may have sent, taken out of the body; what is none stays there."""
    return body.pop(key) if type(body.get(key)) is int else None


def whole(tokens: float | None) -> int:
    """A count of tokens, which some wires write with a decimal point; none is nothing."""
    return max(int(tokens), 0) if tokens is not None and math.isfinite(tokens) else 0


def extras_of(request: EmbeddingRequest, name: str) -> tuple[JsonObject, str]:
    """What a request holds for one dialect alone, and the form in which its client asked."""
    extra = request.extra
    if extra is None or extra.dialect != name:
        return {}, ""
    data = copied(extra.data)
    form: object = data.pop(FORM, "")
    return data, form if isinstance(form, str) else ""
