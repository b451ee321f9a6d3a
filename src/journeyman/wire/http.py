"""What goes over HTTP, as plain values, and the protocol of whatever carries it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec


class HttpRequest(msgspec.Struct, frozen=True):
    """A request; `path` begins at the vendor's base address, header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


class HttpReply(msgspec.Struct, frozen=True):
    """A reply, or the head of one whose body is still to come; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class ReplyStream(Protocol):
    """A reply whose head is here and whose body comes in pieces, cut anywhere."""

    head: HttpReply

    def chunks(self) -> AsyncIterator[bytes]: ...
    async def read(self) -> bytes: ...


class Transport(Protocol):
    """Carries requests; opened with its first request and closed by whoever made it.

    `path` of a request given to it is the whole address. Raises `ProviderError` of kind `connection`, `timeout` or
    `stream` when no reply, or no whole one, comes. Leaving the context, or cancelling, closes the connection at once.
    """

    def exchange(self, request: HttpRequest) -> AbstractAsyncContextManager[ReplyStream]: ...
    async def close(self) -> None: ...
