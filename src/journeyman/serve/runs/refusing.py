"""Why a client of runs does not get what it asks for, as a status and words."""

from __future__ import annotations

import logging

import msgspec

from ...data import CallerError, Conflict, CorruptJournal
from ...wire import HttpReply
from ..refusals import Refusal

log = logging.getLogger(__name__)

JSON = {"content-type": "application/json", "cache-control": "no-store"}


def refusal_of(error: Exception) -> Refusal:
    """What a client is told of an error."""
    match error:
        case Refusal():
            return error
        case Conflict():
            return Refusal(409, f"{error}; look at the run again before you go on")
        case CorruptJournal():
            log.error("a run cannot be read", exc_info=error)
            return Refusal(500, "the journal of this run cannot be read; the reason is in the log of the server")
        case CallerError():
            return Refusal(400, str(error))
        case _:
            # What an unforeseen error says may be no business of the client's.
            log.error("a request failed", exc_info=error)
            return Refusal(500, "the request failed; the reason is in the log of the server")


def refused(refusal: Refusal) -> HttpReply:
    """A refusal as JSON: `{"error": {"status": 404, "message": "…"}}`."""
    body = {"error": {"status": refusal.status, "message": refusal.message}}
    return HttpReply(refusal.status, {**JSON, **refusal.headers}, msgspec.json.encode(body))
