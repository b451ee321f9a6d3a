"""An embedding model over a dialect and a line to its vendor."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from msgspec.structs import replace

from ..data import EmbeddingRequest, EmbeddingResponse, ProviderError
from ..wire import BatchLimit, EmbeddingDialect, HttpReply, HttpRequest
from .line import Line


class WiredEmbedder:
    """Encodes with a dialect of embeddings, sends over a line, decodes; one request, one answer."""

    def __init__(self, name: str, dialect: EmbeddingDialect, line: Line) -> None:
        self.name = name
        self.dialect = dialect
        self.line = line
        self._model = name.partition(":")[2]

    def limit(self, model: str) -> BatchLimit:
        """How much fits into one request."""
        return self.dialect.limit(model)

    async def respond(self, request: EmbeddingRequest) -> EmbeddingResponse:
        """Ask, and wait for the vectors."""
        outgoing = self._outgoing(request)
        try:
            if (authorize := self.line.authorize) is not None:
                outgoing = await authorize(outgoing)
            async with self.line.exchange(outgoing) as reply:
                head = reply.head
                return self.dialect.decode(HttpReply(head.status, head.headers, await reply.read()))
        except ProviderError as error:
            raise self.line.scrubbed(error, outgoing) from error.__cause__

    def preview(self, request: EmbeddingRequest) -> HttpRequest:
        """The request as it would leave, the key hidden; what is signed has no signature yet."""
        return self.line.shown(self._outgoing(request))

    async def __aenter__(self) -> Self:
        await self.line.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.line.__aexit__(kind, error, traceback)

    def _outgoing(self, request: EmbeddingRequest) -> HttpRequest:
        if not request.model:
            request = replace(request, model=self._model)
        return self.line.outgoing(self.dialect.encode(request))
