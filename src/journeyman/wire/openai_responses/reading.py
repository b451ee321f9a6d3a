"""Items of the wire to our parts, both those of an answer and those of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ...data import JsonObject, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from ..shapes import json_of, string_of, without
from .media import part_of
from .names import BLOCK, CUTS, ITEM, MARKS, NAME
from .spelling import blocks_of, difference, tagged
from .writing import MESSAGE, call_id, text_block

_WORDS = frozenset({"output_text", "input_text", "text"})
_DONE = (None, "completed")
_counted = re.compile(r"call_[0-9]+").fullmatch


class Source(msgspec.Struct, frozen=True):
    """What the items of an answer are part of: its id, its model, whether that thinks, and whether the provider keeps it."""

    raw_id: str | None = None
    model: str | None = None
    thinks: bool = False
    stored: bool = True

    def call_id(self, given: str) -> str:
        """The id of a call, which no call of another answer has."""
        # Bedrock counts the calls of each answer from call_0 on; its names of models begin with their maker.
        if self.raw_id and self.model and self.model.startswith("openai.") and _counted(given):
            return f"{self.raw_id}:{given}"
        return given

    def keeps(self, given: object, prefix: str) -> bool:
        """Whether an item's id has to go back.

        It has to with models that think: there the provider checks that what belongs together came together. Elsewhere
        it says nothing, and one that another vendor gave (a UUID) would be refused by OpenAI.
        """
        return self.thinks and self.is_real(given) and string_of(given).startswith(prefix)

    def is_real(self, given: object) -> bool:
        """Whether the provider knows the item by its id: not where the id was made up of the answer's own."""
        return bool(given) and not is_made_up(string_of(given), self.raw_id)


def made_up(prefix: str, raw_id: str, number: int) -> str:
    """The id of an item that has none, in an answer of ours."""
    return f"{prefix}_{raw_id.removeprefix('resp_')}_{number}"


def is_made_up(given: str, raw_id: str | None) -> bool:
    """Whether `made_up` gave it."""
    return raw_id is not None and given.partition("_")[2].startswith(f"{raw_id.removeprefix('resp_')}_")


def answer_parts(items: Sequence[JsonObject], source: Source) -> tuple[Part, ...]:
    """The parts of an answer; their origins hold what has to go back with them, and nothing that says nothing."""
    parts: list[Part] = []
    for item in items:
        match item.get("type"):
            case "message":
                parts += _answer_message(item, source)
            case "function_call":
                parts.append(_answer_call(item, source))
            case "reasoning":
                parts += _answer_thoughts(item, source)
            case str():
                parts.append(Opaque(NAME, item))
            case _:
                raise msgspec.ValidationError("an item of the output lacks `type`")
    return tuple(parts)


def message_parts(item: JsonObject) -> list[Part]:
    """The parts of a model's message, so that writing them gives the same item."""
    content = item.get("content")
    if isinstance(content, str):
        kept = difference({"role": "assistant", "content": content}, item)
        return [Text(content, tagged({ITEM: kept} if kept else {}))]
    blocks = blocks_of(content)
    if not blocks:
        return [Opaque(NAME, item)]
    head: JsonObject = {ITEM: difference(MESSAGE, without(item, "content"))}
    parts: list[Part] = []
    for block in blocks:
        parts.append(_block_part(block, head))
        head = {}
    return parts


def call_of(item: JsonObject) -> ToolCall:
    """A function call; raises `ValidationError` where it lacks what makes one."""
    given, name, arguments = _needed(item, "call_id"), _needed(item, "name"), string_of(item.get("arguments"))
    written: JsonObject = {"type": "function_call", "call_id": given, "name": name, "arguments": arguments}
    return ToolCall(given, name, arguments, tagged(difference(written, item)))


def thoughts_of(item: JsonObject) -> Thinking | Opaque:
    """Reasoning: thinking where it has a summary, else state that only the provider can read."""
    texts = _texts(item.get("summary"))
    if not texts:
        return Opaque(NAME, item)
    kept = without(item, "type", "summary", *MARKS)
    if len(texts) > 1:
        kept[CUTS] = [len(text) for text in texts[:-1]]
    return Thinking("".join(texts), Opaque(NAME, kept or {"type": "reasoning"}))


