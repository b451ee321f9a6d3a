"""What a provider said when it refused: its own words, wherever in the body it put them."""

from __future__ import annotations

import msgspec

from ..data import JsonObject, ProviderError, ProviderErrorKind
from .http import HttpReply
from .shapes import UNREADABLE, list_of, object_of, string_of
from .whole import ERROR_STATUS, retry_after

_LAST_STATUS = 599

_WORDS: tuple[tuple[str, ProviderErrorKind], ...] = (
    ("rate_limit", "rate_limit"),
    ("rate limit", "rate_limit"),
    ("too_many_requests", "rate_limit"),
    ("quota", "rate_limit"),
    ("overloaded", "overloaded"),
    ("unavailable", "overloaded"),
    ("capacity", "overloaded"),
    ("timeout", "timeout"),
    ("authentication", "authentication"),
    ("api_key", "authentication"),
    ("permission", "permission"),
    ("not_found", "not_found"),
    ("invalid", "invalid_request"),
    ("context_length", "invalid_request"),
)
"""Words in the `type` or `code` of an error inside a stream, where no HTTP status says what it is."""


def error_of(reply: HttpReply) -> ProviderError:
    """The error that a reply with an error status is."""
    try:
        value: object = msgspec.json.decode(reply.body)
    except UNREADABLE:
        value = None
    body = reply.body.decode("utf-8", "replace")
    message = message_of(value) or f"the provider answered with status {reply.status}: {body[:300] or 'nothing'}"
    return ProviderError(message, status=reply.status, retry_after=retry_after(reply.headers), body=body)


def error_in(error: object, body: bytes, kind: ProviderErrorKind = "server") -> ProviderError:
    """The error that stands in an answer whose status was 200; `kind` is what it is if it does not say."""
    shown = body.decode("utf-8", "replace")
    told = object_of(error)
    message = message_of(error) or f"the provider broke off: {shown[:300]}"
    for code in (told.get("code"), told.get("status"), told.get("status_code")):
        # OpenRouter passes the status of whoever failed behind it.
        if isinstance(code, int) and ERROR_STATUS <= code <= _LAST_STATUS:
            return ProviderError(message, status=code, body=shown)
    said = f"{string_of(told.get('type'))} {string_of(told.get('code'))}".lower()
    for word, named in _WORDS:
        if word in said:
            kind = named
            break
    return ProviderError(message, kind=kind, body=shown)


def message_of(value: object, depth: int = 5) -> str:
    """The provider's own words, wherever it put them, but not deeper than they can be meant."""
    if isinstance(value, str) or not depth:
        return string_of(value)
    if listed := list_of(value):
        # Google wraps the error in a list; FastAPI (vLLM, Mistral) lists what it found wrong.
        return "; ".join(filter(None, (message_of(item, depth - 1) for item in listed[:5])))
    told = object_of(value)
    if message := string_of(told.get("message")):
        return _detailed(message, told)
    for key in ("error", "detail", "msg", "message", "errors"):
        if message := message_of(told.get(key), depth - 1):
            return message
    return ""


def _detailed(message: str, told: JsonObject) -> str:
    # OpenRouter's own words are "Provider returned error"; what happened is in `metadata.raw`.
    raw = string_of(object_of(told.get("metadata")).get("raw"))
    return f"{message}: {raw[:300]}" if raw else message
