"""What watchers are told, as server-sent events and as WebSocket messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from ....journal import Stamped, encode_fact
from ....observe import Item
from ...asgi import Send, send_head, send_piece
from ..bounds import RunBounds
from .outlet import Outlet
from .presence import Watchers

Told = tuple[int | None, str, bytes]
"""The number of a fact or None, the name of the event, its data as JSON."""

_encode = msgspec.json.encode

_HEAD = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    # nginx holds streams back until it has a page full, unless it is told not to.
    "x-accel-buffering": "no",
}
_RETRY = b"retry: 2000\n\n"
"""How many milliseconds a browser waits before it comes back; its own choice would be "a few seconds" (WHATWG HTML, 9.2)."""
_PING = b": ping\n\n"
"""A comment, which readers pass over (WHATWG HTML, section 9.2.6), and proxies take for life."""


class SlowError(Exception):
    """The watcher does not take what it is sent."""


class Channel(Protocol):
    """How one kind of watcher is spoken to."""

    async def open(self) -> None: ...
    async def tell(self, told: Sequence[Told]) -> None: ...
    async def ping(self) -> None: ...
    async def close(self, told: Told) -> None: ...


class EventStream:
    """Server-sent events: facts have their number as id, so that a browser comes back with it as `Last-Event-ID`."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def open(self) -> None:
        """Send the head."""
        await send_head(self._send, 200, _HEAD)
        await send_piece(self._send, _RETRY, more=True)

    async def tell(self, told: Sequence[Told]) -> None:
        """Send some events in one piece."""
        await send_piece(self._send, b"".join(map(_event, told)), more=True)

    async def ping(self) -> None:
        """Send a sign of life."""
        await send_piece(self._send, _PING, more=True)

    async def close(self, told: Told) -> None:
        """Send a last event and end the stream."""
        await send_piece(self._send, _event(told), more=False)


class Socket:
    """A WebSocket: a message an event, `{"id": 7, "event": "fact", "data": {…}}`; the server itself sends pings."""

    def __init__(self, send: Send, subprotocol: str | None) -> None:
        self._send = send
        self._subprotocol = subprotocol

    async def open(self) -> None:
        """Take the connection."""
        await self._send({"type": "websocket.accept", "subprotocol": self._subprotocol, "headers": []})

    async def tell(self, told: Sequence[Told]) -> None:
        """Send some events."""
        for item in told:
            await self._send({"type": "websocket.send", "text": _message(item)})

    async def ping(self) -> None:
        """Nothing: pings are the protocol's own (RFC 6455, section 5.5.2)."""

    async def close(self, told: Told) -> None:
        """Send a last event and close the connection."""
        await self.tell([told])
        # 1013 is "try again later" (IANA's registry of WebSocket close codes); the reason is in the event.
        await self._send({"type": "websocket.close", "code": 1000 if told[1] == "end" else 1013, "reason": told[1]})


async def tell(
    run: str, outlet: Outlet, channel: Channel, watchers: Callable[[str], Watchers], bounds: RunBounds
) -> None:
    """Send what comes until it is over. Raises `SlowError` for a watcher that does not take a piece in time."""
    await _in_time(channel.open(), bounds)
    while True:
        items = await _taken(outlet, bounds.ping_seconds)
        if items is None:
            break
        told: list[Told] = []
        if outlet.news:
            outlet.news = False
            told.append((None, "watchers", _encode(watchers(run))))
        told.extend(_told(run, items))
        await _in_time(channel.tell(told) if told else channel.ping(), bounds)
    await _in_time(channel.close(_last(outlet, bounds)), bounds)


async def _taken(outlet: Outlet, seconds: float) -> Sequence[Item] | None:
    try:
        async with asyncio.timeout(seconds):
            return await outlet.take()
    except TimeoutError:
        return ()


async def _in_time(sending: Awaitable[None], bounds: RunBounds) -> None:
    try:
        async with asyncio.timeout(bounds.send_seconds):
            await sending
    except TimeoutError:
        raise SlowError from None


def _told(run: str, items: Sequence[Item]) -> Iterator[Told]:
    for item in items:
        if isinstance(item, Stamped):
            yield item.seq, "fact", encode_fact(run, item)
        else:
            yield None, "glimpse", _encode(item)


def _last(outlet: Outlet, bounds: RunBounds) -> Told:
    if outlet.cut:
        words = (
            f"more than {bounds.max_unread} facts and glimpses were waiting for you (max_unread={bounds.max_unread}); "
            "come back with the number of the last fact that you have"
        )
        return None, "cut", _encode({"message": words})
    if outlet.refusal is not None:
        return None, "error", _encode({"status": outlet.refusal.status, "message": outlet.refusal.message})
    return None, "end", _encode({"after": outlet.after})


def _event(told: Told) -> bytes:
    # JSON as we write it has no line breaks, so that one line of data holds it.
    number, name, data = told
    head = b"" if number is None else b"id: %d\n" % number
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), data)


def _message(told: Told) -> str:
    number, name, data = told
    head = "" if number is None else f'"id":{number},'
    return f'{{{head}"event":"{name}","data":{data.decode()}}}'
