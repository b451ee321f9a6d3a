"""Our parts, messages and tools to JSON text of the wire; each is encoded once and kept on what it encodes."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, assert_never

import msgspec

from ...data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonObject,
    Message,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Video,
)
from .names import FILE_ID, JOINED, NAME, PLAIN, RAW

JOINT = b"\x00"
"""Before the fragment of a message that goes into the wire message before it; JSON text never holds this byte."""

USER_HEAD = b',{"role":"user","content":['

_SYSTEM = "anthropic.system"
_encode = msgspec.json.encode
_object = msgspec.json.Decoder(dict[str, Any]).decode
_legal_id = re.compile(r"[a-zA-Z0-9_-]+").fullmatch
_illegal = re.compile(r"[^a-zA-Z0-9_-]")


def message_fragment(message: Message) -> bytes:
    """The message as an element of `messages` with a comma before it; empty where the wire takes nothing of it."""
    cached: bytes | None = message.__dict__.get(NAME)
    if cached is None:
        cached = vars(message)[NAME] = _message(message)
    return cached


def system_fragment(message: Message) -> bytes:
    """The message as elements of `system`, without the brackets around them."""
    cached: bytes | None = message.__dict__.get(_SYSTEM)
    if cached is None:
        cached = vars(message)[_SYSTEM] = _json(content_of(message), message.role)[1:-1]
    return cached


def tool_fragment(tool: ToolSpec) -> bytes:
    """The tool as an element of `tools`."""
    cached: bytes | None = tool.__dict__.get(NAME)
    if cached is None:
        cached = vars(tool)[NAME] = _json(_tool(tool), "tool")
    return cached


def marked(message: Message, mark: str) -> bool:
    """Whether the message came from this wire in the given form."""
    return message.origin is not None and message.origin.dialect == NAME and mark in message.origin.data


def content_of(message: Message) -> list[JsonObject]:
    """The blocks of a message, without what other dialects left in it; tool results come first, as the wire wants."""
    if message.role == "assistant":
        return _answer_content(message)
    blocks = [block for part in message.parts if (block := block_of(part)) is not None]
    if message.role == "system":
        # An instruction that has nothing to say today is none; the wire refuses an empty text.
        return [block for block in blocks if block != {"type": "text", "text": ""}]
    if len(blocks) > 1 and message.tool_results:
        blocks.sort(key=lambda block: block.get("type") != "tool_result")
    return blocks


def _answer_content(message: Message) -> list[JsonObject]:
    # Models write empty texts, and the wire refuses to take them back; blank ones it refuses where no other text is.
    blocks: list[JsonObject] = []
    blank: list[JsonObject] = []
    wordy = False
    for part in message.parts:
        if isinstance(part, (Image, Document)):
            raise _refused(part, "in a model's turn")
        block = block_of(part)
        if block is None or (isinstance(part, Text) and not part.text):
            continue
        blocks.append(block)
        if isinstance(part, Text):
            if part.text.isspace():
                blank.append(block)
            else:
                wordy = True
    return blocks if wordy or not blank else [block for block in blocks if block not in blank]


def block_of(part: Part) -> JsonObject | None:
    """The part as a block, or None where only another dialect has a use for it."""
    match part:
        case Text():
            return _with_extra({"type": "text", "text": part.text}, part.origin)
        case ToolCall():
            call = {"type": "tool_use", "id": tool_id(part.id), "name": part.name, "input": input_of(part.arguments)}
            return _with_extra(call, part.origin)
        case ToolResult():
            return _tool_result(part)
        case Thinking():
            # Thoughts of other models have no signature of this provider's, without which it refuses them.
            own = part.origin is not None and part.origin.dialect == NAME
            return _with_extra({"type": "thinking", "thinking": part.text}, part.origin) if own else None
        case Opaque():
            return part.data if part.dialect == NAME else None
        case Image() | Document():
            return _media(part)
        case Audio() | Video():
            raise _refused(part, "at all")
        case _:
            assert_never(part)


def tool_id(call_id: str) -> str:
    """The id as the wire takes it; one that it would refuse is mapped, the same way in a call and in its result."""
    if _legal_id(call_id):
        return call_id
    digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_illegal.sub('_', call_id)[:40]}_{digest}"


def input_of(arguments: str) -> msgspec.Raw | JsonObject:
    """A tool's input: the model's own text if that is a JSON object, else an object with the text in it."""
    if not arguments.strip():
        return {}
    try:
        _object(arguments)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {RAW: arguments}
    return msgspec.Raw(arguments.encode())


def _message(message: Message) -> bytes:
    if marked(message, PLAIN) and len(message.parts) == 1 and isinstance(text := message.parts[0], Text):
        return b"," + _json({"role": message.role, "content": text.text}, message.role)
    blocks = content_of(message)
    if message.parts and not blocks:
        return b""
    role = "user" if message.role == "tool" else message.role
    fragment = b"," + _json({"role": role, "content": blocks}, message.role)
    return JOINT + fragment if marked(message, JOINED) else fragment


def _json(value: Any, role: str) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError as error:
        raise CallerError(f"a {role} message or tool holds half a surrogate pair, which is no text: {error}") from error


def _with_extra(block: JsonObject, origin: Opaque | None) -> JsonObject:
    if origin is not None and origin.dialect == NAME:
        block.update(origin.data)
    return block


def _tool_result(part: ToolResult) -> JsonObject:
    block: JsonObject = {"type": "tool_result", "tool_use_id": tool_id(part.call_id)}
    content: str | list[JsonObject]
    if isinstance(part.content, str):
        content = part.content
    else:
        # Tools of all sorts give empty texts; the wire refuses them.
        inner = (block_of(item) for item in part.content if not (isinstance(item, Text) and not item.text))
        content = [item for item in inner if item is not None]
    if content:
        block["content"] = content
    if part.is_error:
        block["is_error"] = True
    return _with_extra(block, part.origin)


def _media(part: Image | Document) -> JsonObject:
    kind = "image" if isinstance(part, Image) else "document"
    block: JsonObject = {"type": kind, "source": _source(part)}
    if kind == "document" and part.name is not None:
        block["title"] = part.name
    return _with_extra(block, part.origin)


def _source(part: Image | Document) -> JsonObject:
    if part.data is None:
        return _address(part, part.url or "")
    if isinstance(part, Document) and part.media_type != "application/pdf":
        # The wire knows documents of two kinds: PDF, and text that it calls plain whatever it is.
        if not part.media_type.startswith("text/"):
            raise _refused(part, "of this type as a document (only PDF and text)")
        try:
            return {"type": "text", "media_type": "text/plain", "data": part.data.decode()}
        except UnicodeDecodeError as error:
            raise CallerError(f"a document of {part.media_type} is not text in UTF-8: {error}") from error
    return {"type": "base64", "media_type": part.media_type, "data": base64.b64encode(part.data).decode()}


def _address(part: Image | Document, url: str) -> JsonObject:
    if url.startswith(FILE_ID) and (part.origin is None or part.origin.dialect == NAME):
        return {"type": "file", "file_id": url.removeprefix(FILE_ID)}
    if url.startswith(("https:", "http:")):
        return {"type": "url", "url": url}
    raise _refused(part, f"from the address {url[:80]!r}")


def _refused(part: Image | Document | Audio | Video, how: str) -> CallerError:
    kind = type(part).__name__.lower()
    return CallerError(f"the Messages API cannot carry {kind} ({part.media_type}) {how}")


def _tool(tool: ToolSpec) -> JsonObject:
    body: JsonObject = {"name": tool.name}
    if tool.description:
        body["description"] = tool.description
    body["input_schema"] = tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}
    if tool.strict is not None:
        body["strict"] = tool.strict
    return _with_extra(body, tool.origin)
