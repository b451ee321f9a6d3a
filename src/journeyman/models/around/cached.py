"""A model whose answers are kept, so that the same question is paid for once."""

from __future__ import annotations

import asyncio
import logging
import math

import msgspec
from msgspec.structs import replace

from ...data import CallerError, JourneymanError, ModelRequest, ModelResponse, Usage, deltas_of
from ..canonical import FORM, request_hash
from ..model import Emit, Model, Record
from .stores import Store
from .wrapping import Around

log = logging.getLogger(__name__)

_COMPLETE = frozenset({"stop", "tool_calls"})
"""Endings of whole answers; what was cut short, kept back or ended nobody knows how is asked for again."""

_Place = tuple[asyncio.AbstractEventLoop, str]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ModelResponse).decode


class Cached(Around):
    """Answers from a store what it was asked before, word for word, by this name of a model.

    Such an answer has `cached` set, uses and costs nothing, and says what it once used in `saved`. The same is what `canonical`
    says; where two servers have models of one name (two addresses of `compatible:`), give each a `namespace`. Only whole
    answers are kept, for `ttl` seconds. Of equal requests that come at once in one event loop, one is asked. A store that fails
    costs a warning, never the answer. The store stays its caller's to close.
    """

    def __init__(self, model: Model, store: Store, *, ttl: float | None = None, namespace: str = "") -> None:
        super().__init__(model)
        if ttl is not None and not (math.isfinite(ttl) and ttl > 0):
            raise CallerError(f"ttl={ttl}: answers live for a number of seconds above 0; None is for ever")
        self.store = store
        self._ttl = ttl
        self._namespace = namespace
        self._flights: dict[_Place, _Flight] = {}

    def key(self, request: ModelRequest) -> str:
        """Under which key the answer to a request is kept."""
        return f"{FORM}-{request_hash(request, f'{self._namespace} {self.name}')}"

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """The answer that is kept, all its glimpses at once; else the model's own."""
        place = (asyncio.get_running_loop(), self.key(request))
        flight = self._flights.get(place)
        if flight is None:
            return await self._lead(place, request, emit, record)
        await flight.landed.wait()
        if flight.response is None:
            # It came to nothing; those who waited ask side by side, as if there were no cache.
            return await self._ask(place[1], request, emit, record)
        return _again(flight.response, emit)

    async def _lead(
        self, place: _Place, request: ModelRequest, emit: Emit | None, record: Record | None
    ) -> ModelResponse:
        flight = self._flights[place] = _Flight()
        try:
            kept = await self._kept(place[1])
            if kept is not None:
                flight.response = kept
                return _again(kept, emit)
            response = await self._ask(place[1], request, emit, record)
            if response.finish in _COMPLETE:
                flight.response = response
            return response
        finally:
            del self._flights[place]
            flight.landed.set()

    async def _ask(self, key: str, request: ModelRequest, emit: Emit | None, record: Record | None) -> ModelResponse:
        response = await self.model.respond(request, emit, record)
        if response.finish in _COMPLETE and not response.cached:
            await self._keep(key, response)
        return response

    async def _kept(self, key: str) -> ModelResponse | None:
        try:
            value = await self.store.get(key)
        except CallerError:
            raise
        except JourneymanError as error:
            log.warning("the cache cannot be read, so the model is asked: %s", error)
            return None
        if value is None:
            return None
        try:
            return _decode(value)
        # CallerError is what the nouns' own constructors raise; what breaks their rules was not written by us.
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, CallerError) as error:
            log.warning("an answer in the cache cannot be read, so the model is asked anew: %s", error)
            return None

    async def _keep(self, key: str, response: ModelResponse) -> None:
        try:
            await self.store.put(key, _encode(response), self._ttl)
        except CallerError:
            raise
        except JourneymanError as error:
            log.warning("an answer cannot be put into the cache: %s", error)


class _Flight:
    """A request that is under way, and what others who ask the same are waiting for."""

    def __init__(self) -> None:
        self.landed = asyncio.Event()
        self.response: ModelResponse | None = None


def _again(kept: ModelResponse, emit: Emit | None) -> ModelResponse:
    if emit is not None:
        emit(list(deltas_of(kept.message)))
    saved = kept.usage if kept.saved is None else kept.saved
    return replace(kept, usage=Usage(), cost=0, saved=saved)
