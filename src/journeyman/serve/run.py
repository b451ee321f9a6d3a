"""Runs an ASGI app on uvicorn, in the event loop that is already running."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..data import CallerError
from .access import check_binding
from .asgi import HANG_UP, App, Receive, Scope, Send
from .gateway import Gateway
from .runs import Beside, Runs

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

_BUSY: Any = object()

MAX_HEADER_BYTES = 32 * 1024
"""How much of an unfinished head is kept; a whole one with a key and a trace needs a few hundred bytes."""

HEAD_SECONDS = 30.0
"""A connection without the whole head of a request is hung up on after as many seconds, and at most twice as many."""

MAX_MESSAGE_BYTES = 4 * 1024
"""How large a message on a WebSocket may be; our apps tell there and do not listen."""


@asynccontextmanager
async def serving(app: App, host: str = "127.0.0.1", port: int = 0, *, grace: float = 0.0) -> AsyncGenerator[str, None]:
    """Serve an app as long as the context is open; gives its address, such as `http://127.0.0.1:49152`.

    Port 0 takes a free one. At the end nothing new is let in, requests under way get `grace` seconds to finish, and what
    is left is cut off and cancelled. Raises `CallerError` where it cannot listen, without uvicorn, and for a gateway or
    an app of runs that has no token and would be reachable from outside.
    """
    if isinstance(app, Gateway | Runs | Beside):
        check_binding(host, app.token)
    server = _Server(app)
    url = await server.listen(host, port)
    try:
        yield url
    finally:
        if isinstance(app, Runs | Beside):
            app.dismiss()
        await server.close(grace)


class _Server:
    """uvicorn's protocol under a listener of our own.

    `uvicorn.Server` was rejected: it takes over signals, ends the process when a port is taken, and polls ten times a
    second, so that a test would wait 0.2 s for each server that it stops.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._closing = False
        self._idle: dict[Any, Any] = {}
        self._config, self._state = _uvicorn(self._call)

    async def listen(self, host: str, port: int) -> str:
        """Open the port and give the address."""
        try:
            self._listener = await asyncio.get_running_loop().create_server(self._protocol, host, port)
        except (OSError, OverflowError) as error:
            raise CallerError(f"cannot listen on {host}:{port}: {error}") from error
        self._sweep_later()
        return _url(*self._listener.sockets[0].getsockname()[:2])

    async def close(self, grace: float) -> None:
        """Let nothing new in, give what is under way its time, then end it."""
        self._closing = True
        self._sweeping.cancel()
        self._listener.close()
        state = self._state
        if grace > 0 and state.tasks:
            for connection in list(state.connections):
                connection.shutdown()
            await asyncio.wait(state.tasks, timeout=grace)
        for connection in list(state.connections):
            connection.transport.abort()
        # Aborted ones are gone after a turn or two of the loop, and uvicorn has no event for it.
        while state.connections:  # noqa: ASYNC110  (see above)
            await asyncio.sleep(0)
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.wait_closed()

    def _sweep_later(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Hang up on connections that were without a request at the last sweep and are still, with nothing in between.

        uvicorn waits for a head for ever, so that whoever opens connections and says nothing, or a letter a minute, would
        soon have all that the system gives a process.
        """
        connections: set[Any] = set(self._state.connections)
        idle = {connection: connection.cycle for connection in connections if _waits_for_head(connection)}
        for connection, request in idle.items():
            if connection in self._idle and self._idle[connection] is request:
                connection.transport.close()
        self._idle = idle
        self._sweep_later()

    def _protocol(self) -> asyncio.Protocol:
        protocol = self._config.http_protocol_class(config=self._config, server_state=self._state, app_state={})  # type: ignore[call-arg]  # uvicorn declares the class by its stdlib parent
        # Said here and not in the configuration, which would silence the logger of every uvicorn in the process.
        protocol.access_log = False  # type: ignore[attr-defined]  # likewise
        return protocol

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[HANG_UP] = partial(self._hang_up, scope["client"])
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # uvicorn would log it as a failure of the app; here it is how the server ends.
            if not self._closing:
                raise

    def _hang_up(self, client: tuple[str, int], *, reset: bool = False) -> None:
        for connection in list(self._state.connections):
            transport = connection.transport
            if transport.get_extra_info("peername")[:2] == client:
                if reset:
                    # Closing with a linger time of zero sends RST instead of FIN (socket(7)).
                    raw: socket.socket = transport.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    transport.abort()
                else:
                    transport.close()


def _waits_for_head(connection: object) -> bool:
    # uvicorn's name for a request and its answer; a WebSocket has none.
    cycle: Any = getattr(connection, "cycle", _BUSY)
    return cycle is None or (cycle is not _BUSY and cycle.response_complete)


def _url(host: str, port: int) -> str:
    # Nobody can connect to "all addresses"; this machine is one of them.
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (it is not bound here)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _uvicorn(app: App) -> tuple[Config, ServerState]:
    try:
        from uvicorn.config import Config  # noqa: PLC0415  (an optional dependency)
        from uvicorn.server import ServerState  # noqa: PLC0415  (likewise)
    except ImportError as error:
        raise CallerError('serving needs uvicorn: pip install "journeyman[serve]"') from error
    config = Config(
        app,
        # h11 everywhere, and not whatever is installed: only for it can the size of headers be limited.
        http="h11",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        loop="none",
        # Frames as a pure codec; uvicorn's other class for this package uses an interface that the package gives up.
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        proxy_headers=False,
    )
    try:
        config.load()
    except ImportError as error:
        raise CallerError('serving needs websockets: pip install "journeyman[serve]"') from error
    return config, ServerState()
