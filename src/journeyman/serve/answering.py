"""Ask a model what a client asked, and send what it says, whole or as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from ..data import Delta, ModelRequest, ModelResponse
from ..models import Emit, Model
from ..wire import Dialect, Stamp, StreamRenderer
from .asgi import Receive, Send, send_head, send_piece, send_reply, while_connected
from .refusals import Refusal, refusal_of, refused

_STREAM = {
    "cache-control": "no-cache",
    # nginx holds streams back until it has a page full, unless it is told not to.
    "x-accel-buffering": "no",
}
_SSE = "text/event-stream"
_PING = b": ping\n\n"
"""A comment, which readers of server-sent events pass over (WHATWG HTML, section 9.2.6), and proxies take for life."""


class Question(msgspec.Struct, frozen=True):
    """What a client asked of which model, on which wire; a stream that is silent for `ping` seconds gets a sign of life."""

    wire: Dialect
    model: Model
    asked: ModelRequest
    stamp: Stamp
    ping: float

    async def ask(self, emit: Emit | None = None) -> ModelResponse:
        """Ask the model, which goes by its own name."""
        return await self.model.respond(replace(self.asked, model=""), emit)


async def answer(question: Question, receive: Receive, send: Send) -> None:
    """Answer as the client wants it; one that hangs up cancels the question."""
    if question.asked.stream:
        outlet = _Outlet()
        renderer = question.wire.renderer(question.stamp)
        await while_connected(receive, _fill(outlet, question, renderer), _drain(outlet, question, send))
    else:
        await while_connected(receive, _whole(question, send))


async def _whole(question: Question, send: Send) -> None:
    try:
        reply = question.wire.render(await question.ask(), question.stamp)
    except Exception as error:  # noqa: BLE001  (whatever a model raises, its client gets an answer)
        reply = refused(question.wire, refusal_of(error))
    await send_reply(send, reply)


class _Outlet:
    """Bytes on their way from a model, which does not wait, to a client, which may be slow."""

    def __init__(self) -> None:
        self.refusal: Refusal | None = None
        self.farewell = b""
        self._pending: list[bytes] = []
        self._wake = asyncio.Event()
        self._over = False

    def put(self, data: bytes) -> None:
        # Nothing is no piece: not every delta shows on every wire, and an empty piece means the end.
        if data:
            self._pending.append(data)
            self._wake.set()

    def close(self, refusal: Refusal | None = None, farewell: bytes = b"") -> None:
        self.refusal = refusal
        self.farewell = farewell
        self._over = True
        self._wake.set()

    async def take(self) -> bytes:
        """What has come since the last time, as soon as there is something; nothing when it is over."""
        while not (self._pending or self._over):
            self._wake.clear()
            await self._wake.wait()
        data = b"".join(self._pending)
        self._pending.clear()
        return data


async def _fill(outlet: _Outlet, question: Question, renderer: StreamRenderer) -> None:
    def emit(deltas: Sequence[Delta]) -> None:
        outlet.put(b"".join(map(renderer.feed, deltas)))

    try:
        outlet.put(renderer.finish(await question.ask(emit)))
        outlet.close()
    except Exception as error:  # noqa: BLE001  (whatever a model raises, its client gets an answer)
        refusal = refusal_of(error)
        outlet.close(refusal, renderer.fail(refusal.status, refusal.message))


async def _drain(outlet: _Outlet, question: Question, send: Send) -> None:
    # The reply begins with the first bytes of the answer: an error before them still has a status of its own.
    wire = question.wire
    data = await outlet.take()
    if outlet.refusal is not None and not data:
        await send_reply(send, refused(wire, outlet.refusal))
        return
    await send_head(send, 200, {"content-type": wire.stream_type, **_STREAM})
    pings = wire.stream_type.startswith(_SSE)
    while data:
        await send_piece(send, data, more=True)
        data = await (_or_ping(outlet, question.ping) if pings else outlet.take())
    await send_piece(send, outlet.farewell, more=False)


async def _or_ping(outlet: _Outlet, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await outlet.take()
    except TimeoutError:
        return _PING
