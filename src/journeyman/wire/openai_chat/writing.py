"""Our messages to JSON of the wire."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
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
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from ..quirks import ChatQuirks
from ..shapes import json_of, object_of, without
from .media import address_of, media_block
from .names import BLOCK, CUSTOM, EMPTY_FORMS, FORM, IMAGES, KEY, LEGACY, RAW, REASONING_KEY, REFUSAL, TOLD, is_own, own

_object = msgspec.json.Decoder(dict[str, Any]).decode
_nine = re.compile(r"[A-Za-z0-9]{9}").fullmatch
_LONGEST_ID = 40
_INSTEAD = frozenset({"refusal", "audio", "function_call"})
"""What may stand in a model's turn in the place of content."""


def message_fragment(message: Message, quirks: ChatQuirks) -> bytes:
    """The message as elements of `messages`, without the brackets around them."""
    wires = [assistant_json(message, quirks)] if message.role == "assistant" else _turns(message, quirks)
    return json_of(wires)[1:-1]


def valid_arguments(arguments: str) -> str:
    """The arguments if they are a JSON object, else an object that holds them: servers refuse the whole request otherwise."""
    if arguments == "{}":
        return arguments
    try:
        _object(arguments)
    except (ValueError, RecursionError):
        return json_of({RAW: arguments}).decode() if arguments.strip() else "{}"
    return arguments


def call_id(given: str, quirks: ChatQuirks) -> str:
    """An id that the vendor takes, always the same one for the same id."""
    match quirks.call_ids:
        case "short" if len(given) > _LONGEST_ID:
            return "call_" + _digest(given)[:24]
        case "nine" if not _nine(given):
            return _digest(given)[:9]
        case _:
            return given


def assistant_json(
    message: Message, quirks: ChatQuirks, *, written: Callable[[str], str] = valid_arguments
) -> JsonObject:
    """A model's turn; `written` says how the arguments of its calls are."""
    turn = _Turn(quirks, written)
    for part in message.parts:
        turn.add(part)
    return turn.json(own(message.origin))


class _Turn:
    """A model's turn, gathered part by part."""

    def __init__(self, quirks: ChatQuirks, written: Callable[[str], str]) -> None:
        self._quirks = quirks
        self._written = written
        self._blocks: list[JsonObject] = []
        # Whether the blocks say more than their words joined would.
        self._listed = False
        self._keys: JsonObject = {}
        self._calls: list[JsonObject] = []

    def add(self, part: Part) -> None:
        match part:
            case Text():
                self._text(part)
            case Thinking():
                self._thinking(part)
            case ToolCall():
                self._call(part)
            case Opaque():
                if block := own(part):
                    self._blocks.append(block)
                    self._listed = True
            case Image() | Audio() if is_own(part.origin):
                self._drawn(part)
            case _:
                raise CallerError(f"Chat Completions carries no {type(part).__name__} in a model's turn")

    def json(self, extras: JsonObject) -> JsonObject:
        wire: JsonObject = {"role": "assistant"}
        form = extras.get(FORM)
        if self._blocks:
            listed = (self._listed or form == "list") and not self._flat()
            wire["content"] = self._blocks if listed else "".join(block["text"] for block in self._blocks)
        else:
            usual = self._quirks.no_content if self._calls or self._keys.keys() & _INSTEAD else "empty"
            wire.update(EMPTY_FORMS.get(form or usual, EMPTY_FORMS[usual]))
        wire.update(self._keys)
        if self._calls:
            wire["tool_calls"] = self._calls
            if self._quirks.empty_reasoning:
                wire.setdefault(self._reasoning_key() or REASONING_KEY, "")
        for key, value in extras.items():
            if self._goes_back(key):
                wire.setdefault(key, value)
        if self._quirks.annotations and (said := object_of(extras.get(TOLD)).get("annotations")):
            wire.setdefault("annotations", said)
        return wire

    def _goes_back(self, key: str) -> bool:
        if key == "reasoning_details":
            return self._quirks.reasoning == "as_received"
        return key not in (FORM, TOLD) and (key != "extra_content" or self._quirks.extra_content)

    def _flat(self) -> bool:
        return self._quirks.flat_text and all(map(_is_text, self._blocks))

    def _text(self, part: Text) -> None:
        extras = own(part.origin)
        if REFUSAL in extras:
            self._keys["refusal"] = self._keys.get("refusal", "") + part.text
            return
        self._blocks.append({"type": "text", "text": part.text, **extras})
        self._listed = self._listed or bool(extras)

    def _thinking(self, part: Thinking) -> None:
        # Without the provider's own tag it is another model's, and none takes another's thoughts for its own.
        if not is_own(part.origin) or self._quirks.reasoning == "drop":
            return
        data = own(part.origin)
        if BLOCK in data and self._quirks.reasoning in ("as_received", "blocks"):
            words = [{"type": "text", "text": part.text}]
            self._blocks.append({"type": "thinking", "thinking": words, **data[BLOCK]})
            self._listed = True
        elif self._quirks.reasoning != "blocks" and (key := self._reasoning_key() or data.get(KEY)):
            self._keys[key] = self._keys.get(key, "") + part.text

    def _reasoning_key(self) -> str | None:
        key = self._quirks.reasoning
        return key if key in ("reasoning", "reasoning_content") else None

    def _call(self, call: ToolCall) -> None:
        extras = own(call.origin)
        arguments = self._written(call.arguments)
        if LEGACY in extras:
            self._keys["function_call"] = {"name": call.name, "arguments": arguments}
            return
        wire: JsonObject = {"id": call_id(call.id, self._quirks)}
        if CUSTOM in extras:
            wire |= {"type": "custom", "custom": {"name": call.name, "input": _input_of(arguments)}}
        else:
            wire |= {"type": "function", "function": {"name": call.name, "arguments": arguments}}
        wire |= without(extras, CUSTOM) if self._quirks.extra_content else without(extras, CUSTOM, "extra_content")
        if wire["type"] is None:
            del wire["type"]
        self._calls.append(wire)

    def _drawn(self, part: Image | Audio) -> None:
        extras = own(part.origin)
        if isinstance(part, Audio):
            # The wire takes its own sounds back by their names only.
            self._keys["audio"] = {"id": extras.get("id", "")}
        else:
            image = {"type": "image_url", "image_url": {"url": address_of(part)}, **without(extras, IMAGES)}
            self._keys.setdefault("images", []).append(image)


