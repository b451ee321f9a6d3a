"""Texts to vectors: in batches, some at a time, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Protocol, Self

from msgspec.structs import replace

from ..data import (
    CallerError,
    EmbeddingRequest,
    EmbeddingResponse,
    ModelUsage,
    Opaque,
    ProviderError,
    Purpose,
    Usage,
    Vectors,
    dollars,
    with_usage,
)
from ..providers import RatesOf, cost_of
from ..wire import BatchLimit


class EmbeddingModel(Protocol):
    """Something that turns the texts of one request into vectors; it raises `ProviderError`.

    `name` is `vendor:model`; `limit` says how much one request may hold.
    """

    @property
    def name(self) -> str: ...
    def limit(self, model: str) -> BatchLimit: ...
    async def respond(self, request: EmbeddingRequest) -> EmbeddingResponse: ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The vectors of some texts, in their order, and what they took; `model` is the name that the provider gave."""

    vectors: Vectors
    usage: Usage
    model: str
    used: tuple[ModelUsage, ...] = field(repr=False)
    rates_of: RatesOf = field(repr=False, compare=False)

    @property
    def cost(self) -> Decimal | None:
        """Dollars; None where the price is not known. Looked up when it is asked for."""
        nano = cost_of(self.used, self.rates_of)
        return None if nano is None else dollars(nano)


Wait = Callable[[Coroutine[Any, Any, Embeddings]], Embeddings]
"""Runs a coroutine to its end, for callers that are not async."""


@dataclass(frozen=True, kw_only=True)
class EmbedderOptions:
    """How texts are sent.

    `dimensions` asks for vectors of another length than the model's own, where it has several. A request holds as many
    texts as the provider takes, or `batch_size`; `max_concurrent` requests are under way at once. `extra` are keys of
    one dialect of embeddings, such as `Opaque("gemini", {"taskType": "CLUSTERING"})`. Raises `CallerError` for sizes that
    are none.
    """

    dimensions: int | None = None
    batch_size: int | None = None
    max_concurrent: int = 4
    extra: Opaque | None = None

    def __post_init__(self) -> None:
        for name in ("dimensions", "batch_size", "max_concurrent"):
            size = getattr(self, name)
            if size is not None and size < 1:
                raise CallerError(f"{name}={size} is none; it is 1 or more")


class Embedder:
    """Embeds any number of texts with one model; made by `open_embedder`.

    Inside `async with embedder` it has connections of its own, else it shares those of the running event loop.
    """

    def __init__(self, model: EmbeddingModel, options: EmbedderOptions, *, rates_of: RatesOf, wait: Wait) -> None:
        self.model = model
        self.options = options
        self._rates_of = rates_of
        # Blocking twins need the owned event loop, which is made in a room above this one.
        self._wait = wait

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    async def embed(self, texts: str | Iterable[str], purpose: Purpose | None = None) -> Embeddings:
        """The vectors of texts, in their order; of one text, its one vector.

        `purpose` says whether they are there to be found (`document`) or to search with (`query`); models that know no
        difference do not hear of it. Raises `ProviderError`, which names the texts that it is about where there were
        several requests; the others are then given up.
        """
        inputs = (texts,) if isinstance(texts, str) else tuple(texts)
        if not inputs:
            return Embeddings(Vectors(), Usage(), "", (), self._rates_of)
        options = self.options
        asked = EmbeddingRequest("", inputs, options.dimensions, purpose, options.extra)
        answers = await self._answers(asked)
        used: tuple[ModelUsage, ...] = ()
        for answer in answers:
            used = with_usage(used, ModelUsage.of(self.name, answer.usage, answer.cost))
        whole = _joined(answers)
        return Embeddings(whole.vectors, whole.usage, whole.model, used, self._rates_of)

    def embed_sync(self, texts: str | Iterable[str], purpose: Purpose | None = None) -> Embeddings:
        """Blocking twin of `embed`."""
        return self._wait(self.embed(texts, purpose))

    async def respond(self, request: EmbeddingRequest) -> EmbeddingResponse:
        """The answer to a request of any size."""
        return _joined(await self._answers(request))

    async def __aenter__(self) -> Self:
        opening = getattr(self.model, "__aenter__", None)
        if opening is not None:
            await opening()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        closing = getattr(self.model, "__aexit__", None)
        if closing is not None:
            await closing(kind, error, traceback)

    async def _answers(self, request: EmbeddingRequest) -> Sequence[EmbeddingResponse]:
        limit = self.model.limit(request.model or self.name.partition(":")[2])
        if self.options.batch_size is not None:
            limit = limit._replace(inputs=min(limit.inputs, self.options.batch_size))
        batches = list(_batches(request.inputs, limit))
        if len(batches) == 1:
            return [await self._answer(request)]
        answers: dict[int, EmbeddingResponse] = {}
        todo = iter(enumerate(batches))

        async def work() -> None:
            for index, (start, end) in todo:
                try:
                    answers[index] = await self._answer(replace(request, inputs=request.inputs[start:end]))
                except ProviderError as error:
                    raise _about(error, f"texts {start + 1} to {end} of {len(request.inputs)}") from error.__cause__

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.options.max_concurrent, len(batches))):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            # The others were cancelled for it, or failed in the same moment.
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        return [answers[index] for index in range(len(batches))]

    async def _answer(self, request: EmbeddingRequest) -> EmbeddingResponse:
        answer = await self.model.respond(request)
        if len(answer.vectors) != len(request.inputs):
            count = f"{len(answer.vectors)} vectors for {len(request.inputs)} texts"
            raise ProviderError(f"{self.name}: the provider gave {count}", kind="server")
        return answer


def _batches(texts: tuple[str, ...], limit: BatchLimit) -> Iterator[tuple[int, int]]:
    """Where each batch begins and ends; a text that is too large for any goes alone, and the provider says so."""
    start = size = 0
    for index, text in enumerate(texts):
        more = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        if index > start and (index - start >= limit.inputs or size + more > limit.size):
            yield start, index
            start, size = index, 0
        size += more
    yield start, len(texts)


def _about(error: ProviderError, which: str) -> ProviderError:
    return ProviderError(
        f"{error.message} ({which})",
        status=error.status,
        kind=error.kind,
        retry_after=error.retry_after,
        body=error.body,
    )


def _joined(answers: Sequence[EmbeddingResponse]) -> EmbeddingResponse:
    if len(answers) == 1:
        return answers[0]
    try:
        vectors = Vectors.joined([answer.vectors for answer in answers])
    except CallerError as error:
        raise ProviderError(f"the provider's answers do not fit together: {error}", kind="server") from error
    costs = [answer.cost for answer in answers if answer.cost is not None]
    return EmbeddingResponse(
        vectors,
        sum((answer.usage for answer in answers), Usage()),
        answers[0].model,
        cost=sum(costs) if len(costs) == len(answers) else None,
    )
