"""A model over a dialect and a transport."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from ..data import Message, ModelRequest, ModelResponse, ProviderError, deltas_of
from ..providers import Ability, Capabilities, Endpoint, asked_by, lack, media_in
from ..wire import Dialect, HttpReply, HttpRequest, ReplyStream, Transport
from .line import Line
from .model import Emit, Record


class WiredModel:
    """Encodes with a dialect, sends over a transport, decodes.

    What its capabilities are known to lack is refused before anything is sent. For `where`, `shared` and `fresh` see
    `Line`; inside `async with model` it has connections of its own.
    """

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        *,
        where: Callable[[], Endpoint],
        capabilities: Capabilities,
        shared: Callable[[], Transport],
        fresh: Callable[[], Transport] | None,
    ) -> None:
        self.name = name
        self.dialect = dialect
        self.capabilities = capabilities
        self.line = Line(name, where=where, shared=shared, fresh=fresh)
        self._model = name.partition(":")[2]
        self._lacking = capabilities.lacking()
        # Marks messages that were looked at; models that lack the same share their marks.
        self._mark = f"fits without {sorted(self._lacking)}"

    async def respond(
        self,
        request: ModelRequest,
        emit: Emit | None = None,
        record: Record | None = None,  # noqa: ARG002  (one request, one answer: nothing happens on the way)
    ) -> ModelResponse:
        """Ask, and wait for the whole answer; with `emit` it is streamed."""
        outgoing = self._outgoing(request, stream=emit is not None)
        try:
            if (authorize := self.line.authorize) is not None:
                outgoing = await authorize(outgoing)
            async with self.line.exchange(outgoing) as reply:
                if emit is None or not _is_stream(reply.head):
                    return await self._whole(reply, emit)
                return await self._streamed(reply, emit)
        except ProviderError as error:
            raise self.line.scrubbed(error, outgoing) from error.__cause__

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The request as it would leave, the key hidden; what is signed has no signature yet."""
        return self.line.shown(self._outgoing(request, stream=stream))

    async def __aenter__(self) -> Self:
        await self.line.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.line.__aexit__(kind, error, traceback)

    def _outgoing(self, request: ModelRequest, *, stream: bool) -> HttpRequest:
        if self._lacking:
            self._check(request)
        if not request.model:
            request = replace(request, model=self._model)
        return self.line.outgoing(self.dialect.encode(request, stream=stream and self.capabilities.streaming))

    def _check(self, request: ModelRequest) -> None:
        wanted = asked_by(request, self._lacking)
        if wanted is None:
            wanted = self._media(request.messages)
        if wanted is not None:
            raise lack(self.name, wanted)

    def _media(self, messages: tuple[Message, ...]) -> Ability | None:
        # From the end to the message that was the last of this history before: a turn costs its new messages. A history
        # that was changed in its middle, while the same messages stand behind, is not looked through again; then the
        # provider itself refuses. Looking at all of them each turn would cost more than that saves.
        if not messages:
            return None
        head = id(messages[0])
        for index in range(len(messages) - 1, -1, -1):
            message = messages[index]
            if message.__dict__.get(self._mark) == (head, index):
                break
            if wanted := media_in(message) & self._lacking:
                return min(wanted)
        vars(messages[-1])[self._mark] = (head, len(messages) - 1)
        return None

    async def _whole(self, reply: ReplyStream, emit: Emit | None) -> ModelResponse:
        head = reply.head
        response = self.dialect.decode(HttpReply(head.status, head.headers, await reply.read()))
        if emit is not None:
            # A server that does not stream, though it was asked to, is still heard.
            emit(list(deltas_of(response.message)))
        return response

    async def _streamed(self, reply: ReplyStream, emit: Emit) -> ModelResponse:
        decoder = self.dialect.decoder(reply.head)
        async for chunk in reply.chunks():
            deltas = decoder.feed(chunk)
            if deltas:
                emit(deltas)
        return decoder.finish()


def _is_stream(head: HttpReply) -> bool:
    # Not "json" anywhere in it: Ollama streams lines of JSON as application/x-ndjson.
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    return 200 <= head.status < 300 and kind != "application/json"  # noqa: PLR2004  (HTTP's own lines)