def _turns(message: Message, quirks: ChatQuirks) -> list[JsonObject]:
    """What is not a model's: instructions, a user's words, results of tools."""
    results = [_result(result, quirks) for result in message.tool_results]
    blocks = [block for part in message.parts for block in _blocks(part, message.role, quirks)]
    if results and not blocks:
        return results
    return [*results, _words(message, blocks, quirks)]


def _blocks(part: Part, role: Role, quirks: ChatQuirks) -> list[JsonObject]:
    match part:
        case Text():
            return [{"type": "text", "text": part.text, **own(part.origin)}]
        case Image() | Audio() | Video() | Document():
            return [media_block(part, quirks)]
        case ToolResult():
            return _shown(part, quirks)
        case Opaque():
            return [block] if (block := own(part)) else []
        case Thinking():
            return []
        case ToolCall():
            raise CallerError(f"a {role} message cannot call a tool ({part.name}); only a model's turn can")
        case _:
            assert_never(part)


def _words(message: Message, blocks: list[JsonObject], quirks: ChatQuirks) -> JsonObject:
    if message.role == "tool" and not blocks:
        raise CallerError("a message with the role tool holds no ToolResult")
    extras = own(message.origin)
    role = {"system": quirks.system, "tool": "user"}.get(message.role, message.role)
    wire: JsonObject = {"role": role, **_content(blocks, extras.get(FORM), quirks)}
    wire |= without(extras, FORM)
    return wire


def _content(blocks: list[JsonObject], form: str | None, quirks: ChatQuirks) -> JsonObject:
    if not blocks:
        return EMPTY_FORMS.get(form or "empty", EMPTY_FORMS["empty"])
    words = [block["text"] for block in blocks if _is_text(block)]
    if len(words) == len(blocks):
        if quirks.flat_text:
            return {"content": "\n\n".join(words)}
        if len(blocks) == 1 and form != "list" and len(blocks[0]) == 2:  # noqa: PLR2004  (type and text, nothing else)
            return {"content": words[0]}
    return {"content": blocks}


def _is_text(block: JsonObject) -> bool:
    # A block that only calls itself one was carried whole, and is none of ours to join.
    return block.get("type") == "text" and isinstance(block.get("text"), str)


def _result(result: ToolResult, quirks: ChatQuirks) -> JsonObject:
    extras = own(result.origin)
    if LEGACY in extras:
        return {"role": "function", "name": result.name, "content": result.text, **without(extras, LEGACY)}
    wire: JsonObject = {"role": "tool", "tool_call_id": call_id(result.call_id, quirks)}
    wire["content"] = _result_content(result, extras.get(FORM), quirks)
    wire |= without(extras, FORM)
    return wire


def _result_content(result: ToolResult, form: str | None, quirks: ChatQuirks) -> str | list[JsonObject]:
    if isinstance(result.content, str):
        return result.content
    if form == "list" and not quirks.flat_text:
        return [
            own(part) if isinstance(part, Opaque) else {"type": "text", "text": part.text, **own(part.origin)}
            for part in result.content
            if isinstance(part, Text) or (isinstance(part, Opaque) and is_own(part))
        ]
    words = [part.text for part in result.content if isinstance(part, Text)]
    if any(isinstance(part, Image | Audio | Video | Document) for part in result.content):
        words.append("(What else the tool gave is in the next message of the user.)")
    return "\n".join(words)


def _shown(result: ToolResult, quirks: ChatQuirks) -> list[JsonObject]:
    """The media of a result, as blocks of a user's message behind it: this wire takes words only from tools."""
    if isinstance(result.content, str):
        return []
    media = [media_block(part, quirks) for part in result.content if isinstance(part, Image | Audio | Video | Document)]
    if not media:
        return []
    about = f"From the tool call {call_id(result.call_id, quirks)}:"
    return [{"type": "text", "text": about}, *media]


def _input_of(arguments: str) -> object:
    """The free text for a custom tool, out of the arguments in which we hold it."""
    return _object(valid_arguments(arguments)).get("input", "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
