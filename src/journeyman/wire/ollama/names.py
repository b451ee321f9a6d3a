"""The words of Ollama's own API that are no JSON keys: its name with us, why answers end, our marks in origins."""

from __future__ import annotations

from typing import cast

from ...data import Finish, JsonObject, Opaque

NAME = "ollama"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

MADE = "ollama_"
"""How ids begin that we made up, because servers before 0.12.10 give calls none; they are never sent to Ollama."""

KEYS = "keys"
"""The origin of a message, call or result has it: keys of the wire without a noun, which are sent back."""

FUNCTION = "function"
"""A call's origin has it: keys of its `function` without a noun."""

ABSENT = "absent"
"""The origin of a message or result has it: a key that was not stated, though we would state it."""

DONE_REASON, LOGPROBS = "done_reason", "logprobs"
"""An answer's origin has them where they say more than the response does; they are not sent back."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because the wire has a place for objects only."""

FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length"}
"""What `done_reason` means; what is not here (`load`, say, when a model was only loaded) is `other`."""

DONE_REASONS: dict[Finish, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "content_filter": "stop",
    "other": "stop",
}
"""The `done_reason` of an answer that came from elsewhere."""

_NOTHING: JsonObject = {}


def own(origin: Opaque | None) -> JsonObject:
    """What this dialect left in an origin; not to be changed."""
    if origin is None or origin.dialect != NAME:
        return _NOTHING
    data: object = origin.data
    return cast("JsonObject", data) if isinstance(data, dict) else _NOTHING


def origin_of(data: JsonObject) -> Opaque | None:
    """An origin with these keys, or none where there are none."""
    return Opaque(NAME, data) if data else None
