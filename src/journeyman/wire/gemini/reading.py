"""Parts of the wire to our parts, both those of an answer and those of a request; encoding one again gives the same."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from ...data import Audio, Document, Image, JsonObject, Opaque, Part, Text, Thinking, ToolCall, ToolResult, Video
from .names import NAME
from .shapes import Block, begins, block_of, decoded, listed, origin_of, take

Medium = Image | Audio | Video | Document
NameCall = Callable[[str, str], str]
"""Gives the id under which we know a call, or a result, from the one on the wire (or none) and the function's name."""

_string = msgspec.json.Decoder(str).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_YOUTUBE = ("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/", "https://m.youtube.com/")


def part_of(block: Block, call_id: NameCall, result_id: NameCall) -> Part:
    """A part; what is no text, call, result or medium is carried whole."""
    rest = dict(block)
    spelled: list[str] = []
    if (raw := take(rest, "functionCall", spelled)) is not None:
        return _tool_call(raw, rest, spelled, call_id)
    if (raw := take(rest, "functionResponse", spelled)) is not None:
        return _tool_result(raw, rest, spelled, result_id)
    if begins(rest.get("text"), b'"'):
        return _words(_string(rest.pop("text")), rest)
    return _medium(block) or _opaque(block)


def _words(text: str, rest: Block) -> Text | Thinking:
    # `thought: false` is a part like any other, and only stated.
    if bytes(rest.get("thought", b"")) == b"true":
        del rest["thought"]
        return Thinking(text, origin_of(decoded(rest), {}, always=True))
    # An empty text says nothing, and only one that came from this wire goes back to it.
    return Text(text, origin_of(decoded(rest), {}, always=not text))


def _opaque(block: Block) -> Opaque:
    return Opaque(NAME, decoded(block))


def _tool_call(raw: msgspec.Raw, rest: Block, spelled: list[str], call_id: NameCall) -> ToolCall:
    call = block_of(raw)
    name = _name(call)
    given = _taken_id(call)
    form: JsonObject = {"spelled": spelled} if spelled else {}
    arguments = "{}"
    if (args := call.get("args")) is None:
        form["bare"] = True
    elif bytes(args) != b"null":
        # Whole answers are indented and pieces of streams are not: what is between the values is not the model's.
        arguments = msgspec.json.format(bytes(args), indent=-1).decode()
        if begins(args, b"{"):
            del call["args"]
    # Always an origin: a call of this provider's that has no signature came without one, and goes back so.
    return ToolCall(call_id(given, name), name, arguments, _origin(rest, "functionCall", call, form, always=True))


def _tool_result(raw: msgspec.Raw, rest: Block, spelled: list[str], result_id: NameCall) -> ToolResult:
    result = block_of(raw)
    form: JsonObject = {"spelled": spelled} if spelled else {}
    if "name" not in result:
        form["no_name"] = True
    name = _name(result)
    given = _taken_id(result)
    media: tuple[Medium | Opaque, ...] = ()
    if (raw_parts := result.get("parts")) is not None and bytes(raw_parts) != b"null":
        blocks, lone = listed(raw_parts)
        del result["parts"]
        form.update({"lone": True} if lone else {}, **({} if blocks else {"no_parts": True}))
        media = tuple(_medium(item) or _opaque(item) for item in blocks)
    text, is_error = _outcome(result, form, empty=not media)
    content: Any = text if not media else ((Text(text), *media) if text else media)
    origin = _origin(rest, "functionResponse", result, form, always=False)
    return ToolResult(result_id(given, name), content, is_error, name or None, origin)


def _name(block: Block) -> str:
    raw = block.pop("name", None)
    return "" if raw is None else _string(raw)


def _taken_id(block: Block) -> str:
    raw = block.get("id")
    if raw is None or not begins(raw, b'"') or not (given := _string(raw)):
        return ""
    del block["id"]
    return given


