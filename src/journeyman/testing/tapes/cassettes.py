"""Cassettes of vcrpy and its kin to tapes: HTTP exchanges with models become exchanges with models.

The shapes that are read: vcrpy's own (`interactions` of `request` {method, uri, body, headers} and `response` {status,
headers, body}), with bodies as text, as bytes or in base64; that of pydantic-ai's serializer, which keeps JSON as
`parsed_body`; and bodies as `{type, content}`.
"""

from __future__ import annotations

import base64
import binascii
import io
import logging
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from ...data import CallerError, Delta, JsonObject, ModelRequest, ModelResponse, ProviderError, Secret
from ...models.tapes import Exchange, Scrubber, Tape, TapeWriter, cuts_of, question_of, raised_of
from ...providers import VENDORS
from ...wire import ChatQuirks, Dialect, HttpReply, HttpRequest, dialect

log = logging.getLogger(__name__)

_MOST_BYTES = 256 * 1024 * 1024
"""Of one body, unpacked."""

_MOST_VALUES = 5_000_000
"""Values in a cassette; aliases in YAML can stand for more than memory holds."""

_OK = range(200, 300)

_WIRES = (
    ("openai_chat", re.compile(r"/chat/completions$")),
    ("openai_responses", re.compile(r"/responses$")),
    ("anthropic", re.compile(r"/messages$")),
    ("gemini", re.compile(r"/models/[^/]+:(generateContent|streamGenerateContent)$")),
    ("bedrock", re.compile(r"^/model/.+/converse(-stream)?$")),
    ("cohere", re.compile(r"/v2/chat$")),
    ("ollama", re.compile(r"/api/chat$")),
)


def tape_from_cassette(
    path: str | os.PathLike[str],
    *,
    to: str | os.PathLike[str] | None = None,
    secrets: Iterable[str | Secret] = (),
) -> Tape:
    """The exchanges with models on a cassette (YAML or JSON) as a tape, in memory or in the file `to`.

    Such a tape holds no runs: `replay` finds its answers by what is said in a request, in any order, and tools are called.
    What is no exchange with a model (a download, an embedding) is left out, with a word in the log. Raises `CallerError`
    for a file that is no cassette, and for an exchange that its wire cannot read. YAML needs PyYAML.
    """
    source = Path(path)
    interactions = _interactions(source)
    scrub = Scrubber(os.environ, tuple(secrets))
    if to is not None:
        with TapeWriter.open(Path(to), scrub) as writer:
            _write(writer, interactions, source)
        return Tape.load(Path(to))
    memory = io.BytesIO()
    _write(TapeWriter(memory, str(source), scrub), interactions, source)
    return Tape.of(memory.getvalue(), str(source))


def _write(writer: TapeWriter, interactions: list[JsonObject], source: Path) -> None:
    for number, interaction in enumerate(interactions, 1):
        try:
            _write_one(writer, interaction)
        except _LeftOutError as error:
            log.warning("interaction %d of %s is left out: %s", number, source, error)
        except CallerError as error:
            raise CallerError(f"interaction {number} of {source} cannot be read: {error}") from error


def _write_one(writer: TapeWriter, interaction: JsonObject) -> None:
    told, answered = _object(interaction, "request"), _object(interaction, "response")
    method, uri = str(told.get("method", "")).upper(), str(told.get("uri") or told.get("url") or "")
    spoken = _dialect_of(method, uri)
    parts = urlsplit(uri)
    query = f"?{parts.query}" if parts.query else ""
    request = spoken.parse(HttpRequest(method, parts.path + query, _headers(told), _body(told)))
    asked = question_of(replace(request, stream=False), "", writer.scrub)
    reply = HttpReply(_status(answered), _headers(answered), _body(answered))
    writer.write_exchange(_exchange(spoken, request, reply), asked, None)


class _LeftOutError(Exception):
    """Not an exchange with a model."""


def _dialect_of(method: str, uri: str) -> Dialect:
    parts = urlsplit(uri)
    for name, path in _WIRES:
        if method == "POST" and path.search(parts.path):
            return dialect(name, _quirks(parts.netloc) if name == "openai_chat" else None)
    raise _LeftOutError(f"{method} {parts.netloc}{parts.path} is no exchange with a model")


def _quirks(host: str) -> ChatQuirks | None:
    for vendor in VENDORS.values():
        if vendor.base_url is not None and urlsplit(vendor.base_url).netloc == host:
            return vendor.quirks
    return None


