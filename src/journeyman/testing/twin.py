"""The provider twin: a model or a script behind the wires of real providers, on a loopback address, with faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self, TypeGuard, cast

import msgspec
from msgspec.structs import replace

from ..data import CallerError, Message, ModelRequest, ModelResponse, ProviderError
from ..loop import run_blocking
from ..models import Emit, Model, ScriptedModel
from ..models.scripted import Script
from ..providers import Capabilities
from ..serve import Gateway, serving
from ..serve.asgi import Event, HungUpError, Receive, Scope, Send, read_body, request_of, while_connected
from ..serve.run import HANG_UP
from ..serve.wires import Stamp
from ..wire import HttpRequest

_MAX_BODY_BYTES = 256 * 1024 * 1024


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong in a turn.

    `status` refuses with `message`, and with `retry_after` seconds if that is given. `latency` waits so many seconds
    first. `cut` ends the connection after so many bytes of the body, wherever that is. `reset` resets the connection
    before any reply. `malformed` breaks the JSON of the reply, or of each event of a stream. `silence` never answers, or,
    with `cut`, falls silent there. The script loses a line only to a turn in which the model is asked: one without
    `status`, `reset` and `malformed`, and without `silence` from the beginning.
    """

    status: int | None = None
    message: str = "the twin was told to fail"
    retry_after: float | None = None
    latency: float = 0.0
    cut: int | None = None
    reset: bool = False
    malformed: bool = False
    silence: bool = False

    def __post_init__(self) -> None:
        endings = [self.status is not None, self.cut is not None, self.reset, self.malformed]
        if sum(endings) > 1 or (self.silence and any((self.status is not None, self.reset, self.malformed))):
            raise CallerError(
                "a Fault takes one of status=, cut=, reset=, malformed= and silence=, or cut= and silence="
            )
        if self.status is not None and not 400 <= self.status < 600:  # noqa: PLR2004  (HTTP's own lines)
            raise CallerError(f"Fault(status={self.status}) is no failure; those are 400 to 599")

    @property
    def spares_model(self) -> bool:
        """Whether it strikes before the model would be asked."""
        return self.status is not None or self.reset or self.malformed or (self.silence and self.cut is None)


Faults = Mapping[int, Fault] | Callable[[int, HttpRequest], Fault | None]
"""Faults by the number of the turn (requests with a body are counted from 0), or a function of it and the request."""