def _outcome(result: Block, form: JsonObject, *, empty: bool) -> tuple[str, bool]:
    """The words of a `response`, and whether they tell of an error; `writing.response_of` is the other way.

    The wire takes any object: `output` holds what a function gave, `error` what went wrong, and an object with neither
    is itself what it gave (the reference of FunctionResponse).
    """
    raw = result.get("response")
    if raw is None or not begins(raw, b"{"):
        form["bare"] = True
        return "", False
    response = _object(result.pop("response"))
    if len(response) == 1:
        (key, value), *_ = response.items()
        said = begins(value, b'"')
        if key == "error":
            if not said:
                form["json"] = True
            return _string(value) if said else bytes(value).decode(), True
        if key == "output" and said:
            return _string(value), False
    # With media beside it an empty object is a place that has to be filled.
    return ("", False) if not response and not empty else (bytes(raw).decode(), False)


def _origin(rest: Block, key: str, inner: Block, form: JsonObject, *, always: bool) -> Opaque | None:
    extra = decoded(rest)
    if inner:
        extra[key] = decoded(inner)
    return origin_of(extra, form, always=always)


def _medium(block: Block) -> Medium | None:
    # A picture that was thought of is no answer: it is carried whole, like all that only the provider understands.
    if bytes(block.get("thought", b"")) == b"true":
        return None
    rest = dict(block)
    spelled: list[str] = []
    for key, read in (("inlineData", _inline), ("fileData", _file)):
        if (raw := take(rest, key, spelled)) is None:
            continue
        inner = block_of(raw)
        form: JsonObject = {}
        media_type = _media_type(inner, spelled)
        found = read(inner, spelled, form)
        if found is None or (isinstance(found, bytes) and not media_type):
            return None
        if spelled:
            form["spelled"] = spelled
        name = _string(inner["displayName"]) if begins(inner.get("displayName"), b'"') else None
        origin = _origin(rest, key, inner, form, always=isinstance(found, str))
        if isinstance(found, bytes):
            return kind_of(media_type)(media_type, found, None, name, origin)
        # The wire may leave out of what type a file is; YouTube's are films.
        kind = kind_of(media_type) if media_type or not found.startswith(_YOUTUBE) else Video
        return kind(media_type or "*/*", None, found, name, origin)
    return None


def _media_type(inner: Block, spelled: list[str]) -> str:
    """The media type, taken out; one with a wildcard is none, and stays."""
    raw = inner.get("mimeType", inner.get("mime_type"))
    if raw is None or not begins(raw, b'"') or not (media_type := _string(raw)) or "*" in media_type:
        return ""
    take(inner, "mimeType", spelled)
    return media_type


def kind_of(media_type: str) -> type[Medium]:
    """The noun of a media type."""
    return _KINDS.get(media_type.partition("/")[0].lower(), Document)


_KINDS: dict[str, type[Medium]] = {"image": Image, "audio": Audio, "video": Video}


def _inline(inner: Block, spelled: list[str], form: JsonObject) -> bytes | None:  # noqa: ARG001  (as `_file`)
    if (raw := inner.pop("data", None)) is None:
        return None
    text = _string(raw)
    # Google's own clients write the alphabet for URLs, everybody else the standard one; both are right.
    url = "-" in text or "_" in text
    if url:
        form["base64"] = "url"
    return _canonical(text, b"-_" if url else b"+/")


def _file(inner: Block, spelled: list[str], form: JsonObject) -> str | None:  # noqa: ARG001  (as `_inline`)
    raw = take(inner, "fileUri", spelled)
    return None if raw is None else _string(raw) or None


def _canonical(text: str, letters: bytes) -> bytes | None:
    """The bytes, if encoding them gives the same text again; the last four letters are where it could differ."""
    try:
        data = base64.b64decode(text, letters, validate=True)
    except binascii.Error:
        return None
    tail = len(data) % 3 or 3
    same = len(text) == 4 * ((len(data) + 2) // 3) and base64.b64encode(data[-tail:], letters).decode() == text[-4:]
    return data if same else None
