"""What every dialect does alike with replies: read one whole that was to be a stream, tell of one that is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ..data import Delta, ModelResponse, ProviderError
from .http import HttpReply

ERROR_STATUS = 400
"""HTTP's own line: from here on a reply tells of an error."""


class WholeReplyDecoder:
    """Reads an answer that came whole though a stream was asked for, or an error; `decode` is the dialect's own."""

    def __init__(self, decode: Callable[[HttpReply], ModelResponse], head: HttpReply) -> None:
        self._decode = decode
        self._head = head
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> list[Delta]:
        """Nothing yet: such an answer can only be read whole."""
        self._pieces.append(data)
        return []

    def finish(self) -> ModelResponse:
        """The answer; raises the `ProviderError` that it is."""
        return self._decode(HttpReply(self._head.status, self._head.headers, b"".join(self._pieces)))


def is_whole(head: HttpReply | None) -> bool:
    """Whether a head announces a whole answer or an error instead of a stream."""
    if head is None:
        return False
    return head.status >= ERROR_STATUS or "application/json" in head.headers.get("content-type", "")


def unreadable(reply: HttpReply, why: str) -> ProviderError:
    """The error of an answer that is none."""
    message = f"the provider's answer (status {reply.status}) cannot be read: {why}"
    return ProviderError(message, status=reply.status, kind="server", body=reply.body.decode("utf-8", "replace"))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds after which a provider wants to be asked again, where it says so in a number."""
    for name, scale in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / scale
        except ValueError:
            # Absent, or a date, which cannot be counted from without a clock.
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
