"""One client that follows one run, from the door to the end of its stream."""

from __future__ import annotations

import asyncio
import logging
import re

from ....wire import HttpReply
from ...asgi import HANG_UP, Event, Receive, Scope, Send, headers_of, while_connected
from ..bodies import cursor_of, name_of, query_of
from ..desk import Desk
from .following import follow
from .outlet import Outlet
from .telling import Channel, EventStream, SlowError, Socket, tell

logger = logging.getLogger(__name__)

EVENTS = re.compile(r"/runs/([^/]+)/events")
"""Where runs are followed."""

SUBPROTOCOL = "journeyman"
"""What a WebSocket client may ask for; it need not."""


async def watch(desk: Desk, run: str, scope: Scope, receive: Receive, send: Send) -> HttpReply | None:
    """Follow a run until it has ended for good, the client goes away or is too slow.

    Gives a reply where there is nothing to follow: 204 tells a browser that came back not to come again (WHATWG HTML,
    section 9.2). Raises `Refusal`.
    """
    query = query_of(scope.get("query_string", b""), ("after", "name"))
    after, name = cursor_of(query, headers_of(scope)), name_of(query)
    socket = scope["type"] == "websocket"
    if await desk.is_over(run, after) and not desk.workshop.works_on(run) and not socket:
        return HttpReply(204, {})
    outlet = Outlet(after, desk.bounds.max_unread)
    channel: Channel = Socket(send, _subprotocol(scope)) if socket else EventStream(send)
    with desk.presence.watching(run, name, outlet):
        filling = follow(desk.workshop, desk.log, run, outlet)
        telling = _tell(desk, run, outlet, channel, scope)
        await while_connected(_until_gone(receive), filling, telling)
    return None


async def _tell(desk: Desk, run: str, outlet: Outlet, channel: Channel, scope: Scope) -> None:
    try:
        await tell(run, outlet, channel, desk.presence.of, desk.bounds)
    except SlowError:
        hang_up = scope.get("extensions", {}).get(HANG_UP)
        if hang_up is not None:
            hang_up(reset=True)
            # The server now tells that the client is gone, which ends all this.
            await asyncio.Event().wait()
    except OSError:
        # How servers tell that the client is gone (ASGI, "Disconnected Client - send exception").
        pass
    except Exception:
        logger.exception("run %s could not be told to a watcher", run)
    finally:
        outlet.close()


def _until_gone(receive: Receive) -> Receive:
    async def event() -> Event:
        found = await receive()
        # What clients say on a WebSocket is not heard: they ask by POST, where there are answers.
        return {"type": "http.disconnect"} if found["type"] == "websocket.disconnect" else found

    return event


def _subprotocol(scope: Scope) -> str | None:
    return SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
