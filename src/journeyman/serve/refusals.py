"""Why a client gets no answer, as a status and words; every wire has its own form for it."""

from __future__ import annotations

import logging
from typing import cast

from ..data import CallerError, LimitExceeded, ProviderError, ProviderErrorKind, ReplayMismatch
from ..wire import Dialect, EmbeddingDialect, HttpReply

log = logging.getLogger(__name__)

_STATUS_OF_KIND: dict[ProviderErrorKind, int] = {"timeout": 504, "connection": 502, "stream": 502}
"""For failures of the provider behind us that have no status of their own."""


class Refusal(Exception):
    """No answer; `headers` are said with an underscore for each hyphen."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def refused(wire: Dialect | EmbeddingDialect, refusal: Refusal) -> HttpReply:
    """A refusal as the wire's own error."""
    reply = wire.render_error(refusal.status, refusal.message)
    return HttpReply(reply.status, {**reply.headers, **refusal.headers}, reply.body)


def refusal_of(error: Exception) -> Refusal:
    """What a client is told of an error."""
    match error:
        case Refusal():
            return error
        case ProviderError():
            # An error inside a stream may carry the stream's own status, which is no error.
            failed = error.status is not None and 400 <= error.status < 600  # noqa: PLR2004  (HTTP's own lines)
            status = cast("int", error.status) if failed else _STATUS_OF_KIND.get(error.kind, 502)
            if error.retry_after is None:
                return Refusal(status, error.message)
            return Refusal(status, error.message, retry_after=f"{error.retry_after:g}")
        case CallerError() | ReplayMismatch():
            # Whoever is served from a tape wants to know what differs from it.
            return Refusal(400, str(error))
        case LimitExceeded():
            return Refusal(429, str(error))
        case _:
            # What an unforeseen error says may be no business of the client's.
            log.error("a model failed", exc_info=error)
            return Refusal(500, "the model failed; the reason is in the log of the server")
