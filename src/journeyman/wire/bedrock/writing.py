"""Our parts, messages and tools to JSON text of the wire; each is encoded once and kept on what it encodes."""

from __future__ import annotations

import hashlib
import re
from typing import Any, assert_never, cast

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
from .families import Thoughts
from .media import media_block
from .names import EMPTY, INLINE, NAME, RAW
from .reading import is_json, is_object

_SYSTEM = "bedrock.system"
END = b"]}"
NO_BLOCKS = b"[]}"
"""How a fragment ends: one with an empty list of blocks as no other does."""

FRAGMENTS: dict[Thoughts, str] = {"all": NAME, **{mode: f"{NAME}.{mode}" for mode in ("signed", "unsigned", "none")}}
_MUTE = frozenset({"assistant", "system"})
"""Whose messages hold no media ("You can only include images and documents if the role is user", type `Message`)."""

_encode = msgspec.json.encode
_legal_id = re.compile(r"[a-zA-Z0-9_.:-]{1,64}").fullmatch
_illegal = re.compile(r"[^a-zA-Z0-9_.:-]")


def message_fragment(message: Message, thoughts: Thoughts = "all") -> bytes:
    """The message as an element of `messages` with a comma before it; empty where the model takes nothing of it."""
    key = FRAGMENTS[thoughts]
    cached: bytes | None = message.__dict__.get(key)
    if cached is None:
        marks = own(message.origin)
        # Few models take instructions among the messages: they stand in `system`.
        blocks = _content(message) if message.role != "system" or INLINE in marks else []
        kept = [block for block in blocks if _is_taken(block, thoughts)]
        if thoughts == "signed" and all("reasoningContent" in block for block in kept):
            # Newer Claudes take a turn of nothing but thoughts for the beginning of an answer, which they refuse.
            kept = []
        cached = _json(kept, message.role)[1:-1]
        if cached or EMPTY in marks:
            role = "user" if message.role == "tool" else message.role
            cached = b"".join((b',{"role":"', role.encode(), b'","content":[', cached, END))
        vars(message)[key] = cached
        if kept == blocks:
            vars(message)[NAME] = cached
    return cached


def _is_taken(block: JsonObject, thoughts: Thoughts) -> bool:
    thought: Any = block.get("reasoningContent")
    if thought is None or thoughts == "all":
        return True
    match thought:
        case {"redactedContent": _} | {"reasoningText": {"signature": _}}:
            # What is encrypted as a whole counts as signed.
            return thoughts == "signed"
        case _:
            return thoughts == "unsigned"


def system_fragment(message: Message) -> bytes:
    """The message as elements of `system`, without the brackets around them."""
    cached: bytes | None = message.__dict__.get(_SYSTEM)
    if cached is None:
        cached = vars(message)[_SYSTEM] = _json(_content(message), message.role)[1:-1]
    return cached


def tool_fragment(tool: ToolSpec) -> bytes:
    """The tool as an element of `tools`."""
    cached: bytes | None = tool.__dict__.get(NAME)
    if cached is None:
        cached = vars(tool)[NAME] = _json({"toolSpec": tool_body(tool)}, "tool")
    return cached


def own(origin: Opaque | None) -> JsonObject:
    """What the origin of a part or message says to this wire."""
    return origin.data if origin is not None and origin.dialect == NAME else {}


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
    return msgspec.Raw(arguments.encode()) if is_object(arguments) else {RAW: arguments}


def block_of(part: Part) -> JsonObject | None:
    """The part as a block, or None where only another dialect has a use for it."""
    match part:
        case Text():
            return _text(part)
        case ToolCall() | ToolResult():
            return _tool_block(part)
        case Thinking(text, Opaque(dialect, kept)) if dialect == NAME:
            return {"reasoningContent": {"reasoningText": {"text": text, **kept}}}
        case Opaque(dialect, data) if dialect == NAME:
            return cast("JsonObject", data)
        case Thinking() | Opaque():
            # Thoughts of other models have no signature of this provider's, without which Claude refuses them.
            return None
        case Image() | Audio() | Video() | Document():
            return media_block(part)
        case _:
            assert_never(part)


def _tool_block(part: ToolCall | ToolResult) -> JsonObject:
    if isinstance(part, ToolResult):
        return {"toolResult": _tool_result(part)}
    call = {"toolUseId": tool_id(part.id), "name": part.name, "input": input_of(part.arguments)}
    return {"toolUse": call | own(part.origin)}


def _content(message: Message) -> list[JsonObject]:
    """The blocks of a message, without what other dialects left in it; tool results come first, as Claude wants."""
    blocks: list[JsonObject] = []
    for part in message.parts:
        match part:
            case Text(text) if not text.strip():
                # "The text field in the ContentBlock object is blank": models write such texts, and no model takes
                # them back.
                continue
            case Image() | Audio() | Video() | Document() if message.role in _MUTE and not _is_own(part):
                kind = type(part).__name__.lower()
                where = "a model's turn" if message.role == "assistant" else "an instruction"
                raise CallerError(f"the Converse API takes no {kind} in {where}; put it into a user's message")
            case _:
                if (block := block_of(part)) is not None:
                    blocks.append(block)
    if message.role == "user" and len(blocks) > 1 and message.tool_results:
        blocks.sort(key=lambda block: "toolResult" not in block)
    return blocks


def _is_own(part: Image | Audio | Video | Document) -> bool:
    return part.origin is not None and part.origin.dialect == NAME


def _text(part: Text) -> JsonObject:
    kept = own(part.origin)
    cited: Any = kept.get("citationsContent")
    if not isinstance(cited, dict):
        return {"text": part.text}
    return {"citationsContent": {"content": [{"text": part.text}], **cited}}


def _tool_result(part: ToolResult) -> JsonObject:
    content: list[JsonObject] = []
    items = (Text(part.content),) if isinstance(part.content, str) else part.content
    for item in items:
        if isinstance(item, Text) and own(item.origin).get("json") and is_json(item.text):
            content.append({"json": msgspec.Raw(item.text.encode())})
        elif isinstance(item, Text):
            # Tools of all sorts give empty texts, and the wire refuses them; an empty list of blocks is legal.
            content += [{"text": item.text}] if item.text.strip() else []
        elif (block := block_of(item)) is not None:
            content.append(block)
    body: JsonObject = {"toolUseId": tool_id(part.call_id), "content": content}
    if part.is_error:
        # Success goes without saying: not every model takes a status.
        body["status"] = "error"
    return body | own(part.origin)


def tool_body(tool: ToolSpec) -> JsonObject:
    """The tool as a `toolSpec`."""
    body: JsonObject = {"name": tool.name}
    if tool.description:
        body["description"] = tool.description
    body["inputSchema"] = {
        "json": tool.parameters if "type" in tool.parameters else {"type": "object", **tool.parameters}
    }
    if tool.strict is not None:
        body["strict"] = tool.strict
    return body | own(tool.origin)


def _json(value: Any, role: str) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError as error:
        raise CallerError(f"a {role} message or tool holds half a surrogate pair, which is no text: {error}") from error
