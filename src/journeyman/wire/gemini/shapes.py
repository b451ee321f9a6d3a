"""JSON objects of the wire, in both spellings: read with their values still text, and written as they came."""

from __future__ import annotations

from typing import cast

import msgspec

from ...data import JsonObject, Opaque
from .names import FORM, NAME

Block = dict[str, msgspec.Raw]
"""An object whose values are still JSON text, so that a tool's arguments stay as the model wrote them."""

SNAKE = {
    key: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    for key in (
        "systemInstruction",
        "toolConfig",
        "generationConfig",
        "functionDeclarations",
        "parametersJsonSchema",
        "functionCallingConfig",
        "allowedFunctionNames",
        "functionCall",
        "functionResponse",
        "inlineData",
        "fileData",
        "mimeType",
        "fileUri",
        "topP",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "presencePenalty",
        "frequencyPenalty",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
        "thinkingBudget",
        "thinkingLevel",
    )
}
"""The other spelling of every key that we write; what we do not write stays as it came anyway."""

anything = msgspec.json.Decoder().decode
block_of = msgspec.json.Decoder(Block).decode
_blocks = msgspec.json.Decoder(list[Block] | Block).decode


def take(block: Block, key: str, spelled: list[str]) -> msgspec.Raw | None:
    """A value, taken out under either spelling; snake_case is noted. Null is none, and stays where it is."""
    for name in (key, SNAKE.get(key, key)):
        raw = block.get(name)
        if raw is not None and bytes(raw) != b"null":
            if name != key:
                spelled.append(name)
            return block.pop(name)
    return None


def begins(raw: msgspec.Raw | None, mark: bytes) -> bool:
    """Whether there is a value, of the kind that begins with the mark."""
    return raw is not None and bytes(memoryview(raw)[:1]) == mark


def listed(raw: msgspec.Raw) -> tuple[list[Block], bool]:
    """The objects of a list, and whether there was one that stood alone: protobuf's JSON takes it for a list of one."""
    read = _blocks(raw)
    return ([read], True) if isinstance(read, dict) else (read, False)


def decoded(block: Block) -> JsonObject:
    """An object with its values read."""
    if FORM in block:
        raise msgspec.ValidationError(f"`{FORM}` is no key of this wire")
    return {key: anything(value) for key, value in block.items()}


def origin_of(rest: JsonObject, form: JsonObject, *, always: bool = False) -> Opaque | None:
    """What a noun has no place for, and how it was written; none where there is nothing to say."""
    if form:
        rest = {**rest, FORM: form}
    return Opaque(NAME, rest) if rest or always else None


def respelled(wire: JsonObject, form: JsonObject) -> JsonObject:
    """The keys of an object, without those of objects in it, as they were spelled."""
    spelled: list[str] = form.get("spelled", [])
    if not spelled:
        return wire
    return {snake if (snake := SNAKE.get(key, key)) in spelled else key: value for key, value in wire.items()}


def joined(wire: JsonObject, rest: JsonObject) -> JsonObject:
    """An object with more keys in it; objects under the same key are put together, and what `rest` says goes first."""
    for key, value in rest.items():
        if key == FORM:
            continue
        known = wire.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            wire[key] = {**cast("JsonObject", known), **cast("JsonObject", value)}
        else:
            wire[key] = value
    return wire
