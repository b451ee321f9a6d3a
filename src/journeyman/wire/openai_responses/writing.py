"""Our messages to items of the wire; each message is encoded once and the JSON kept on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import assert_never

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
from ..shapes import json_of, without
from .media import block_of
from .names import BLOCK, CUTS, FORM, ITEM, LISTED, NAME, RAW
from .spelling import is_object, is_own, own, respelled

_LONGEST_ID = 64

_ROLES = {"tool": "user"}
"""The roles that the wire has no word for: what a tool's message says besides results is said to the model."""


def message_fragment(message: Message) -> bytes:
    """The message as elements of `input`, without the brackets around them; empty where the wire takes nothing of it."""
    cached: bytes | None = message.__dict__.get(NAME)
    if cached is None:
        cached = vars(message)[NAME] = json_of(items_of(message))[1:-1]
    return cached


def items_of(message: Message) -> list[JsonObject]:
    """The message as items, without what other dialects left in it."""
    return answer_items(message) if message.role == "assistant" else _turns(message)


def valid_arguments(arguments: str) -> str:
    """The arguments if they are a JSON object, else an object that holds them: a bad call must not spoil every later request."""
    if is_object(arguments):
        return arguments
    return json_of({RAW: arguments}).decode() if arguments.strip() else "{}"


def call_id(given: str) -> str:
    """An id that the wire takes (1 to 64 characters), always the same one for the same id."""
    if 0 < len(given) <= _LONGEST_ID:
        return given
    return "call_" + hashlib.sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def answer_items(message: Message, *, written: Callable[[str], str] = valid_arguments) -> list[JsonObject]:
    """A model's turn; `written` says how the arguments of its calls are."""
    turn = _Turn(written)
    for part in message.parts:
        turn.add(part)
    return turn.items


def text_block(text: str, kept: JsonObject) -> JsonObject:
    """A block of a model's message, spelled as `kept` says."""
    if kept.get("type") == "refusal":
        return respelled({"type": "refusal", "refusal": text}, kept)
    return respelled({"type": "output_text", "text": text, "annotations": []}, kept)


MESSAGE: JsonObject = {"type": "message", "role": "assistant", "status": "completed"}
"""An item that is a model's message, but for its content."""


class _Turn:
    """A model's turn, gathered part by part."""

    def __init__(self, written: Callable[[str], str]) -> None:
        self._written = written
        self.items: list[JsonObject] = []
        # The content of the message that the last part was a block of; blocks of one item stay together.
        self._content: list[JsonObject] | None = None

    def add(self, part: Part) -> None:
        match part:
            case Text():
                self._text(part)
            case Thinking():
                self._thinking(part)
            case ToolCall():
                self._call(part)
            case Opaque():
                self._opaque(own(part))
            case ToolResult() | Image() | Audio() | Video() | Document():
                raise CallerError(f"the Responses API carries no {type(part).__name__} in a model's turn")
            case _:
                assert_never(part)

    def _item(self, item: JsonObject) -> None:
        self.items.append(item)
        self._content = None

    def _text(self, part: Text) -> None:
        kept = own(part.origin)
        if BLOCK in kept:
            self._block(text_block(part.text, kept[BLOCK]), kept)
        else:
            # The form for words that refer to nothing of the provider's; it needs no id.
            self._item(respelled({"role": "assistant", "content": part.text}, kept.get(ITEM, {})))

    def _block(self, block: JsonObject, kept: JsonObject) -> None:
        if self._content is None or ITEM in kept:
            content: list[JsonObject] = []
            self._item(respelled({**MESSAGE, "content": content}, kept.get(ITEM, {})))
            self._content = content
        self._content.append(block)

    def _thinking(self, part: Thinking) -> None:
        kept = own(part.origin)
        # Another provider's thoughts are nothing that this one could verify, nor are those of which only words are left.
        if kept:
            self._item(respelled({"type": "reasoning", "summary": _summary(part.text, kept)}, without(kept, CUTS)))

    def _call(self, call: ToolCall) -> None:
        item: JsonObject = {"type": "function_call", "call_id": call_id(call.id), "name": call.name}
        item["arguments"] = self._written(call.arguments)
        self._item(respelled(item, own(call.origin)))

    def _opaque(self, data: JsonObject) -> None:
        # Whatever the provider makes has a type; a block of its message that we have no noun for comes without one.
        if "type" not in data and BLOCK in data:
            self._block(data[BLOCK], data)
        elif data:
            self._item(data)


def _summary(text: str, kept: JsonObject) -> list[JsonObject]:
    pieces: list[str] = []
    for length in kept.get(CUTS, ()):
        pieces.append(text[:length])
        text = text[length:]
    if text:
        pieces.append(text)
    return [{"type": "summary_text", "text": piece} for piece in pieces]


def _turns(message: Message) -> list[JsonObject]:
    """What is not a model's: instructions, a user's words, results of tools."""
    items: list[JsonObject] = []
    words: list[Text | Image | Audio | Video | Document | Opaque] = []
    for part in message.parts:
        match part:
            case ToolResult():
                items.append(_result(part))
            case Opaque() if message.role == "tool":
                # What answers the provider's own tools is an item, as an answer of ours is.
                items += filter(None, [own(part)])
            case ToolCall():
                raise CallerError(f"a {message.role} message cannot call a tool ({part.name}); only a model's turn can")
            case Thinking():
                continue
            case _:
                words.append(part)
    if words or not items:
        items += _words(message, words)
    return items


def _words(message: Message, parts: list[Text | Image | Audio | Video | Document | Opaque]) -> list[JsonObject]:
    if message.role == "tool" and not parts:
        # It held nothing but state of other dialects.
        return []
    if message.role == "system" and not message.text and not is_own(message.origin):
        # An instruction that has nothing to say today is none.
        return []
    kept = own(message.origin)
    content: str | list[JsonObject] = [block for part in parts if (block := block_of(part)) is not None]
    if kept.get(FORM) != LISTED:
        match parts:
            case []:
                content = ""
            case [Text(text, origin)] if not own(origin):
                content = text
            case _:
                pass
    item: JsonObject = {"role": _ROLES.get(message.role, message.role), "content": content}
    return [respelled(item, without(kept, FORM))]


def _result(result: ToolResult) -> JsonObject:
    output: str | list[JsonObject]
    if isinstance(result.content, str):
        output = result.content
    else:
        output = [block for part in result.content if (block := block_of(part)) is not None]
    item: JsonObject = {"type": "function_call_output", "call_id": call_id(result.call_id), "output": output}
    return respelled(item, own(result.origin))
