"""Picks adapters from a URL or a name; the only core module that names one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

from .data import CallerError, ModelUsage
from .journal import Log
from .models import Model, WiredModel
from .providers import Rates, cost_of, endpoint, vendor_and_model
from .wire import Transport, dialect

_transports: dict[asyncio.AbstractEventLoop, tuple[Transport, AsyncGenerator[None, None]]] = {}
_rates: dict[str, Rates | None] = {}


def open_model(
    name: str, *, base_url: str | None = None, api_key: str | None = None, transport: Transport | None = None
) -> WiredModel:
    """A model by the name `vendor:model`; its address and key come from the arguments or the environment.

    A missing key is an error of the first request, so that programs can be imported without one. Inside
    `async with open_model(…)` it has connections of its own; else it shares those of the running event loop. A `transport`
    that is passed in stays its caller's to close. Raises `CallerError` for an unknown vendor.
    """
    vendor, model = vendor_and_model(name)
    wire = dialect(vendor.dialect, vendor.quirks)
    return WiredModel(
        f"{vendor.name}:{model}",
        wire,
        where=lambda: endpoint(vendor, os.environ, base_url=base_url, api_key=api_key),
        capabilities=vendor.capabilities_of(model),
        shared=loop_transport if transport is None else lambda: transport,
        fresh=new_transport if transport is None else None,
    )


def model_of(model: str | Model) -> Model:
    """A model from its name, or the model itself."""
    return open_model(model) if isinstance(model, str) else model


def new_memory_log() -> Log:
    """A log that lasts as long as somebody holds it."""
    from .adapters.log_memory import MemoryLog  # noqa: PLC0415  (an adapter is imported when it is used)

    return MemoryLog()


def new_transport() -> Transport:
    """A transport with connections of its own; whoever makes it closes it."""
    from .adapters.transport_aiohttp import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow to import)

    return AiohttpTransport()


def loop_transport() -> Transport:
    """The transport that everything in the running event loop shares; it is closed when the loop shuts down."""
    loop = asyncio.get_running_loop()
    found = _transports.get(loop)
    if found is None:
        transport = new_transport()
        guard = _until_loop_ends(loop, transport)
        # Runs the generator up to its yield, which registers it with the loop: `asyncio.run` closes all generators
        # before it closes the loop. That is the only hook that a loop has for its end, and better than `__del__`.
        try:
            anext(guard).send(None)
        except StopIteration:
            found = _transports[loop] = (transport, guard)
    assert found is not None  # noqa: S101  (the generator yields at once; this tells the type checkers)
    return found[0]


async def _until_loop_ends(loop: asyncio.AbstractEventLoop, transport: Transport) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        # A weak key would never go, for the transport itself holds its loop.
        del _transports[loop]
        await transport.close()


@asynccontextmanager
async def open_journal(journal: str | Log) -> AsyncGenerator[Log, None]:
    """A log by its URL: `memory:` or `sqlite:///path.db`; closed at the end. A log itself is passed through, left open.

    `sqlite:///path.db?synchronous=normal` does not wait for the disk: it is quicker, and what was written last may be lost
    with the machine's power (not with the process).

    Raises `CallerError` for an address that is neither.
    """
    if not isinstance(journal, str):
        yield journal
        return
    log = _log(journal)
    try:
        yield log
    finally:
        await log.close()


def _log(url: str) -> Log:
    from .adapters.log_memory import MemoryLog  # noqa: PLC0415  (an adapter is imported when it is used)

    if url == "memory:":
        return MemoryLog()
    scheme, found, path = url.partition(":///")
    path, _, choice = path.partition("?synchronous=")
    if scheme == "sqlite" and found and path:
        from .adapters.log_sqlite import SqliteLog  # noqa: PLC0415  (likewise)

        return SqliteLog(path, synchronous=cast("Any", choice.upper() or "FULL"))
    raise CallerError(
        f'{url!r} is no address of a journal; use "memory:", "sqlite:///runs.db" or "sqlite:////abs/path.db"'
    )


def get_model_rates(model: str) -> Rates | None:
    """What a model's tokens cost: what `set_model_rates` said, else the bundled price list; None where nobody knows."""
    model = _full_name(model)
    if model not in _rates:
        from .adapters.prices_genai import list_rates  # noqa: PLC0415  (the price list is slow to import)

        _rates[model] = list_rates(model)
    return _rates[model]


def set_model_rates(model: str, rates: Rates) -> None:
    """Say what a model's tokens cost, for this process."""
    _rates[_full_name(model)] = rates


def _full_name(model: str) -> str:
    # As models are named everywhere else, so that rates for openai/gpt-5 are found for openai:gpt-5.
    try:
        vendor, name = vendor_and_model(model)
    except CallerError:
        return model
    return f"{vendor.name}:{name}"


def cost(used: tuple[ModelUsage, ...]) -> int | None:
    """The cost in nano-dollars, or None where a price is unknown."""
    return cost_of(used, get_model_rates)


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def new_run_id() -> str:
    """An id that sorts by time: 12 hexadecimal digits of milliseconds, then 14 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(7).hex()}"
