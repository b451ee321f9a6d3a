"""The little of ASGI that our apps need: bodies in, replies out, and clients that hang up (asgi.readthedocs.io, 3.0)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

from ..wire import HttpReply, HttpRequest
from .access import KEY_HEADERS

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HANG_UP = "journeyman.hang_up"
"""Our server's ASGI extension that closes a request's connection: `scope["extensions"][HANG_UP](reset=True)`."""

CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "x-amz-security-token", *KEY_HEADERS})
"""Headers that prove who sends a request; they end at the door and are neither passed on nor kept."""


class HungUpError(Exception):
    """The client went away before its request was complete; there is nobody left to answer."""


class TooLargeError(Exception):
    """The body of a request is larger than the limit."""


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request; of one that came twice the last counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def path_of(scope: Scope) -> str:
    """The path below the place where the app is mounted."""
    path: str = scope["path"]
    mounted: str = scope.get("root_path", "")
    return path[len(mounted) :] if mounted and path.startswith(f"{mounted}/") else path


def raw_path(scope: Scope) -> str:
    """The path and the query as they were sent, but for a key in it."""
    # A server need not tell the path as it came, and names of models hold what only then can be told from separators.
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    # Google's clients may put their key there.
    pairs: list[bytes] = scope.get("query_string", b"").split(b"&")
    query = b"&".join(pair for pair in pairs if not pair.startswith(b"key="))
    return (path + b"?" + query if query else path).decode("latin-1")


def request_of(scope: Scope, path: str, body: bytes) -> HttpRequest:
    """A request as a value, without its credentials."""
    headers = {name: value for name, value in headers_of(scope).items() if name not in CREDENTIALS}
    return HttpRequest(scope["method"], path, headers, body)


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body of a request. Raises `HungUpError`, and `TooLargeError` if it is larger than the limit."""
    declared = headers_of(scope).get("content-length", "")
    size = 0
    too_large = declared.isdecimal() and int(declared) > limit
    pieces: list[bytes] = []
    more = True
    # What is too large is read on for a while and thrown away, because a client that is cut off in the middle of its
    # request does not get to read why.
    while more and size <= 2 * limit:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise HungUpError
        piece: bytes = event.get("body", b"")
        more = event.get("more_body", False)
        size += len(piece)
        too_large = too_large or size > limit
        if too_large:
            pieces.clear()
        else:
            pieces.append(piece)
    if too_large:
        raise TooLargeError
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def send_head(send: Send, status: int, headers: Mapping[str, str]) -> None:
    """Send the first part of a reply."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def send_piece(send: Send, body: bytes, *, more: bool) -> None:
    """Send a part of a reply's body."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def send_reply(send: Send, reply: HttpReply) -> None:
    """Send a whole reply."""
    await send_head(send, reply.status, {**reply.headers, "content-length": str(len(reply.body))})
    await send_piece(send, reply.body, more=False)


async def while_connected(receive: Receive, *work: Coroutine[Any, Any, None]) -> bool:
    """Do the work until its last part is done; False if the client hung up first, and all of it was cancelled.

    The body of the request must have been read.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(part) for part in work]
        watching = group.create_task(_hang_up(receive))

        def stop_work(_: object) -> None:
            for task in tasks:
                task.cancel()

        def stop_watching(_: object) -> None:
            watching.cancel()

        watching.add_done_callback(stop_work)
        tasks[-1].add_done_callback(stop_watching)
    return watching.cancelled()


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def lifespan(receive: Receive, send: Send, *work: Callable[[], Awaitable[object]]) -> None:
    """Answer a server that asks an app to start and to stop, doing the two `work` that there is for it, if there is any."""
    for step in work or (None, None):
        kind: str = (await receive())["type"]
        if step is not None:
            try:
                await step()
            except Exception as error:  # noqa: BLE001  (the server has a message for it, and ends)
                await send({"type": f"{kind}.failed", "message": str(error)})
                return
        await send({"type": f"{kind}.complete"})
