"""The words of the Messages API that are no JSON keys: its name with us, why answers end, what errors are called."""

from __future__ import annotations

from ...data import Finish, ProviderErrorKind

NAME = "anthropic"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

PLAIN = "plain"
"""A message's origin has it where its content was a string, which this wire takes for one block of text."""

JOINED = "joined"
"""A message's origin has it where its blocks stood in one wire message with those of the message before it."""

INLINE = "inline"
"""A system message's origin has it where it led the `messages` instead of standing in `system`."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because the wire refuses all but objects."""

FILE_ID = "file-id:"
"""How a `url` of ours names a file that was uploaded to the provider."""

FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""What `stop_reason` means; what is not here (`pause_turn`, say, which asks to be sent back as it is) is `other`."""

STOP_REASONS: dict[Finish, str] = {
    "stop": "end_turn",
    "tool_calls": "tool_use",
    "length": "max_tokens",
    "content_filter": "refusal",
    # Not pause_turn: a client would send the turn again and again.
    "other": "end_turn",
}
"""The `stop_reason` of an answer that came from elsewhere."""

EFFORTS: dict[str, str | None] = {"minimal": "low", "none": None}
"""Words of other providers for how hard to think that this one does not know; None: nothing is sent."""

ERROR_KINDS: dict[str, ProviderErrorKind] = {
    "invalid_request_error": "invalid_request",
    "request_too_large": "invalid_request",
    "authentication_error": "authentication",
    "billing_error": "permission",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "rate_limit_error": "rate_limit",
    "timeout_error": "timeout",
    "api_error": "server",
    "overloaded_error": "overloaded",
}
"""What `error.type` means."""

ERROR_TYPES: dict[int, str] = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The `error.type` of a status; other ones are `invalid_request_error` below 500 and `api_error` from there on."""
