"""`Transport` over aiohttp."""

from __future__ import annotations

import asyncio
import io
import urllib.request
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from ..data import CallerError, ProviderError
from ..wire import HttpReply, HttpRequest

MAX_BODY_BYTES = 256 * 1024 * 1024
"""No answer of a model is as large; a body that is comes from a server that means harm or is broken."""

_LARGE = 1024 * 1024

_HERE = frozenset({"localhost", "::1"})


class AiohttpTransport:
    """One connection pool in one event loop; opened by its first request, closed by `close`.

    `connect_timeout` and `read_timeout` are in seconds; the second is for silence between two pieces of a reply, since
    a whole answer may rightly take long. Proxies are read from the environment once, when it opens.
    """

    def __init__(self, *, connect_timeout: float = 10.0, read_timeout: float = 600.0) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout, sock_read=read_timeout)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._proxies: dict[str, str] = {}

    def exchange(self, request: HttpRequest) -> _Exchange:
        """One request and its reply, as a context."""
        if self._session is None:
            self._open()
        elif self._loop is not asyncio.get_running_loop():
            raise CallerError("this transport was opened in another event loop; make one for each loop")
        return _Exchange(self, request)

    async def close(self) -> None:
        """Close all connections; a later request opens new ones."""
        if self._session is not None:
            session, self._session = self._session, None
            self._loop = None
            await session.close()

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._proxies = urllib.request.getproxies()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
            timeout=self._timeout,
            # Providers have no business setting cookies, and a jar shared by all requests would carry them across.
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, request: HttpRequest) -> aiohttp.ClientResponse:
        """The reply's head; raises `ProviderError` where none comes."""
        if self._session is None:
            raise CallerError("this transport was closed while a request was about to leave")
        url = _address(request.path)
        # aiohttp warns about large bodies given as bytes, because it writes them in one go; a file is written in pieces.
        body = io.BytesIO(request.body) if len(request.body) > _LARGE else request.body
        try:
            return await self._session.request(
                request.method,
                url,
                data=body or None,
                headers=request.headers,
                # A redirect would carry the key to a place that nobody named.
                allow_redirects=False,
                proxy=self._proxy(url) if self._proxies else None,
            )
        except TimeoutError as error:
            raise ProviderError(f"{url.host} did not answer in time", kind="timeout") from error
        except aiohttp.ClientConnectorError as error:
            raise ProviderError(f"cannot reach {url.origin()}: {error.os_error}", kind="connection") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ProviderError(f"the request to {url.host} failed: {_words(error)}", kind="connection") from error

    def _proxy(self, url: URL) -> str | None:
        host = url.host or ""
        # A model server on this machine cannot be reached through another one, and few people remember `no_proxy`.
        if host in _HERE or host.startswith("127.") or urllib.request.proxy_bypass(host):
            return None
        return self._proxies.get(url.scheme) or self._proxies.get("all")


class _Exchange:
    """One request and its reply; the connection goes back to the pool if the reply was read to its end, else it is closed."""

    def __init__(self, transport: AiohttpTransport, request: HttpRequest) -> None:
        self._transport = transport
        self._request = request
        self._response: aiohttp.ClientResponse
        self.head: HttpReply

    async def __aenter__(self) -> Self:
        self._response = await self._transport.send(self._request)
        headers = {name.lower(): value for name, value in self._response.headers.items()}
        self.head = HttpReply(self._response.status, headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body in the pieces in which it arrives."""
        # No generator: one that is left early is closed by a task that the event loop starts some time later.
        return self

    def __aiter__(self) -> _Exchange:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._response.content.readany()
        except TimeoutError as error:
            raise ProviderError("the provider fell silent in the middle of its answer", kind="timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ProviderError(f"the answer broke off: {_words(error)}", kind="stream") from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def read(self) -> bytes:
        """The whole body."""
        pieces: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise ProviderError(f"the answer is larger than {MAX_BODY_BYTES} bytes", kind="server")
            pieces.append(chunk)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _address(text: str) -> URL:
    try:
        return URL(text)
    except ValueError as error:
        raise CallerError(f"{text!r} is no web address: {error}") from error


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