def _exchange(spoken: Dialect, request: ModelRequest, reply: HttpReply) -> Exchange:
    deltas: list[Delta] = []
    try:
        response = _decoded(spoken, request, reply, deltas)
    except ProviderError as error:
        return Exchange(hash="", frame=0, raised=raised_of(error))
    cuts = cuts_of(deltas, response.message) if deltas else None
    return Exchange(hash="", frame=0, response=response, cuts=cuts)


def _decoded(spoken: Dialect, request: ModelRequest, reply: HttpReply, deltas: list[Delta]) -> ModelResponse:
    kind = reply.headers.get("content-type", "")
    whole = "json" in kind and "ndjson" not in kind and not reply.body.lstrip().startswith(b"[")
    if reply.status not in _OK or not request.stream or whole:
        return spoken.decode(reply)
    decoder = spoken.decoder(replace(reply, body=b""))
    deltas.extend(decoder.feed(reply.body))
    return decoder.finish()


# --- what a cassette is made of -------------------------------------------------------------------------------------------


def _interactions(source: Path) -> list[JsonObject]:
    try:
        text = source.read_bytes()
    except OSError as error:
        raise CallerError(f"the cassette {source} cannot be read: {error.strerror}") from error
    cassette = _loaded(text)
    found: object = None
    if isinstance(cassette, dict):
        known = cast("JsonObject", cassette)
        found = known.get("interactions", known.get("http_interactions"))
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in cast("list[object]", found)):
        raise CallerError(f"{source} is no cassette: it has no list of interactions")
    _check_size(cast("object", found), source)
    return cast("list[JsonObject]", found)


def _loaded(text: bytes) -> object:
    if text.lstrip().startswith(b"{"):
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # YAML may begin like this, too.
            pass
    from ...adapters.cassettes_yaml import load_yaml  # noqa: PLC0415  (an adapter is imported when it is used)

    loaded: object = load_yaml(text)
    return loaded


def _check_size(value: object, source: Path) -> None:
    left = [value]
    for _ in range(_MOST_VALUES):
        if not left:
            return
        item = left.pop()
        if isinstance(item, dict):
            left.extend(cast("dict[object, object]", item).values())
        elif isinstance(item, list):
            left.extend(cast("list[object]", item))
    raise CallerError(
        f"{source} holds more than {_MOST_VALUES:,} values, its aliases counted; it is too large to import"
    )


def _object(interaction: JsonObject, key: str) -> JsonObject:
    found: object = interaction.get(key)
    if not isinstance(found, dict):
        raise CallerError(f"it has no {key}")
    return cast("JsonObject", found)


def _status(answered: JsonObject) -> int:
    status: object = answered.get("status", answered.get("status_code"))
    if isinstance(status, dict):
        status = cast("dict[str, object]", status).get("code")
    if not isinstance(status, int):
        raise CallerError("its response has no status")
    return status


def _headers(told: JsonObject) -> Mapping[str, str]:
    headers: object = told.get("headers")
    if not isinstance(headers, dict):
        return {}
    named: dict[str, str] = {}
    for name, value in cast("dict[object, object]", headers).items():
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        named[str(name).lower()] = ", ".join(str(item) for item in values)
    return named


def _body(told: JsonObject) -> bytes:
    if told.get("parsed_body") is not None:
        return _json(told["parsed_body"])
    body: object = told.get("body")
    if isinstance(body, dict):
        return _unpacked(_of_object(cast("JsonObject", body)))
    return _unpacked(_bytes(body))


def _of_object(body: JsonObject) -> bytes:
    for key in ("base64", "base64_string"):
        if isinstance(body.get(key), str):
            return _of_base64(body[key])
    content: object = body.get("string", body.get("content"))
    encoding = str(body.get("encoding") or body.get("type") or "")
    if encoding == "base64" and isinstance(content, str):
        return _of_base64(content)
    return _json(cast("object", content)) if isinstance(content, dict | list) else _bytes(content)


def _bytes(value: object) -> bytes:
    match value:
        case None:
            return b""
        case bytes():
            return value
        case str():
            return value.encode("utf-8", "surrogateescape")
        case _:
            raise CallerError(f"its body is a {type(value).__name__}, not text")


def _json(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise CallerError(f"its body cannot be written as JSON: {error}") from error


def _of_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError) as error:
        raise CallerError(f"its body is no base64: {error}") from error


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = unpacking.decompress(body, _MOST_BYTES)
    except zlib.error as error:
        raise CallerError(f"its body is no gzip: {error}") from error
    if unpacking.unconsumed_tail:
        raise CallerError(f"its body has more than {_MOST_BYTES:,} bytes when it is unpacked")
    return text
