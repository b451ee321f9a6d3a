"""Replies that are no streams are read whole, and tell when to ask again."""

from __future__ import annotations

import pytest

from journeyman.data import ProviderError
from journeyman.wire import HttpReply, dialect
from journeyman.wire.whole import is_whole, retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_seconds_to_wait_are_numbers_from_zero_up(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds are the more exact word; a date cannot be counted from without a clock."""
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("name", ["openai_chat", "anthropic"])
def test_every_dialect_reads_an_error_that_came_instead_of_a_stream(name: str) -> None:
    """In pieces, cut anywhere, with its status and its words."""
    wire = dialect(name)
    reply = wire.render_error(429, "too fast")
    decoder = wire.decoder(HttpReply(429, {**reply.headers, "retry-after": "3"}))
    for index in range(len(reply.body)):
        assert decoder.feed(reply.body[index : index + 1]) == []
    with pytest.raises(ProviderError, match="too fast") as caught:
        decoder.finish()
    assert (caught.value.status, caught.value.kind, caught.value.retry_after) == (429, "rate_limit", 3.0)


def test_a_head_tells_what_comes() -> None:
    """JSON and errors come whole, events do not, and without a head a stream is expected."""
    assert is_whole(HttpReply(200, {"content-type": "application/json; charset=utf-8"}))
    assert is_whole(HttpReply(500, {"content-type": "text/event-stream"}))
    assert not is_whole(HttpReply(200, {"content-type": "text/event-stream"}))
    assert not is_whole(None)
