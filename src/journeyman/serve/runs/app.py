"""Runs over HTTP: begun, followed, answered and ended by whoever may."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from ...agents import Agent
from ...agents.options import RunOptions
from ...compose import clock, open_journal
from ...data import CallerError, Secret
from ...journal import Log
from ...wire import HttpReply
from ..access import checked_token
from ..asgi import (
    HungUpError,
    Receive,
    Scope,
    Send,
    headers_of,
    lifespan,
    path_of,
    send_reply,
)
from ..door import body_of, let_in
from ..refusals import Refusal
from .bodies import run_id
from .bounds import RunBounds
from .desk import Desk, Request
from .refusing import refusal_of, refused
from .resting.rest import Rest
from .resting.rounds import Rounds
from .resting.webhooks import Webhooks
from .shown import reply
from .watchers.presence import Presence
from .watchers.watching import EVENTS, SUBPROTOCOL, watch
from .workshop import Workshop

GRACE = 5.0
"""Seconds that runs at work have to rest when the app is closed."""

_Answered = Callable[[Desk, Request], Awaitable[HttpReply]]

_ROUTES: tuple[tuple[str, Mapping[str, _Answered]], ...] = (
    (r"/agents", {"GET": Desk.agents}),
    (r"/runs", {"GET": Desk.listed, "POST": Desk.start}),
    (r"/runs/([^/]+)", {"GET": Desk.show}),
    (r"/runs/([^/]+)/facts", {"GET": Desk.facts}),
    # To be followed with GET, which is no matter of one answer.
    (EVENTS.pattern, {}),
    (r"/runs/([^/]+)/answers", {"POST": Desk.answers}),
    (r"/runs/([^/]+)/resume", {"POST": Desk.resume}),
    (r"/runs/([^/]+)/pause", {"POST": Desk.pause}),
    (r"/runs/([^/]+)/stop", {"POST": Desk.stop}),
    (r"/runs/([^/]+)/cancel", {"POST": Desk.cancel}),
    (r"/runs/([^/]+)/fork", {"POST": Desk.fork}),
)
_MATCHES = tuple((re.compile(pattern).fullmatch, methods) for pattern, methods in _ROUTES)

_BEARER = f"{SUBPROTOCOL}.bearer."


class Runs:
    """An ASGI app that begins runs of `agents` on a journal and lets others follow, answer and end them.

    The journal is the truth: what another process writes there is shown, too. Clients show the `token` as
    `Authorization: Bearer`; without one, requests are answered that were sent to this machine or to one of `hosts` by name,
    and not by a web page from elsewhere. `options` go to each run (`deps`, `callbacks`, …). `webhooks` are told of runs that
    come to rest here, and of those that wait in the journal.

    Inside `async with`, or as the only app of a server that has a lifespan, the journal is open from the beginning: runs
    that wait are found and woken when their time comes. At the end runs that are at work are told to rest. Else it is opened
    by the first request, and `close` is the caller's to call. It belongs to one event loop. Raises `CallerError` for two
    agents of one name, and for an empty token.
    """

    def __init__(  # noqa: PLR0913  (a public constructor; most of it is what every server has)
        self,
        agents: Agent[Any] | Iterable[Agent[Any]],
        journal: str | Log,
        *,
        token: Secret | None = None,
        hosts: Collection[str] = (),
        bounds: RunBounds = RunBounds(),  # noqa: B008  (a frozen value)
        options: RunOptions | None = None,
        webhooks: Webhooks | None = None,
    ) -> None:
        self.agents = _by_name([agents] if isinstance(agents, Agent) else agents)
        self.token = checked_token(token)
        self._journal = journal
        self._hosts = frozenset(host.lower() for host in ([hosts] if isinstance(hosts, str) else hosts))
        self._bounds = bounds
        self._options: RunOptions = options or {}
        self._webhooks = webhooks
        self._presence = Presence(bounds.max_watchers, clock)
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._desk: Desk | None = None
        self._rounds: Rounds | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                await self._websocket(scope, receive, send)
            case _:
                await lifespan(receive, send, self._opened, self.close)

    async def close(self, grace: float = GRACE) -> None:
        """Have runs at work rest after their iteration, cut off those that do not in `grace` seconds; close the journal."""
        if self._desk is not None:
            await self._desk.workshop.close(grace)
        if self._rounds is not None:
            await self._rounds.close()
        self._desk = self._rounds = None
        if self._webhooks is not None:
            await self._webhooks.close(grace)
        await self._stack.aclose()

    def dismiss(self) -> None:
        """End the streams of all watchers, who may come back: the server is about to end, and they would keep it waiting."""
        self._presence.dismiss()

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # --- one request ----------------------------------------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            followed = EVENTS.fullmatch(_path(scope))
            if followed is not None and scope["method"] == "GET":
                let_in(headers_of(scope), self.token, self._hosts)
                found = await watch(await self._opened(), run_id(followed[1]), scope, receive, send)
            else:
                found = await self._answered(scope, receive)
        except HungUpError:
            return
        except Exception as error:  # noqa: BLE001  (whatever happens, a client gets an answer)
            found = refused(refusal_of(error))
        if found is not None:
            await send_reply(send, found)

    async def _answered(self, scope: Scope, receive: Receive) -> HttpReply:
        path, method, headers = _path(scope), scope["method"], headers_of(scope)
        # What stands before servers looks after them with either.
        if path == "/health" and method in ("GET", "HEAD"):
            return reply({"status": "ok"})
        let_in(headers, self.token, self._hosts)
        run, methods = _route(path)
        handler = methods.get(method)
        if handler is None:
            allowed = tuple(methods) or ("GET",)
            raise Refusal(405, f"{path} takes {' or '.join(allowed)}", allow=", ".join(allowed))
        body, bounds = b"", self._bounds
        if method == "POST":
            body = await body_of(scope, receive, seconds=bounds.body_seconds, most=bounds.max_body_bytes)
        request = Request(headers, scope.get("query_string", b""), _mounted_at(scope, path), run, body)
        return await handler(await self._opened(), request)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            let_in(_with_bearer(scope), self.token, self._hosts)
            found = await watch(await self._opened(), _followed(_path(scope)), scope, receive, send)
        except Exception as error:  # noqa: BLE001  (whatever happens, a client gets an answer)
            found = refused(refusal_of(error))
        if found is not None:
            await _refuse_upgrade(scope, send, found)

    # --- what requests need ----------------------------------------------------------------------------------------------

    async def _opened(self) -> Desk:
        async with self._opening:
            if self._desk is None:
                log = await self._stack.enter_async_context(open_journal(self._journal))
                workshop = Workshop(self.agents, log, self._options, self._bounds.max_runs, self._rested)
                self._desk = Desk(self.agents, log, workshop, self._presence, self._bounds)
                self._rounds = Rounds(log, workshop, self._webhooks, self._bounds.rounds_seconds)
                self._rounds.start()
            return self._desk

    def _rested(self, rest: Rest) -> None:
        if self._webhooks is not None and self._desk is not None:
            self._webhooks.tell(rest, self._desk.workshop.note)


def _by_name(agents: Iterable[Agent[Any]]) -> Mapping[str, Agent[Any]]:
    named: dict[str, Agent[Any]] = {}
    for agent in agents:
        if agent.name in named:
            # A run is taken up by the agent whose name is on its journal.
            raise CallerError(f"two agents are named {agent.name!r}; give one of them another name=")
        named[agent.name] = agent
    return named


def _path(scope: Scope) -> str:
    # Litestar adds a slash where there was none.
    return path_of(scope).removesuffix("/")


def _mounted_at(scope: Scope, path: str) -> str:
    """What stands before our own part of an address; not all who mount apps say it as `root_path`."""
    sent = (scope.get("raw_path") or b"").decode("latin-1").partition("?")[0].removesuffix("/")
    root: str = scope.get("root_path", "")
    return sent.removesuffix(path) if sent.endswith(path) else root


def _route(path: str) -> tuple[str, Mapping[str, _Answered]]:
    for matches, methods in _MATCHES:
        found = matches(path)
        if found is not None:
            return (run_id(found[1]) if found.re.groups else ""), methods
    raise Refusal(404, f"there is nothing at {path}; there are /agents, /runs, /runs/{{run}} and what is below it")


def _followed(path: str) -> str:
    found = EVENTS.fullmatch(path)
    if found is None:
        raise Refusal(404, "runs are followed at /runs/{run}/events")
    return run_id(found[1])


def _with_bearer(scope: Scope) -> Mapping[str, str]:
    """The headers of a request to open a WebSocket, with the token that a browser can only send as a subprotocol."""
    # In an address it would end up in logs; Kubernetes' API server has it in a subprotocol, too.
    headers = headers_of(scope)
    for name in scope.get("subprotocols", ()):
        if name.startswith(_BEARER):
            text = name.removeprefix(_BEARER)
            try:
                token = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("latin-1")
            except (binascii.Error, ValueError):
                continue
            return {**headers, "authorization": f"Bearer {token}"}
    return headers


async def _refuse_upgrade(scope: Scope, send: Send, refused: HttpReply) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": str(refused.status)})
        return
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in refused.headers.items()]
    await send({"type": "websocket.http.response.start", "status": refused.status, "headers": raw})
    await send({"type": "websocket.http.response.body", "body": refused.body, "more_body": False})
    # Until the connection is gone, which takes a turn of the loop, uvicorn takes an app that returns for one that forgot to answer.
    await asyncio.sleep(0)
