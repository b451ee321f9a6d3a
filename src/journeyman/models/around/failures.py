"""What a failure of a provider's means for asking again."""

from __future__ import annotations

import errno
import socket

from ...data import ProviderError, ProviderErrorKind

_PASSING = frozenset({408, 409, 429})
"""Statuses below 500 that pass: timeout, conflict with another request, too many requests (as OpenAI's and Anthropic's SDKs
have it)."""

_PASSING_KINDS: frozenset[ProviderErrorKind] = frozenset(
    {"rate_limit", "overloaded", "server", "timeout", "connection", "stream"}
)
"""What passes of what has no status: no connection, a broken one, an error told inside a stream."""

_SERVER = 500
_MAYBE_DONE = frozenset({500, 502, 504})
"""Statuses under which somebody may have worked: of the others of their kind, the provider says that it did not begin."""

_NEVER_LEFT = frozenset(
    {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, socket.EAI_NONAME, socket.EAI_AGAIN}
)


def passes(error: ProviderError) -> bool:
    """Whether the same request may well succeed a little later."""
    if error.status is None:
        return error.kind in _PASSING_KINDS
    return error.status in _PASSING or error.status >= _SERVER


def in_doubt(error: ProviderError) -> bool:
    """Whether the provider may have carried the request out, and may charge for it."""
    if error.status is not None:
        # An answer with a good status that cannot be read was worked out, and counts like one that was lost.
        return error.status in _MAYBE_DONE or error.status < 400  # noqa: PLR2004  (HTTP's own line)
    if error.kind in ("timeout", "stream", "server"):
        return True
    # The model hands on what the transport's error came from, and the system says where no connection came about.
    cause = error.__cause__
    return error.kind == "connection" and not (isinstance(cause, OSError) and cause.errno in _NEVER_LEFT)
