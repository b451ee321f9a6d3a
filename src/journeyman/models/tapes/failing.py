"""Errors onto a tape and back: what was raised is raised again, under its own name."""

from __future__ import annotations

import builtins
from typing import Any, cast, get_args

from ...data import (
    Bug,
    CallerError,
    Conflict,
    InDoubt,
    JourneymanError,
    LimitExceeded,
    ModelError,
    ProviderError,
    ProviderErrorKind,
)
from .entries import Raised

_OURS: dict[str, type[JourneymanError]] = {
    kind.__name__: kind for kind in (CallerError, ModelError, Conflict, InDoubt, Bug, JourneymanError)
}


def raised_of(error: BaseException) -> Raised:
    """What a tape keeps of an error."""
    match error:
        case ProviderError():
            return Raised(
                "ProviderError",
                error.message,
                status=error.status,
                kind=error.kind,
                retry_after=error.retry_after,
                body=error.body,
            )
        case LimitExceeded():
            value, used = _plain(error.value), _plain(error.used)
            return Raised(
                "LimitExceeded", str(error), limit=error.limit, value=value, parameter=error.parameter, used=used
            )
        case _:
            return Raised(type(error).__name__, str(error))


def error_of(raised: Raised) -> Exception:
    """The error again.

    One of a type that is neither ours nor Python's own comes back as a `JourneymanError` of the same name and words: a
    journal keeps those two, and importing what a file names would let the file choose what runs.
    """
    if raised.type == "ProviderError":
        kind = cast("ProviderErrorKind", raised.kind) if raised.kind in get_args(ProviderErrorKind) else None
        return ProviderError(
            raised.message, status=raised.status, kind=kind, retry_after=raised.retry_after, body=raised.body
        )
    if raised.type == "LimitExceeded" and raised.limit is not None:
        return LimitExceeded(raised.limit, raised.value, raised.parameter, used=raised.used)
    known = _OURS.get(raised.type)
    if known is not None:
        return known(raised.message)
    return _of_python(raised) or type(raised.type, (JourneymanError,), {})(raised.message)


def _of_python(raised: Raised) -> Exception | None:
    kind = getattr(builtins, raised.type, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return None
    try:
        error = kind(raised.message)
    except TypeError:
        return None
    # Some change their words: a KeyError puts quotes around them.
    return error if str(error) == raised.message else None


def _plain(value: object) -> Any:
    # A Decimal is told by its words; nothing is counted with it any more.
    return value if value is None or isinstance(value, int | float | str) else str(value)
