"""The gateway: any model, on the wire of every provider that we can speak."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar, cast

import msgspec
from msgspec.structs import replace

from ..data import CallerError, Secret
from ..models import Model
from ..wire import Dialect, EmbeddingDialect, HttpReply, Stamp
from .access import checked_token
from .answering import Question, answer
from .asgi import (
    HungUpError,
    Receive,
    Scope,
    Send,
    headers_of,
    lifespan,
    path_of,
    raw_path,
    request_of,
    send_reply,
)
from .door import body_of, let_in
from .embedding import (
    EMBEDDING_PATHS,
    Embedders,
    EmbeddingQuestion,
    Embeds,
    embeddings_at,
    give_vectors,
    is_for_vectors,
)
from .listing import LOOKS, is_look, listing
from .refusals import Refusal, refusal_of, refused
from .wires import PATHS, new_stamp, wire, wire_at

Models = Model | Mapping[str, Model] | Callable[[str], Model]
"""One model for whatever name a client asks for, models by their names, or a function from a name to a model."""


_T = TypeVar("_T")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much of its clients a gateway bears.

    A request may have `max_body_bytes` (Anthropic takes 32 MB: its page "Errors", 413) and has to be here after
    `body_seconds`. It is refused with 503 while `max_concurrent` others are under way. A stream of events that is silent
    for `ping_seconds` gets a comment, so that nothing on the way takes it for dead.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    body_seconds: float = 60.0
    max_concurrent: int | None = None
    ping_seconds: float = 15.0


class Gateway:
    """An ASGI app that answers as every provider does whose wire we speak, with models of yours.

    `POST` to where the provider's own clients send their requests (`PATHS` in `wires`), `GET` for lists of the models in
    their words (`LOOKS` in `listing`). Clients show the `token` as they would show the provider's key. Without one,
    requests are answered that were sent to this machine or to one of `hosts` by name, and not by a web page from
    elsewhere.

    The name that a client asks for picks the model; the model is then asked under its own name. With `embedders` it
    gives vectors, too (`EMBEDDING_PATHS` in `embedding`). A client that hangs up cancels the question. `stamp` gives
    answers the id and the time that their models do not.
    """

    def __init__(
        self,
        models: Models,
        *,
        embedders: Embedders | None = None,
        token: Secret | None = None,
        hosts: Collection[str] = (),
        bounds: Bounds = Bounds(),  # noqa: B008  (a frozen value)
        stamp: Callable[[], Stamp] = new_stamp,
    ) -> None:
        self.models = models
        self.embedders = embedders
        self.token = checked_token(token)
        self._hosts = frozenset(host.lower() for host in ([hosts] if isinstance(hosts, str) else hosts))
        self._bounds = bounds
        self._stamp = stamp
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "lifespan":
                await lifespan(receive, send)
            case _:
                await send({"type": "websocket.close"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        spoken = wire_at(path) or embeddings_at(path)
        try:
            found = self._at_the_door(scope, path, spoken) or await self._question(scope, receive, spoken)
        except HungUpError:
            return
        except Exception as error:  # noqa: BLE001  (whatever happens, a client gets an answer in its own words)
            messages = "anthropic-version" in headers_of(scope)
            found = refused(spoken or wire("anthropic" if messages else "openai_chat"), refusal_of(error))
        if isinstance(found, HttpReply):
            await send_reply(send, found)
            return
        self._under_way += 1
        try:
            await (answer(found, receive, send) if isinstance(found, Question) else give_vectors(found, receive, send))
        finally:
            self._under_way -= 1

    async def _question(
        self, scope: Scope, receive: Receive, spoken: Dialect | EmbeddingDialect | None
    ) -> Question | EmbeddingQuestion:
        assert spoken is not None  # noqa: S101  (the door lets nothing else in; this tells the type checkers)
        bounds = self._bounds
        body = await body_of(scope, receive, seconds=bounds.body_seconds, most=bounds.max_body_bytes)
        sent = request_of(scope, raw_path(scope), body)
        if is_for_vectors(spoken):
            wanted = spoken.parse(sent)
            return EmbeddingQuestion(spoken, self._pick_embedder(wanted.model), wanted)
        request = spoken.parse(sent)
        stamp = replace(self._stamp(), request=request)
        return Question(spoken, _picked(self.models, request.model), request, stamp, self._bounds.ping_seconds)

    def _at_the_door(self, scope: Scope, path: str, spoken: Dialect | EmbeddingDialect | None) -> HttpReply | None:
        """What needs no model, or a refusal."""
        method = "GET" if spoken is None else "POST"
        if spoken is None and not is_look(path):
            raise Refusal(404, f"there is nothing at {path}; there are {', '.join((*LOOKS, *PATHS, *EMBEDDING_PATHS))}")
        # What stands before servers looks after them with either.
        if scope["method"] != method and (scope["method"], path) != ("HEAD", "/health"):
            raise Refusal(405, f"{path} takes {method}", allow=method)
        if path == "/health":
            return listing(path, ())
        let_in(headers_of(scope), self.token, self._hosts)
        if spoken is None:
            return listing(path, self._names())
        self._let_in()
        return None

    def _let_in(self) -> None:
        most = self._bounds.max_concurrent
        if most is not None and self._under_way >= most:
            words = f"{self._under_way} requests are under way (max_concurrent={most}); ask again"
            raise Refusal(503, words, retry_after="1")

    def _names(self) -> Sequence[str]:
        # A function may know names without end.
        names = [*_names_of(self.models), *(() if self.embedders is None else _names_of(self.embedders))]
        return list(dict.fromkeys(names))

    def _pick_embedder(self, name: str) -> Embeds:
        if self.embedders is None:
            raise Refusal(404, "no embeddings are given here; the server needs embedders=")
        return _picked(self.embedders, name)


def _names_of(items: object) -> Sequence[str]:
    if isinstance(items, Mapping):
        return list(cast("Mapping[str, object]", items))
    return [cast("Model", items).name] if _answers(items) else []


def _picked(items: _T | Mapping[str, _T] | Callable[[str], _T], name: str) -> _T:
    if isinstance(items, Mapping):
        known = cast("Mapping[str, _T]", items)
        if name not in known:
            raise Refusal(404, f"there is no model {name!r} here; there are {', '.join(known) or 'none'}")
        return known[name]
    if _answers(items):
        return cast("_T", items)
    try:
        return cast("Callable[[str], _T]", items)(name)
    except CallerError as error:
        raise Refusal(404, str(error)) from error


def _answers(item: object) -> bool:
    return hasattr(item, "respond") and not isinstance(item, type)
