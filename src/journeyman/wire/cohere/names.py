"""The words of Cohere's Chat API that are no JSON keys: its name with us, why answers end, our marks in origins."""

from __future__ import annotations

from typing import cast

from ...data import Finish, JsonObject, Opaque, ProviderErrorKind

NAME = "cohere"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

PLAIN = "plain"
"""A message's origin has it where its content was a string, which this wire takes for one block of text."""

KEYS = "keys"
"""A message's origin has it: keys of the wire's message without a noun (`tool_plan`, `citations`); they are sent back."""

FINISH_REASON, BILLED, CACHED, LOGPROBS = "finish_reason", "billed_units", "cached_tokens", "logprobs"
"""An answer's origin has them where they say more than the response does; they are not sent back."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because the wire refuses all but objects."""

FINISHES: dict[str, Finish] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    # Words of the first version of the API, which private deployments still say.
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}
"""What `finish_reason` means; what is not here (`TIMEOUT`, say) is `other`, and `ERROR` is an error."""

FAILED = "ERROR"
"""The `finish_reason` of an answer that failed on its way: what is there of it is no answer."""

FINISH_REASONS: dict[Finish, str] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "ERROR_TOXIC",
    "other": "COMPLETE",
}
"""The `finish_reason` of an answer that came from elsewhere."""

ERROR_KINDS: dict[int, ProviderErrorKind] = {402: "permission", 504: "timeout"}
"""Statuses that mean more here than elsewhere (Cohere's page "Errors"): no credit left, and a model that took too long."""

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
