"""The gateway: any model, on the wire of every provider that we can speak."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeGuard, cast

import msgspec
from msgspec.structs import replace

from ..data import (
    CallerError,
    Delta,
    LimitExceeded,
    ModelRequest,
    ModelResponse,
    ProviderError,
    ProviderErrorKind,
    Secret,
)
from ..models import Emit, Model
from ..wire import HttpReply, StreamRenderer
from .access import is_local, shows_token
from .asgi import (
    HungUpError,
    Receive,
    Scope,
    Send,
    TooLargeError,
    headers_of,
    lifespan,
    path_of,
    read_body,
    request_of,
    send_head,
    send_piece,
    send_reply,
    while_connected,
)
from .wires import Stamp, Wire, anthropic_wire, new_stamp, openai_wire

log = logging.getLogger(__name__)

Models = Model | Mapping[str, Model] | Callable[[str], Model]
"""One model for whatever name a client asks for, models by their names, or a function from a name to a model."""

MAX_BODY_BYTES = 32 * 1024 * 1024
"""What Anthropic takes (its page "Errors", 413)."""

_JSON = {"content-type": "application/json"}
_STREAM = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    # nginx holds streams back until it has a page full, unless it is told not to.
    "x-accel-buffering": "no",
}

_METHODS = {"/health": "GET", "/models": "GET", "/chat/completions": "POST", "/messages": "POST"}

_STATUS_OF_KIND: dict[ProviderErrorKind, int] = {"timeout": 504, "connection": 502, "stream": 502}
"""For failures of the provider behind us that have no status of their own."""


class _Refusal(Exception):
    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Gateway:
    """An ASGI app that answers as OpenAI and as Anthropic do, with models of yours.

    `POST /v1/chat/completions`, `POST /v1/messages`, `GET /v1/models` (all also without `/v1`) and `GET /health`. Clients
    show the `token` as a bearer or in `x-api-key`. Without one, requests are answered that were sent to this machine or
    to one of `hosts` by name, and not by a web page from elsewhere.

    The name that a client asks for picks the model; the model is then asked under its own name. A client that hangs up
    cancels the question. `stamp` gives answers the id and the time that their models do not.
    """

    def __init__(
        self,
        models: Models,
        *,
        token: Secret | None = None,
        hosts: Collection[str] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
        stamp: Callable[[], Stamp] = new_stamp,
    ) -> None:
        self.models = models
        self.token = token
        self._hosts = frozenset(host.lower() for host in ([hosts] if isinstance(hosts, str) else hosts))
        self._max_body_bytes = max_body_bytes
        self._stamp = stamp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await lifespan(receive, send)
            case _:
                await send({"type": "websocket.close"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope).removeprefix("/v1")
        messages = path == "/messages" or "anthropic-version" in headers_of(scope)
        wire = anthropic_wire() if messages else openai_wire()
        try:
            found = self._at_the_door(scope, path) or await self._question(scope, receive, path, wire)
        except HungUpError:
            return
        except Exception as error:  # noqa: BLE001  (whatever happens, a client gets an answer in its own words)
            found = _refused(wire, _refusal(error))
        if isinstance(found, HttpReply):
            await send_reply(send, found)
        else:
            await (_streamed if found.asked.stream else _whole)(found, receive, send)

    async def _question(self, scope: Scope, receive: Receive, path: str, wire: Wire) -> _Question:
        try:
            body = await read_body(scope, receive, self._max_body_bytes)
        except TooLargeError:
            limit = self._max_body_bytes
            raise _Refusal(413, f"the request is larger than {limit} bytes (max_body_bytes={limit})") from None
        request = wire.dialect.parse(request_of(scope, path, body))
        return _Question(wire, self._pick(request.model), request, self._stamp())

    def _at_the_door(self, scope: Scope, path: str) -> HttpReply | None:
        """What needs no model, or a refusal."""
        method = _METHODS.get(path)
        if method is None:
            raise _Refusal(404, f"there is nothing at {path_of(scope)}; there are {', '.join(_METHODS)}")
        if scope["method"] != method:
            raise _Refusal(405, f"{path} takes {method}", allow=method)
        if path == "/health":
            return HttpReply(200, _JSON, b'{"status":"ok"}')
        headers = headers_of(scope)
        if self.token is not None:
            if not shows_token(headers, self.token):
                words = "the token is missing or wrong; send it as `Authorization: Bearer` or as `x-api-key`"
                raise _Refusal(401, words, www_authenticate="Bearer")
        elif not is_local(headers, self._hosts):
            words = (
                "without a token this gateway answers only requests to and from this machine; give it token= or hosts="
            )
            raise _Refusal(403, words)
        return HttpReply(200, _JSON, msgspec.json.encode(_listing(self._names()))) if path == "/models" else None

    def _names(self) -> Sequence[str]:
        models = self.models
        if _are_by_name(models):
            return list(models)
        # A function may know names without end.
        return [models.name] if _is_model(models) else []

    def _pick(self, name: str) -> Model:
        models = self.models
        if _are_by_name(models):
            if name not in models:
                raise _Refusal(404, f"there is no model {name!r} here; there are {', '.join(models) or 'none'}")
            return models[name]
        if _is_model(models):
            return models
        try:
            return cast("Callable[[str], Model]", models)(name)
        except CallerError as error:
            raise _Refusal(404, str(error)) from error


class _Question(msgspec.Struct, frozen=True):
    """What a client asked of which model, on which wire."""

    wire: Wire
    model: Model
    asked: ModelRequest
    stamp: Stamp

    async def answer(self, emit: Emit | None = None) -> ModelResponse:
        """Ask the model, which goes by its own name."""
        return await self.model.respond(replace(self.asked, model=""), emit)


async def _whole(question: _Question, receive: Receive, send: Send) -> None:
    async def work() -> None:
        try:
            reply = question.wire.answer(await question.answer(), question.asked, question.stamp)
        except Exception as error:  # noqa: BLE001  (whatever a model raises, its client gets an answer)
            reply = _refused(question.wire, _refusal(error))
        await send_reply(send, reply)

    await while_connected(receive, work())


async def _streamed(question: _Question, receive: Receive, send: Send) -> None:
    outlet = _Outlet()
    renderer = question.wire.stream(question.asked, question.stamp)
    await while_connected(receive, _fill(outlet, question, renderer), _drain(outlet, question.wire, send))


class _Outlet:
    """Bytes on their way from a model, which does not wait, to a client, which may be slow."""

    def __init__(self) -> None:
        self.refusal: _Refusal | None = None
        self.farewell = b""
        self._pending: list[bytes] = []
        self._wake = asyncio.Event()
        self._over = False

    def put(self, data: bytes) -> None:
        self._pending.append(data)
        self._wake.set()

    def close(self, refusal: _Refusal | None = None, farewell: bytes = b"") -> None:
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


async def _fill(outlet: _Outlet, question: _Question, renderer: StreamRenderer) -> None:
    def emit(deltas: Sequence[Delta]) -> None:
        outlet.put(b"".join(map(renderer.feed, deltas)))

    try:
        response = await question.answer(emit)
        outlet.put(renderer.finish(question.wire.named(response, question.asked, question.stamp)))
        outlet.close()
    except Exception as error:  # noqa: BLE001  (whatever a model raises, its client gets an answer)
        refusal = _refusal(error)
        outlet.close(refusal, renderer.fail(refusal.status, refusal.message))


async def _drain(outlet: _Outlet, wire: Wire, send: Send) -> None:
    # The reply begins with the first bytes of the answer: an error before them still has a status of its own.
    data = await outlet.take()
    if outlet.refusal is not None and not data:
        await send_reply(send, _refused(wire, outlet.refusal))
        return
    await send_head(send, 200, _STREAM)
    while data:
        await send_piece(send, data, more=True)
        data = await outlet.take()
    await send_piece(send, outlet.farewell, more=False)


def _refused(wire: Wire, refusal: _Refusal) -> HttpReply:
    """A refusal as the wire's own error."""
    reply = wire.dialect.render_error(refusal.status, refusal.message)
    return HttpReply(reply.status, {**reply.headers, **refusal.headers}, reply.body)


