"""Content blocks of the wire to our parts, both those of an answer and those of a request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from ...data import Document, Image, JsonObject, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from .names import FILE_ID, NAME

Block = dict[str, msgspec.Raw]
"""A content block whose values are still JSON text, so that a tool's input stays as the model wrote it."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading hostile JSON can raise: wrong syntax or types, wrong UTF-8 or base64, and nesting without end."""

_TEXT = frozenset({"type", "text"})
_THINKING = frozenset({"type", "thinking"})
_TOOL_USE = frozenset({"type", "id", "name", "input"})
_MEDIA = frozenset({"type", "source"})

_string = msgspec.json.Decoder(str).decode
_anything = msgspec.json.Decoder().decode
_result_content = msgspec.json.Decoder(str | list[Block]).decode

_SILENT: tuple[Any, ...] = (None, "", [], {"type": "direct"})
"""Values of an answer's extra keys that say nothing: nulls, an empty signature, and the default `caller` of a tool."""


def answer_part(block: Block) -> Part:
    """A block of an answer as a part; keys that the noun has no place for are kept in its origin."""
    match string_of(block, "type"):
        case "text":
            return Text(string_of(block, "text"), _told(block, _TEXT))
        case "thinking":
            return Thinking(string_of(block, "thinking"), _told(block, _THINKING) or Opaque(NAME, {}))
        case "tool_use":
            return _tool_call(block, _told(block, _TOOL_USE))
        case _:
            return _opaque(block)


def request_part(block: Block) -> Part:
    """A block of a request as a part; encoding it again gives the same block."""
    match string_of(block, "type"):
        case "text":
            return Text(string_of(block, "text"), _origin(block, _TEXT))
        case "thinking":
            return Thinking(string_of(block, "thinking"), _origin(block, _THINKING) or Opaque(NAME, {}))
        case "tool_use":
            return _tool_call(block, _origin(block, _TOOL_USE))
        case "tool_result":
            return _tool_result(block)
        case "image" | "document" as kind:
            return _media(kind, block)
        case _:
            return _opaque(block)


def string_of(block: Block, key: str) -> str:
    """A value that has to be there and has to be a string."""
    raw = block.get(key)
    if raw is None:
        raise msgspec.ValidationError(f"a content block lacks `{key}`")
    return _string(raw)


def extra_of(block: Mapping[str, msgspec.Raw], known: frozenset[str]) -> JsonObject:
    """The keys that nothing of ours has a place for."""
    return {key: _anything(value) for key, value in block.items() if key not in known}


def _origin(block: Block, known: frozenset[str]) -> Opaque | None:
    extra = extra_of(block, known)
    return Opaque(NAME, extra) if extra else None


def _told(block: Block, known: frozenset[str]) -> Opaque | None:
    if block.keys() == known:
        return None
    extra = {key: value for key, value in extra_of(block, known).items() if value not in _SILENT}
    return Opaque(NAME, extra) if extra else None


def _opaque(block: Block) -> Opaque:
    return Opaque(NAME, extra_of(block, frozenset()))


def _tool_call(block: Block, origin: Opaque | None) -> ToolCall:
    raw = block.get("input")
    arguments = "{}" if raw is None else bytes(raw).decode()
    return ToolCall(string_of(block, "id"), string_of(block, "name"), arguments, origin)


def _tool_result(block: Block) -> ToolResult:
    # What the wire lets one leave out is left out when it says nothing; where it was stated all the same, the origin
    # has it, and it is stated again.
    known = {"type", "tool_use_id"}
    is_error = bytes(block.get("is_error", b"")) == b"true"
    if is_error:
        known.add("is_error")
    content: str | tuple[Any, ...] = ""
    if (raw := block.get("content")) is not None and bytes(raw) != b"null":
        read = _result_content(raw)
        content = read if isinstance(read, str) else tuple(map(_inner_part, read))
        if content:
            known.add("content")
    return ToolResult(string_of(block, "tool_use_id"), content, is_error, origin=_origin(block, frozenset(known)))


def _inner_part(block: Block) -> Text | Image | Document | Opaque:
    match request_part(block):
        case Text() | Image() | Document() | Opaque() as part:
            return part
        case _:
            return _opaque(block)


def _media(kind: str, block: Block) -> Image | Document | Opaque:
    raw = block.get("source")
    source: Any = None if raw is None else _anything(raw)
    origin = _origin(block, _MEDIA)
    match source:
        case {"type": "base64", "media_type": str(media_type), "data": str(text), **rest} if not rest:
            data = _canonical(text)
            if data is not None:
                return _medium(kind, media_type, data, origin)
        case {"type": "text", "media_type": "text/plain", "data": str(text), **rest} if kind == "document" and not rest:
            return _medium(kind, "text/plain", text.encode(), origin)
        case {"type": "url", "url": str(url), **rest} if not rest:
            return _medium(kind, _FETCHED[kind], url, origin)
        case {"type": "file", "file_id": str(file), **rest} if not rest:
            # The tag says whose file it is: another provider cannot open it.
            return _medium(kind, _FETCHED[kind], FILE_ID + file, origin or Opaque(NAME, {}))
        case _:
            pass
    return _opaque(block)


_FETCHED = {"image": "image/*", "document": "application/pdf"}
"""What is at an address: the wire fetches pictures of any kind, and of documents PDF alone."""


def _medium(kind: str, media_type: str, at: bytes | str, origin: Opaque | None) -> Image | Document:
    data, url = (at, None) if isinstance(at, bytes) else (None, at)
    if kind == "image":
        return Image(media_type, data, url, origin=origin)
    name = None
    if origin is not None and isinstance(title := origin.data.get("title"), str):
        name = title
        rest = {key: value for key, value in origin.data.items() if key != "title"}
        origin = Opaque(NAME, rest) if rest or (url or "").startswith(FILE_ID) else None
    return Document(media_type, data, url, name, origin)


def _canonical(text: str) -> bytes | None:
    """The bytes, if encoding them gives the same text again; the last four letters are where it could differ."""
    data = base64.b64decode(text, validate=True)
    tail = len(data) % 3 or 3
    same = len(text) == 4 * ((len(data) + 2) // 3) and base64.b64encode(data[-tail:]).decode() == text[-4:]
    return data if same else None
