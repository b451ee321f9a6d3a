"""Content blocks of the wire to our parts, both those of an answer and those of a request."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec

from ...data import JsonObject, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from .media import FORMATS, media_part
from .names import NAME, RAW

Block = dict[str, msgspec.Raw]
"""A content block whose value is still JSON text, so that a tool's input stays as the model wrote it."""

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What reading hostile JSON can raise: wrong syntax or types, wrong UTF-8 or base64, and nesting without end."""


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    text: str


_string = msgspec.json.Decoder(str).decode
_object = msgspec.json.Decoder(JsonObject).decode
_block = msgspec.json.Decoder(Block).decode
_blocks = msgspec.json.Decoder(list[Block]).decode
_anything = msgspec.json.Decoder().decode

SERVER_TOOL = "server_tool_use"
_TOOL_USE = frozenset({"toolUseId", "name", "input"})
_SILENT: tuple[Any, ...] = (None, "", "tool_use")
"""Values of an answer's extra keys that say nothing; `tool_use` is a type that may be received but not sent."""


def answer_part(block: Block) -> Part:
    """A block of an answer as a part; keys that the noun has no place for are kept in its origin."""
    match list(block):
        case ["text"]:
            return Text(_string(block["text"]))
        case ["toolUse"]:
            return _tool_call(block, in_answer=True)
        case ["reasoningContent"]:
            return _thinking(block, in_answer=True)
        case ["citationsContent"]:
            return _cited(block)
        case ["image"]:
            return _media("image", block, Opaque(NAME, {}))
        case _:
            return opaque(block)


def request_part(block: Block, role: str) -> Part:
    """A block of a request as a part; encoding it again gives the same block."""
    match list(block):
        case ["toolResult"] if role != "user":
            # What a tool of the provider's said.
            return opaque(block)
        case [kind] if kind in FORMATS:
            return _media(kind, block, Opaque(NAME, {}) if role == "assistant" else None)
        case [kind] if (read := _REQUEST_READERS.get(kind)) is not None:
            return read(block)
        case _:
            # Cache points, guarded content, search results, and whatever is yet to come.
            return opaque(block)


def opaque(block: Block) -> Opaque:
    """The block as it is."""
    return Opaque(NAME, {key: _anything(value) for key, value in block.items()})


def arguments_of(raw: bytes) -> str:
    """A tool's input as the text of its arguments; what `writing.input_of` had to wrap comes out as it was."""
    if RAW.encode() in raw:
        match _anything(raw):
            case {"_raw": str(text), **rest} if not rest and not is_object(text):
                return text
            case _:
                pass
    return raw.decode()


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        _object(text)
    except UNREADABLE:
        return False
    return True


def is_json(text: str) -> bool:
    """Whether a text is JSON at all."""
    try:
        _anything(text)
    except UNREADABLE:
        return False
    return True


def _tool_call(block: Block, *, in_answer: bool) -> ToolCall | Opaque:
    body = _block(block["toolUse"])
    extra = {key: _anything(value) for key, value in body.items() if key not in _TOOL_USE}
    if extra.get("type") == SERVER_TOOL:
        # The provider has run it already, or will: nobody else may.
        return opaque(block)
    raw = bytes(body.get("input", b"{}"))
    if in_answer:
        extra = {key: value for key, value in extra.items() if value not in _SILENT}
    elif "input" in body and not is_object(text := raw.decode()):
        extra["input"] = _anything(text)
    origin = Opaque(NAME, extra) if extra else None
    return ToolCall(_field(body, "toolUseId"), _field(body, "name"), arguments_of(raw), origin)


def _thinking(block: Block, *, in_answer: bool) -> Thinking | Opaque:
    body = _block(block["reasoningContent"])
    if list(body) != ["reasoningText"]:
        return opaque(block)
    said = _object(body["reasoningText"])
    text = said.pop("text", None)
    if not isinstance(text, str):
        return opaque(block)
    kept = {key: value for key, value in said.items() if value not in _SILENT} if in_answer else said
    return Thinking(text, Opaque(NAME, kept))


def _cited(block: Block) -> Text | Opaque:
    """Words with the sources that they come from; the words in pieces are kept where they are not one."""
    body = _object(block["citationsContent"])
    try:
        pieces = msgspec.convert(body.get("content"), list[_Said])
    except msgspec.ValidationError:
        return opaque(block)
    if not pieces:
        return opaque(block)
    if len(pieces) == 1:
        del body["content"]
    return Text("".join([piece.text for piece in pieces]), Opaque(NAME, {"citationsContent": body}))


def _tool_result(block: Block) -> ToolResult | Opaque:
    body = _block(block["toolResult"])
    extra = {key: _anything(value) for key, value in body.items() if key not in ("toolUseId", "content")}
    is_error = extra.get("status") == "error"
    if is_error:
        del extra["status"]
    content: str | tuple[Any, ...] = ""
    items = _blocks(body["content"]) if "content" in body else []
    if items:
        content = tuple(map(_inner_part, items))
        if len(content) == 1 and isinstance(word := content[0], Text) and word.origin is None:
            content = word.text
    return ToolResult(_field(body, "toolUseId"), content, is_error, origin=Opaque(NAME, extra) if extra else None)


def _inner_part(block: Block) -> Part:
    match list(block):
        case ["json"]:
            # As text, it is of use to models behind other wires, too.
            return Text(bytes(block["json"]).decode(), Opaque(NAME, {"json": True}))
        case ["text"]:
            return _words(block)
        case [kind] if kind in FORMATS:
            return _media(kind, block, None)
        case _:
            return opaque(block)


def _words(block: Block) -> Text | Opaque:
    text = _string(block["text"])
    # A blank text of ours would not be sent; one that a client sent all the same is sent again.
    return Text(text) if text.strip() else opaque(block)


def _media(kind: str, block: Block, origin: Opaque | None) -> Part:
    part = media_part(kind, _anything(block[kind]))
    if part is None:
        return opaque(block)
    # The tag says that this wire itself put it where it would else be refused: in a model's turn.
    return part if origin is None or part.origin is not None else msgspec.structs.replace(part, origin=origin)


def _field(body: Block, key: str) -> str:
    raw = body.get(key)
    if raw is None:
        raise msgspec.ValidationError(f"a tool block lacks `{key}`")
    return _string(raw)


_REQUEST_READERS: dict[str, Callable[[Block], Part]] = {
    "text": _words,
    "toolUse": functools.partial(_tool_call, in_answer=False),
    "toolResult": _tool_result,
    "reasoningContent": functools.partial(_thinking, in_answer=False),
    "citationsContent": _cited,
}
