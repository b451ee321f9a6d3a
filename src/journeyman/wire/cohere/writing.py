"""Our messages and tools to JSON of the wire."""

from __future__ import annotations

import base64
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
    Video,
)
from .names import KEYS, NAME, PLAIN, RAW, own
from .shapes import UNREADABLE, json_of

_object = msgspec.json.Decoder(dict[str, Any]).decode


def message_fragment(message: Message) -> bytes:
    """The message as elements of `messages`, without the brackets around them; empty where the wire takes nothing of it."""
    wires = _answer(message) if message.role == "assistant" else _turns(message)
    return json_of(wires)[1:-1]


def valid_arguments(arguments: str) -> str:
    """The arguments if they are a JSON object, else an object that holds them: the server would refuse the whole request."""
    try:
        _object(arguments)
    except UNREADABLE:
        return json_of({RAW: arguments}).decode() if arguments.strip() else "{}"
    return arguments


def block_of(part: Text | Thinking | Opaque) -> JsonObject | None:
    """A part of a model's turn as a block, or None where only another dialect has a use for it."""
    match part:
        case Text():
            return {"type": "text", "text": part.text, **own(part.origin)}
        case Thinking():
            return {"type": "thinking", "thinking": part.text, **own(part.origin)}
        case Opaque():
            return part.data if part.dialect == NAME else None
        case _:
            assert_never(part)


def call_json(call: ToolCall, arguments: str) -> JsonObject:
    """A tool call as the wire writes it."""
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function, **own(call.origin)}


def _answer(message: Message) -> list[JsonObject]:
    blocks = [block for part in message.parts if (block := _answer_block(part)) is not None]
    data = own(message.origin)
    wire: JsonObject = {"role": "assistant"}
    if PLAIN in data and _is_plain(blocks):
        wire["content"] = blocks[0]["text"]
    elif blocks := _wordy(blocks):
        wire["content"] = blocks
    if calls := message.tool_calls:
        wire["tool_calls"] = [call_json(call, valid_arguments(call.arguments)) for call in calls]
    wire |= data.get(KEYS, {})
    return [wire] if len(wire) > 1 or not message.parts else []


def _answer_block(part: Part) -> JsonObject | None:
    match part:
        case Thinking() if part.origin is None or part.origin.dialect != NAME:
            # Another model's thoughts, which none takes for its own.
            return None
        case Text() | Thinking() | Opaque():
            return block_of(part)
        case ToolCall():
            return None
        case _:
            raise _refused(part, "in a model's turn")


def _wordy(blocks: list[JsonObject]) -> list[JsonObject]:
    # Models write empty texts, and the wire refuses to take them back; nor is an instruction one that says nothing.
    return [block for block in blocks if block != {"type": "text", "text": ""}]


def _turns(message: Message) -> list[JsonObject]:
    """What is not a model's: instructions, a user's words, results of tools."""
    wires = [_result(result) for result in message.tool_results]
    blocks = [block for part in message.parts for block in _blocks(part, message.role)]
    data = own(message.origin)
    if PLAIN in data and _is_plain(blocks):
        wires.append({"role": message.role, "content": blocks[0]["text"], **data.get(KEYS, {})})
        return wires
    if message.role == "system":
        blocks = _wordy(blocks)
    if blocks or not message.parts:
        role = "user" if message.role == "tool" else message.role
        wires.append({"role": role, "content": blocks, **data.get(KEYS, {})})
    return wires


def _is_plain(blocks: list[JsonObject]) -> bool:
    return len(blocks) == 1 and blocks[0].keys() == {"type", "text"}


def _blocks(part: Part, role: str) -> list[JsonObject]:
    match part:
        case Text() | Opaque():
            block = block_of(part)
            return [] if block is None else [block]
        case Image():
            return [_image(part)]
        case ToolResult():
            return _shown(part)
        case Thinking():
            return []
        case Audio() | Video() | Document():
            raise _refused(part, f"in a {role} message")
        case ToolCall():
            raise CallerError(f"a {role} message cannot call a tool ({part.name}); only a model's turn can")
        case _:
            assert_never(part)


def _result(result: ToolResult) -> JsonObject:
    content: str | list[JsonObject]
    if isinstance(result.content, str):
        content = result.content
    else:
        content = [block for part in result.content if (block := _told(part)) is not None]
        if any(isinstance(part, Image) for part in result.content):
            content.append({"type": "text", "text": "(The pictures are in the next message of the user.)"})
    return {"role": "tool", "tool_call_id": result.call_id, "content": content, **own(result.origin)}


def _told(part: Text | Image | Audio | Video | Document | Opaque) -> JsonObject | None:
    match part:
        case Text():
            return block_of(part) if part.text else None
        case Opaque():
            return block_of(part)
        case Image():
            return None
        case Document():
            return _document(part)
        case Audio() | Video():
            raise _refused(part, "in a tool's result")
        case _:
            assert_never(part)


def _shown(result: ToolResult) -> list[JsonObject]:
    """Pictures of a result, for a user's message behind it: the wire takes words and documents from tools, no pictures."""
    if isinstance(result.content, str):
        return []
    pictures = [_image(part) for part in result.content if isinstance(part, Image)]
    return [{"type": "text", "text": f"From the tool call {result.call_id}:"}, *pictures] if pictures else []


def _document(part: Document) -> JsonObject:
    # Documents of this wire are objects of short texts, which the model may cite; it reads no files.
    if part.data is None or not part.media_type.startswith("text/"):
        raise _refused(part, "in a tool's result (only text as bytes)")
    try:
        data = {"content": part.data.decode()}
    except UnicodeDecodeError as error:
        raise CallerError(f"a document of {part.media_type} is not text in UTF-8: {error}") from error
    if part.name is not None:
        data["title"] = part.name
    return {"type": "document", "document": {"data": data}}


def _image(part: Image) -> JsonObject:
    if part.data is not None:
        url = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    else:
        url = part.url or ""
        if not url.startswith(("https:", "http:")):
            raise CallerError(f"Cohere fetches no picture from {url[:80]!r}; give its bytes (data=) or a web address")
    return {"type": "image_url", "image_url": {"url": url, **own(part.origin)}}


def _refused(part: Part, where: str) -> CallerError:
    kind = type(part).__name__.lower()
    return CallerError(
        f"Cohere's Chat API carries no {kind} {where}; give its text, or documents as extra={{'documents': [...]}}"
    )
