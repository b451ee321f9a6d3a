"""Errors of the Gemini API: as replies, and inside answers that began well."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ...data import ProviderError, ProviderErrorKind
from ..failures import message_of
from ..http import HttpReply
from ..shapes import UNREADABLE
from ..whole import ERROR_STATUS, retry_after
from .names import ERROR_KINDS

_LAST_STATUS = 599


class _Detail(msgspec.Struct):
    reason: Any = None
    retry_delay: Any = msgspec.field(default=None, name="retryDelay")


class WireError(msgspec.Struct):
    """Google's error (google.rpc.Status as JSON); every key is looked at only where it is what it should be."""

    code: Any = None
    message: Any = None
    status: Any = None
    details: Any = None


class _Failure(msgspec.Struct):
    error: WireError | None = None


# A stream that was asked for as a list refuses in a list, too.
_failure = msgspec.json.Decoder(_Failure | list[_Failure]).decode


def error_of(reply: HttpReply) -> ProviderError:
    """The error that a reply with an error status is."""
    body = reply.body.decode("utf-8", "replace")
    error = None
    message = ""
    try:
        read = _failure(reply.body)
        error = read.error if isinstance(read, _Failure) else next((item.error for item in read), None)
        message = message_of(msgspec.json.decode(reply.body))
    except UNREADABLE:
        pass
    message = message or f"the provider answered with status {reply.status}: {body[:300] or 'nothing'}"
    after = retry_after(reply.headers)
    if error is None:
        return ProviderError(message, status=reply.status, retry_after=after, body=body)
    if after is None:
        after = _delay(error)
    return ProviderError(message, status=reply.status, kind=_kind(error), retry_after=after, body=body)


def error_in(error: WireError, body: bytes) -> ProviderError:
    """The error that stands in an answer whose status was 200."""
    shown = body.decode("utf-8", "replace")
    message = message_of(error.message) or f"the provider broke off: {shown[:300]}"
    status = error.code if isinstance(error.code, int) and ERROR_STATUS <= error.code <= _LAST_STATUS else None
    kind = _kind(error) or ("server" if status is None else None)
    return ProviderError(message, status=status, kind=kind, retry_after=_delay(error), body=shown)


def _kind(error: WireError) -> ProviderErrorKind | None:
    # A wrong key is an invalid argument to Google (the reason of its ErrorInfo says which one).
    if any(detail.reason in ("API_KEY_INVALID", "API_KEY_EXPIRED") for detail in _details(error)):
        return "authentication"
    return ERROR_KINDS.get(error.status) if isinstance(error.status, str) else None


def _delay(error: WireError) -> float | None:
    """The seconds in google.rpc.RetryInfo, a duration such as `34.07s`."""
    for detail in _details(error):
        if isinstance(delay := detail.retry_delay, str) and delay.endswith("s"):
            try:
                seconds = float(delay[:-1])
            except ValueError:
                continue
            if math.isfinite(seconds) and seconds >= 0:
                return seconds
    return None


def _details(error: WireError) -> list[_Detail]:
    try:
        return msgspec.convert(error.details or [], list[_Detail])
    except UNREADABLE:
        return []