def result_of(item: JsonObject, name: str | None) -> ToolResult | Opaque:
    """What came of a function call, which says the name of the function."""
    given, output = item.get("call_id"), item.get("output")
    if not isinstance(given, str):
        return Opaque(NAME, item)
    written: JsonObject = {"type": "function_call_output", "call_id": call_id(given), "output": output}
    origin = tagged(difference(written, item))
    if isinstance(output, str):
        return ToolResult(given, output, name=name, origin=origin)
    blocks = blocks_of(output)
    if blocks is None:
        return Opaque(NAME, item)
    return ToolResult(given, tuple(map(part_of, blocks)), name=name, origin=origin)


def _block_part(block: JsonObject, head: JsonObject) -> Text | Opaque:
    text, refusal = block.get("text"), block.get("refusal")
    if isinstance(text, str) and string_of(block.get("type")) in _WORDS:
        return Text(text, Opaque(NAME, {**head, BLOCK: difference(text_block(text, {}), block)}))
    if isinstance(refusal, str) and block.get("type") == "refusal":
        kept = difference(text_block(refusal, {"type": "refusal"}), block)
        return Text(refusal, Opaque(NAME, {**head, BLOCK: {"type": "refusal", **kept}}))
    return Opaque(NAME, {**head, BLOCK: block})


def _answer_message(item: JsonObject, source: Source) -> list[Part]:
    if isinstance(content := item.get("content"), str):
        return [Text(content)]
    blocks = [_answer_block(block) for block in blocks_of(content) or ()]
    keeps = source.keeps(item.get("id"), "msg")
    if not keeps and all(block == text_block(string_of(block.get("text")), {}) for block in blocks):
        # `phase` has to go back as well, and only models that think have one.
        phase = item.get("phase") if source.thinks else None
        return [Text(block["text"], tagged({ITEM: {"phase": phase}} if phase else {})) for block in blocks]
    item = _told({**MESSAGE, **item, "content": blocks}, "phase")
    return message_parts(item if source.is_real(item.get("id")) else without(item, "id"))


def _answer_block(block: JsonObject) -> JsonObject:
    told = _told(block, "logprobs", "annotations")
    return {"annotations": [], **told} if told.get("type") == "output_text" else told


def _answer_call(item: JsonObject, source: Source) -> ToolCall:
    silent = [] if source.keeps(item.get("id"), "fc") else ["id"]
    if item.get("status") in _DONE:
        silent.append("status")
    kept = {key: value for key, value in item.items() if value is not None and key not in silent}
    # The wire has them as text; servers that are less exact give the object itself, or nothing.
    if not isinstance(kept.setdefault("arguments", "{}"), str):
        kept["arguments"] = json_of(kept["arguments"]).decode()
    kept["call_id"] = source.call_id(_needed(item, "call_id"))
    return call_of(kept)


def _answer_thoughts(item: JsonObject, source: Source) -> list[Part]:
    item = _told(item, "content", "encrypted_content")
    if item.get("status") in _DONE:
        item.pop("status", None)
    real = source.is_real(item.get("id"))
    if not real:
        item.pop("id", None)
    if (real and source.stored) or "content" in item or "encrypted_content" in item:
        return [thoughts_of(item)]
    # Nothing but a name, and nobody keeps what has it: the provider would refuse the item, and with it the request.
    text = "".join(_texts(item.get("summary")) or ())
    return [Thinking(text, Opaque(NAME, {}))] if text else []


def _told(item: JsonObject, *keys: str) -> JsonObject:
    """The item without those of the keys that say nothing."""
    return {key: value for key, value in item.items() if value not in (None, []) or key not in keys}


def _texts(summary: object) -> list[str] | None:
    """The texts of a summary of nothing else; an empty one would not come out as it went in."""
    texts: list[str] = []
    for block in blocks_of(summary) or ():
        match block:
            case {"type": "summary_text", "text": str(text), **rest} if text and not rest:
                texts.append(text)
            case _:
                return None
    return texts


def _needed(item: JsonObject, key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        raise msgspec.ValidationError(f"an item of type {item.get('type')!r} lacks `{key}`")
    return value
