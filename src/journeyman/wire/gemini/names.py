"""The words of the Gemini API that are no JSON keys: its name with us, why answers end, what errors are called."""

from __future__ import annotations

from ...data import Finish, JsonObject, Opaque, ProviderErrorKind

NAME = "gemini"
"""The dialect's name: the tag of everything of ours that only this wire understands."""

FORM = "_form"
"""The key of an origin's data under which stands how a thing was written, where it could have been written otherwise.

`spelled` lists keys that came in snake_case (protobuf's JSON takes both spellings), `lone` says that an object stood
where a list may stand, `bare` that a key was left out that we would write, `asked` that a message came in a request;
the others are told of where they are used.
"""

JOINED = "joined"
"""The form of a message whose parts stood in one element of `contents` with those of the message before it."""

RAW = "_raw"
"""Tool arguments that are no JSON object travel as text under this key, because the wire refuses all but objects."""

MADE = "gemini_"
"""How ids begin that we made for calls without one, followed by 24 hex digits. They never go back to the provider."""

UNSIGNED = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""The signature of a call that another model made: `skip_thought_signature_validator` in base64.

Gemini 3 refuses a turn whose first function call has no signature; this one is for histories from elsewhere (the pages
"Thought signatures" of the Gemini API, "FAQs", and of Vertex AI). Older models take it, too.
"""

JSON_TYPE = "application/json"

FINISHES: dict[str, Finish | None] = {
    "FINISH_REASON_UNSPECIFIED": None,
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
"""What `finishReason` means; what is not here (MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL …) is `other`."""

FINISH_REASONS: dict[Finish | None, str] = {
    None: "FINISH_REASON_UNSPECIFIED",
    "stop": "STOP",
    "tool_calls": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "other": "OTHER",
}
"""The `finishReason` of an answer that came from elsewhere."""

ERROR_KINDS: dict[str, ProviderErrorKind] = {
    "INVALID_ARGUMENT": "invalid_request",
    "FAILED_PRECONDITION": "invalid_request",
    "OUT_OF_RANGE": "invalid_request",
    "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
    "INTERNAL": "server",
    "UNKNOWN": "server",
    "ABORTED": "server",
    "DATA_LOSS": "server",
}
"""What `error.status` means (google.rpc.Code)."""

ERROR_STATUSES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
"""The `error.status` of an HTTP status; other ones are FAILED_PRECONDITION below 500 and INTERNAL from there on."""

CHOICES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
"""The `mode` of function calling; VALIDATED is `auto` that keeps to the schemas, or to some names."""

BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
"""Tokens for a word of effort on models before Gemini 3, which know budgets only (the page "OpenAI compatibility")."""

LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH", "max": "HIGH"}
"""The `thinkingLevel` of a word of effort."""


def own(origin: Opaque | None) -> JsonObject:
    """What this wire left in an origin; never changed in place."""
    return origin.data if origin is not None and origin.dialect == NAME else {}


def is_own(origin: Opaque | None) -> bool:
    """Whether this wire made the thing whose origin it is."""
    return origin is not None and origin.dialect == NAME


def form_of(origin: Opaque | None) -> JsonObject:
    """How a thing was written."""
    form: JsonObject = own(origin).get(FORM, {})
    return form
