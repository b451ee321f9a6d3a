"""The line to a vendor: where requests go, what proves who sends them, and the connections that carry them.

A model and an embedder each hold one; what goes over it is theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from ..data import HIDDEN, ProviderError, Secret, scrub
from ..providers import Authorize, Endpoint, secrets_of, shown_address
from ..wire import HttpRequest, ReplyStream, Transport

_CREDENTIALS = frozenset(
    {"authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token", "proxy-authorization", "cookie"}
)


class Line:
    """Where a vendor is reached, and how.

    `name` stands before each error. `where` is asked at the first request, so that a model can be named before its key is
    there. `shared` gives the transport that the running event loop already has; inside `async with line` a transport of
    its own, made by `fresh`, is used instead and closed at the end (without `fresh`, the shared one is used there too).
    """

    def __init__(
        self,
        name: str,
        *,
        where: Callable[[], Endpoint],
        shared: Callable[[], Transport],
        fresh: Callable[[], Transport] | None,
    ) -> None:
        self.name = name
        self._where = where
        self._endpoint: Endpoint | None = None
        self._headers: dict[str, str] = {}
        self._shared = shared
        self._fresh = fresh
        self._own: dict[asyncio.AbstractEventLoop, tuple[Transport, int]] = {}

    @property
    def endpoint(self) -> Endpoint:
        """Where requests go; raises `CallerError` where a key or an address is missing."""
        if self._endpoint is None:
            self._endpoint = self._where()
            self._headers = {**dict(self._endpoint.vendor.headers), **self._endpoint.headers()}
        return self._endpoint

    @property
    def authorize(self) -> Authorize | None:
        """What each request has to go through before it leaves, if the key alone is not enough."""
        return self.endpoint.authorize

    def outgoing(self, encoded: HttpRequest) -> HttpRequest:
        """A request of a dialect with the whole address, and with the key where that is a constant."""
        address = self.endpoint.address(encoded.path)
        return HttpRequest(encoded.method, address, {**encoded.headers, **self._headers}, encoded.body)

    def shown(self, outgoing: HttpRequest) -> HttpRequest:
        """The same for people's eyes: nothing in it lets anybody else send one."""
        kept = dict(self.endpoint.vendor.headers)
        hidden = _CREDENTIALS | (self._headers.keys() - kept.keys())
        headers = {name: HIDDEN if name in hidden else value for name, value in outgoing.headers.items()}
        return replace(outgoing, path=shown_address(outgoing.path), headers=headers)

    def exchange(self, outgoing: HttpRequest) -> AbstractAsyncContextManager[ReplyStream]:
        """Send a request and hear its reply, over the connections of this event loop."""
        return self._transport().exchange(outgoing)

    def scrubbed(self, error: ProviderError, outgoing: HttpRequest) -> ProviderError:
        """The error with the name of who was asked and without what proves who asked: providers repeat wrong keys."""
        # What was really sent, for a signer may have found its own.
        sent = [value.removeprefix("Bearer ") for name, value in outgoing.headers.items() if name in _CREDENTIALS]
        secrets = [*map(Secret, sent), *secrets_of(outgoing.path)]
        if self._endpoint is not None and self._endpoint.key is not None:
            secrets.append(self._endpoint.key)
        return ProviderError(
            f"{self.name}: {scrub(error.message, secrets)}",
            status=error.status,
            kind=error.kind,
            retry_after=error.retry_after,
            body=scrub(error.body, secrets),
        )

    async def __aenter__(self) -> Self:
        if self._fresh is not None:
            # Several agents may hold one model open; what it opened is closed with the last of them.
            loop = asyncio.get_running_loop()
            transport, holders = self._own.get(loop) or (self._fresh(), 0)
            self._own[loop] = (transport, holders + 1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._fresh is not None:
            loop = asyncio.get_running_loop()
            transport, holders = self._own.pop(loop)
            if holders > 1:
                self._own[loop] = (transport, holders - 1)
            else:
                await transport.close()

    def _transport(self) -> Transport:
        # A connection pool belongs to one event loop; a blocking twin of the same agent runs in another.
        own = self._own.get(asyncio.get_running_loop()) if self._own else None
        return self._shared() if own is None else own[0]
