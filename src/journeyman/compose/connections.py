"""What an event loop owns: connections, and workers for programs, that end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar, cast

from ..wire import Transport

T = TypeVar("T")

_held: dict[tuple[asyncio.AbstractEventLoop, object], tuple[Any, AsyncGenerator[None, None]]] = {}


def held_by_loop(key: object, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
    """What everything in the running event loop shares under this key; it is closed when the loop shuts down."""
    place = (asyncio.get_running_loop(), key)
    found = _held.get(place)
    if found is None:
        made = make()
        guard = _until_loop_ends(place, made, close)
        # Runs the generator up to its yield, which registers it with the loop: `asyncio.run` closes all generators
        # before it closes the loop. That is the only hook that a loop has for its end, and better than `__del__`.
        try:
            anext(guard).send(None)
        except StopIteration:
            found = _held[place] = (made, guard)
    assert found is not None  # noqa: S101  (the generator yields at once; this tells the type checkers)
    return cast("T", found[0])


def let_go(key: object) -> None:
    """Forget what the running loop holds under this key, because it came to nothing."""
    _held.pop((asyncio.get_running_loop(), key), None)


async def _until_loop_ends(
    place: tuple[asyncio.AbstractEventLoop, object], made: T, close: Callable[[T], Awaitable[None]]
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        # A weak key would never go, for what is held itself holds its loop.
        if _held.pop(place, None) is not None:
            await close(made)


def new_transport() -> Transport:
    """A transport with connections of its own; whoever makes it closes it."""
    from ..adapters.transport_aiohttp import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow to import)

    return AiohttpTransport()


def loop_transport() -> Transport:
    """The transport that everything in the running event loop shares; it is closed when the loop shuts down."""
    return held_by_loop("transport", new_transport, _closed)


async def _closed(transport: Transport) -> None:
    await transport.close()