def _refusal(error: Exception) -> _Refusal:
    match error:
        case _Refusal():
            return error
        case ProviderError():
            # An error inside a stream may carry the stream's own status, which is no error.
            failed = error.status is not None and 400 <= error.status < 600  # noqa: PLR2004  (HTTP's own lines)
            status = cast("int", error.status) if failed else _STATUS_OF_KIND.get(error.kind, 502)
            if error.retry_after is None:
                return _Refusal(status, error.message)
            return _Refusal(status, error.message, retry_after=f"{error.retry_after:g}")
        case CallerError():
            return _Refusal(400, str(error))
        case LimitExceeded():
            return _Refusal(429, str(error))
        case _:
            # What an unforeseen error says may be no business of the client's.
            log.error("a model failed", exc_info=error)
            return _Refusal(500, "the model failed; the reason is in the log of the server")


def _are_by_name(models: Models) -> TypeGuard[Mapping[str, Model]]:
    return isinstance(models, Mapping)


def _is_model(models: Models) -> TypeGuard[Model]:
    return hasattr(models, "respond") and not isinstance(models, type)


def _listing(names: Sequence[str]) -> dict[str, object]:
    """A list of models that is at once OpenAI's and Anthropic's."""
    models = [
        {
            "id": name,
            "object": "model",
            "created": 0,
            "owned_by": "journeyman",
            "type": "model",
            "display_name": name,
            "created_at": "1970-01-01T00:00:00Z",
        }
        for name in names
    ]
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return {"object": "list", "data": models, "has_more": False, **ends}
