"""Errors, sorted by who can mend them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import msgspec

ProviderErrorKind = Literal[
    "authentication",
    "permission",
    "not_found",
    "invalid_request",
    "rate_limit",
    "overloaded",
    "server",
    "timeout",
    "connection",
    "stream",
]


class JourneymanError(Exception):
    """The root of all errors raised on purpose; `run_id` is set where a run met it."""

    run_id: str | None = None


class CallerError(JourneymanError):
    """The calling code can mend it: a wrong argument, a missing key, an impossible request."""


class CorruptJournal(CallerError):
    """A journal cannot be read: damaged, of an unknown kind, or written by a newer version."""


class ModelError(JourneymanError):
    """The model's fault, after it was asked to mend it: bad arguments, output that does not fit."""


class ProviderError(JourneymanError):
    """The provider refused, failed or broke off.

    `status` is the HTTP status or None where there was none (no connection, a broken stream), `retry_after` is in
    seconds, `body` is what the provider sent, at most 4,000 characters of it.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        kind: ProviderErrorKind | None = None,
        retry_after: float | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind: ProviderErrorKind = kind or kind_of(status)
        self.retry_after = retry_after
        self.body = body[:4000]


class LimitExceeded(JourneymanError):
    """A limit was reached; `parameter` is the name of what sets it."""

    def __init__(self, limit: str, value: object, parameter: str, *, used: object = None) -> None:
        reached = "" if used is None else f" ({used} used)"
        super().__init__(f"the limit on {limit} was reached: {parameter}={value}{reached}; raise {parameter} to go on")
        self.limit = limit
        self.value = value
        self.parameter = parameter
        self.used = used

    def __reduce__(self) -> tuple[Callable[..., LimitExceeded], tuple[object, ...], dict[str, object]]:
        # Pools of processes hand errors over pickled, and by default they would be made again from the message alone.
        made = functools.partial(type(self), used=self.used)
        return made, (self.limit, self.value, self.parameter), self.__dict__


class Conflict(JourneymanError):
    """Another writer appended to the run first; read it again before you go on."""


class InDoubt(JourneymanError):
    """An effect was begun and its outcome is not known; somebody has to say what happened."""


class ReplayMismatch(JourneymanError):
    """A replay asked for something that the tape does not hold.

    For a request `hash` is its own, and `path`, `expected` and `got` say where it first differs from the nearest one that was
    recorded, as in `messages[2].parts[0].text`.
    """

    def __init__(self, message: str, *, hash: str = "", path: str = "", expected: str = "", got: str = "") -> None:  # noqa: A002  (what it is called everywhere)
        super().__init__(message)
        self.hash = hash
        self.path = path
        self.expected = expected
        self.got = got


class Bug(JourneymanError):
    """Our fault; please report it with the journal of the run."""


_KINDS: dict[int, ProviderErrorKind] = {
    401: "authentication",
    403: "permission",
    404: "not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    529: "overloaded",
}


def kind_of(status: int | None) -> ProviderErrorKind:
    """The kind of failure that an HTTP status tells of; 529 is Anthropic's and OpenRouter's "overloaded"."""
    if status is None:
        return "connection"
    return _KINDS.get(status) or ("server" if status >= 500 else "invalid_request")  # noqa: PLR2004  (HTTP's own line)


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as a journal keeps it."""

    type: str
    message: str
    status: int | None = None
    parameter: str | None = None


def failure_of(error: BaseException) -> Failure:
    """What a journal keeps of an error."""
    match error:
        case ProviderError():
            return Failure("ProviderError", error.message, status=error.status)
        case LimitExceeded():
            return Failure("LimitExceeded", str(error), parameter=error.parameter)
        case _:
            return Failure(type(error).__name__, str(error))
