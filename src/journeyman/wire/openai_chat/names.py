"""The words of Chat Completions that are no JSON keys: its name with us, why answers end, our marks in origins."""

from __future__ import annotations

from typing import cast

from ...data import Finish, JsonObject, Opaque

NAME = "openai_chat"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

FORM = "content_form"
"""A message's origin has it where its content had not the usual form: one of `EMPTY_FORMS`, `list` or `absent`."""

EMPTY_FORMS: dict[str, JsonObject] = {
    "empty": {"content": ""},
    "empty_list": {"content": []},
    "null": {"content": None},
    "absent": {},
}
"""How a message may say that it has no content."""

KEY = "key"
"""The origin of thinking has it: under which key of the message it stood."""

BLOCK = "block"
"""The origin of thinking has it where it stood in the content, as with Mistral: the other keys of the block."""

CUSTOM = "custom"
"""A tool call's origin has it where the tool takes free text, which we hold as the argument `input`."""

LEGACY = "function_call"
"""The origin of a call has it, and that of a result, where they are of the first form of the wire, without ids."""

REFUSAL = "refusal"
"""A text's origin has it where the words stood in `refusal`."""

IMAGES = "images"
"""A picture's origin has it where it stood in `images` (OpenRouter's place for what models draw)."""

TOLD = "told"
"""An answer's origin has it: what the vendor says about the answer (`citations`, `search_results`, `annotations`)."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because servers refuse all but objects."""

FILE_ID = "file-id:"
"""How a `url` of ours names a file that was uploaded to the provider."""

REASONING_KEY = "reasoning_content"
"""Where we put reasoning when we are the server: DeepSeek's key, which most clients read."""

FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    # What vendors invented: Mistral, TGI, Together, Zhipu, Gemini behind compatible gateways.
    "model_length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "MAX_TOKENS": "length",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "STOP": "stop",
    "tool_use": "tool_calls",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "SAFETY": "content_filter",
}
"""What `finish_reason` means; what is not here is `other`, and an empty one is none."""

_NOTHING: JsonObject = {}


def own(origin: Opaque | None) -> JsonObject:
    """What this dialect left in an origin; not to be changed."""
    if origin is None or origin.dialect != NAME:
        return _NOTHING
    data: object = origin.data
    return cast("JsonObject", data) if isinstance(data, dict) else _NOTHING


def is_own(origin: Opaque | None) -> bool:
    """Whether it came over this wire."""
    return origin is not None and origin.dialect == NAME


def legacy_id(name: str) -> str:
    """The id of a call of the wire's first form, which knew the name of the function only."""
    return f"function_call_{name}"
