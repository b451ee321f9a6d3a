"""A model over a dialect and a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from ..data import HIDDEN, ModelRequest, ModelResponse, ProviderError, deltas_of, scrub
from ..providers import Capabilities, Endpoint
from ..wire import Dialect, HttpReply, HttpRequest, ReplyStream, Transport
from .model import Emit

_CREDENTIALS = frozenset({"authorization", "x-api-key"})


class WiredModel:
    """Encodes with a dialect, sends over a transport, decodes.

    `where` is asked at the first request, so that a model can be named before its key is there. `shared` gives the
    transport that the running event loop already has; inside `async with model` a transport of its own, made by `fresh`,
    is used instead and closed at the end (without `fresh`, the shared one is used there too).
    """

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        *,
        where: Callable[[], Endpoint],
        capabilities: Capabilities,
        shared: Callable[[], Transport],
        fresh: Callable[[], Transport] | None,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.capabilities = capabilities
        self._model = name.partition(":")[2]
        self._where = where
        self._endpoint: Endpoint | None = None
        self._headers: dict[str, str] = {}
        self._shared = shared
        self._fresh = fresh
        self._own: dict[asyncio.AbstractEventLoop, tuple[Transport, int]] = {}

    async def respond(self, request: ModelRequest, emit: Emit | None = None) -> ModelResponse:
        """Ask, and wait for the whole answer; with `emit` it is streamed."""
        outgoing = self._outgoing(request, stream=emit is not None)
        try:
            async with self._transport().exchange(outgoing) as reply:
                if emit is None or not _is_stream(reply.head):
                    return await self._whole(reply, emit)
                return await self._streamed(reply, emit)
        except ProviderError as error:
            raise self._scrubbed(error) from error.__cause__

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The request as it would leave, the key hidden."""
        outgoing = self._outgoing(request, stream=stream)
        shown = {name: HIDDEN if name in _CREDENTIALS else value for name, value in outgoing.headers.items()}
        return replace(outgoing, headers=shown)

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

    def _outgoing(self, request: ModelRequest, *, stream: bool) -> HttpRequest:
        if self._endpoint is None:
            self._endpoint = self._where()
            self._headers = self._endpoint.headers()
        if not request.model:
            request = replace(request, model=self._model)
        encoded = self.dialect.encode(request, stream=stream)
        address = self._endpoint.base_url + encoded.path
        return HttpRequest(encoded.method, address, {**encoded.headers, **self._headers}, encoded.body)

    async def _whole(self, reply: ReplyStream, emit: Emit | None) -> ModelResponse:
        head = reply.head
        response = self.dialect.decode(HttpReply(head.status, head.headers, await reply.read()))
        if emit is not None:
            # A server that does not stream, though it was asked to, is still heard.
            emit(list(deltas_of(response.message)))
        return response

    async def _streamed(self, reply: ReplyStream, emit: Emit) -> ModelResponse:
        decoder = self.dialect.decoder(reply.head)
        async for chunk in reply.chunks():
            deltas = decoder.feed(chunk)
            if deltas:
                emit(deltas)
        return decoder.finish()

    def _scrubbed(self, error: ProviderError) -> ProviderError:
        secrets = [] if self._endpoint is None or self._endpoint.key is None else [self._endpoint.key]
        return ProviderError(
            f"{self.name}: {scrub(error.message, secrets)}",
            status=error.status,
            kind=error.kind,
            retry_after=error.retry_after,
            body=scrub(error.body, secrets),
        )


def _is_stream(head: HttpReply) -> bool:
    return 200 <= head.status < 300 and "json" not in head.headers.get("content-type", "")  # noqa: PLR2004  (HTTP's own lines)
