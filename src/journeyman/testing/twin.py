"""The provider twin: a model or a script behind the wires of real providers, on a loopback address, with faults."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self, cast

from msgspec.structs import replace

from ..data import (
    CallerError,
    EmbeddingRequest,
    EmbeddingResponse,
    Message,
    ModelRequest,
    ModelResponse,
    ProviderError,
    Vectors,
)
from ..loop import run_blocking
from ..models import EmbeddingModel, Emit, Model, Record, ScriptedEmbedder, ScriptedModel
from ..models.scripted import Line, Script
from ..providers import Capabilities
from ..serve import Bounds, Gateway, serving
from ..serve.asgi import Event, HungUpError, Receive, Scope, Send, raw_path, read_body, request_of, while_connected
from ..wire import HttpRequest, Stamp
from .faults import NO_FAULT, Fault, Sleep, faulty, silence

_MAX_BODY_BYTES = 256 * 1024 * 1024
_BOUNDS = Bounds(max_body_bytes=_MAX_BODY_BYTES)


Rule = Callable[[ModelRequest], Line]
"""What to say to a request."""

Faults = Mapping[int, Fault] | Callable[[int, HttpRequest], Fault | None]
"""Faults by the number of the turn (requests with a body are counted from 0), or a function of it and the request."""


def provider_twin(
    model: Model | Script | Rule,
    *,
    embedder: EmbeddingModel | None = None,
    faults: Faults | None = None,
    sleep: Sleep = asyncio.sleep,
) -> Twin:
    """A provider of your own, for `async with`, or for `with` in blocking code.

    `model` is one, or the lines of a script, or a rule: a function that gives the line for a request. `embedder`
    gives vectors, a `ScriptedEmbedder` if it is left out. `twin.url` is the `base_url` for any client of any of the
    wires, with any key. `sleep` waits out the latency of faults. Raises `CallerError` without uvicorn.
    """
    return Twin(_model_of(model), faults, sleep, embedder or ScriptedEmbedder())


class Twin:
    """Made by `provider_twin`.

    `requests` holds what it was asked, as our nouns, `raw` the same as it came over HTTP, credentials left out (and what
    could not be read, too). `model` answers; `embedded` are the questions for vectors, and `embedder` answers those.
    """

    def __init__(self, model: Model, faults: Faults | None, sleep: Sleep, embedder: EmbeddingModel) -> None:
        self.model = model
        self.embedder = embedder
        self.requests: list[ModelRequest] = []
        self.embedded: list[EmbeddingRequest] = []
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
        self._serving = serving(self.app)
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

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The twin as an ASGI app, for whoever serves it elsewhere."""
        try:
            body = await read_body(scope, receive, _MAX_BODY_BYTES)
        except HungUpError:
            return
        request = request_of(scope, raw_path(scope), body)
        self.raw.append(request)
        fault = self._fault(request)
        if fault.latency and not await while_connected(receive, _wait(self._sleep, fault.latency)):
            return
        # The same turn has the same bytes in every run.
        stamp = Stamp(f"twin-{len(self.requests)}", 0)
        gateway = Gateway(
            lambda name: _Turn(self, name, fault),
            embedders=lambda name: _EmbeddingTurn(self, name, fault),
            bounds=_BOUNDS,
            stamp=lambda: stamp,
        )
        await gateway(scope, _read_again(body, receive), faulty(fault, scope, send, self._sleep))

    def _fault(self, request: HttpRequest) -> Fault:
        if request.method != "POST":
            return NO_FAULT
        turn = self._turns
        self._turns += 1
        return self._fault_of(turn, request) or NO_FAULT


_UNSAID = ModelResponse(Message.assistant("this never arrives whole"), model="twin")
_UNSEEN = EmbeddingResponse(Vectors.of([[0.0]]))


class _Turn:
    """The twin's model for one request: writes it down, and fails where the fault strikes before the model is asked."""

    def __init__(self, twin: Twin, name: str, fault: Fault) -> None:
        self.name = name
        self.capabilities = Capabilities()
        self._twin = twin
        self._fault = fault

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        asked = replace(request, model=self.name)
        self._twin.requests.append(asked)
        fault = self._fault
        if not fault.spares_model:
            return await self._twin.model.respond(asked, emit, record)
        await _strike(fault)
        return _UNSAID

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        return self._twin.model.preview(request, stream=stream)


class _EmbeddingTurn:
    """The same for vectors."""

    def __init__(self, twin: Twin, name: str, fault: Fault) -> None:
        self.name = name
        self._twin = twin
        self._fault = fault

    async def respond(self, request: EmbeddingRequest) -> EmbeddingResponse:
        asked = replace(request, model=self.name)
        self._twin.embedded.append(asked)
        if not self._fault.spares_model:
            return await self._twin.embedder.respond(asked)
        await _strike(self._fault)
        return _UNSEEN


async def _strike(fault: Fault) -> None:
    """What a fault does instead of the model."""
    if fault.status is not None:
        raise ProviderError(fault.message, status=fault.status, retry_after=fault.retry_after)
    if fault.silence:
        await silence()


def _model_of(model: Model | Script | Rule) -> Model:
    if hasattr(model, "respond"):
        return cast("Model", model)
    # What is left is a rule or a script, which the type checkers do not see.
    script: Any = itertools.repeat(model) if callable(model) else model
    return ScriptedModel(script)


def _by_turn(faults: Faults | None) -> Callable[[int, HttpRequest], Fault | None]:
    if callable(faults):
        return faults
    planned = faults or {}
    return lambda turn, _: planned.get(turn)


def _read_again(body: bytes, receive: Receive) -> Receive:
    """What the client sent, once more; then whatever it does next."""
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Event:
        return events.pop() if events else await receive()

    return again


async def _wait(sleep: Sleep, seconds: float) -> None:
    await sleep(seconds)