def provider_twin(
    model: Model | Script, *, faults: Faults | None = None, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Twin:
    """A provider of your own, for `async with`, or for `with` in blocking code.

    `model` is one, or the lines of a script. `twin.url` is the `base_url` for any client of OpenAI's or Anthropic's wire, with any key. `sleep` waits out the latency
    of faults. Raises `CallerError` without uvicorn.
    """
    return Twin(model if _is_model(model) else ScriptedModel(cast("Script", model)), faults, sleep)


class Twin:
    """Made by `provider_twin`.

    `requests` holds what it was asked, as our nouns, `raw` the same as it came over HTTP, credentials left out (and what
    could not be read, too). `model` answers.
    """

    def __init__(self, model: Model, faults: Faults | None, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.model = model
        self.requests: list[ModelRequest] = []
        self.raw: list[HttpRequest] = []
        self._fault_of = _by_turn(faults)
        self._sleep = sleep
        self._turns = 0
        self._serving: AbstractAsyncContextManager[str] | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Its address. Raises `CallerError` before it is open."""
        if not self._url:
            raise CallerError("the twin is not open; write: async with provider_twin(…) as twin")
        return self._url

    async def __aenter__(self) -> Self:
        if self._serving is not None:
            raise CallerError("a twin is opened once; make another")
        self._serving = serving(self._answer)
        self._url = await self._serving.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._serving is not None:
            await self._serving.__aexit__(kind, error, traceback)

    def __enter__(self) -> Self:
        return run_blocking(self.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        run_blocking(self.__aexit__(None, None, None))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, _MAX_BODY_BYTES)
        except HungUpError:
            return
        query: str = scope["query_string"].decode("ascii")
        request = request_of(scope, scope["raw_path"].decode("ascii") + (query and f"?{query}"), body)
        self.raw.append(request)
        fault = self._fault(request)
        if fault.latency and not await while_connected(receive, _wait(self._sleep, fault.latency)):
            return
        # The same turn has the same bytes in every run.
        stamp = Stamp(f"twin-{len(self.requests)}", 0)
        gateway = Gateway(lambda name: _Turn(self, name, fault), max_body_bytes=_MAX_BODY_BYTES, stamp=lambda: stamp)
        await gateway(scope, _read_again(body, receive), _faulty(fault, scope, send))

    def _fault(self, request: HttpRequest) -> Fault:
        if request.method != "POST":
            return _NO_FAULT
        turn = self._turns
        self._turns += 1
        return self._fault_of(turn, request) or _NO_FAULT


_NO_FAULT = Fault()
_UNSAID = ModelResponse(Message.assistant("this never arrives whole"), model="twin")


class _Turn:
    """The twin's model for one request: writes it down, and fails where the fault strikes before the model is asked."""

    def __init__(self, twin: Twin, name: str, fault: Fault) -> None:
        self.name = name
        self.capabilities = Capabilities()
        self._twin = twin
        self._fault = fault

    async def respond(self, request: ModelRequest, emit: Emit | None = None) -> ModelResponse:
        asked = replace(request, model=self.name)
        self._twin.requests.append(asked)
        fault = self._fault
        if not fault.spares_model:
            return await self._twin.model.respond(asked, emit)
        if fault.status is not None:
            raise ProviderError(fault.message, status=fault.status, retry_after=fault.retry_after)
        if fault.silence:
            await _silence()
        return _UNSAID

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        return self._twin.model.preview(request, stream=stream)


def _is_model(model: Model | Script) -> TypeGuard[Model]:
    return hasattr(model, "respond")


def _by_turn(faults: Faults | None) -> Callable[[int, HttpRequest], Fault | None]:
    if callable(faults):
        return faults
    planned = faults or {}
    return lambda turn, _: planned.get(turn)


def _faulty(fault: Fault, scope: Scope, send: Send) -> Send:
    """The way out to the client, with the fault on it."""
    if fault.reset:
        return _resetting(scope)
    if fault.malformed:
        return _malforming(send)
    if fault.cut is not None:
        return _cutting(fault.cut, scope, send, silent=fault.silence)
    return send


def _resetting(scope: Scope) -> Send:
    async def reset(event: Event) -> None:  # noqa: ARG001  (whatever would be sent)
        scope["extensions"][HANG_UP](reset=True)

    return reset


def _malforming(send: Send) -> Send:
    async def malform(event: Event) -> None:
        if event["type"] == "http.response.start":
            # The length changes with the body.
            headers = [(name, value) for name, value in event["headers"] if name != b"content-length"]
            await send({**event, "headers": headers})
        else:
            body: bytes = event["body"]
            await send({**event, "body": body.replace(b"}\n", b"\n").removesuffix(b"}")})

    return malform


def _cutting(left: int, scope: Scope, send: Send, *, silent: bool) -> Send:
    struck = False

    async def cut(event: Event) -> None:
        nonlocal left, struck
        body: bytes = event.get("body", b"")
        if struck:
            return
        if len(body) <= left or not body:
            left -= len(body)
            await send(event)
            return
        struck = True
        await send({**event, "body": body[:left], "more_body": True})
        if silent:
            await _silence()
        scope["extensions"][HANG_UP]()

    return cut


def _read_again(body: bytes, receive: Receive) -> Receive:
    """What the client sent, once more; then whatever it does next."""
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Event:
        return events.pop() if events else await receive()

    return again


async def _wait(sleep: Callable[[float], Awaitable[None]], seconds: float) -> None:
    await sleep(seconds)


async def _silence() -> None:
    await asyncio.Event().wait()
