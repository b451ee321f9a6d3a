"""A model whose exchanges are runs on a journal: what the gateway was asked, what it answered, what that cost."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from ..compose import clock, new_run_id
from ..data import Message, ModelRequest, ModelResponse, Text, ToolCall, failure_of
from ..journal import (
    Checkpoint,
    Fact,
    Log,
    ModelRequested,
    ModelResponded,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
)
from ..models import Emit, Model, Record
from ..providers import Capabilities
from ..wire import HttpRequest

REMEMBERED = 10_000
"""How many conversations are known by their words; one that was forgotten is written down as a whole once more."""

_ASKED = 1
"""The fact that says that the model was asked."""

_encode = msgspec.json.encode


class Journaled:
    """Writes a run for each exchange: begun before the request leaves, ended with the answer, an error or a hang-up.

    Clients send the whole conversation each time. A run holds only what is new: where the journal has the beginning
    (recognised by its words), the run continues from there.
    """

    def __init__(
        self,
        model: Model,
        log: Log,
        *,
        agent: str = "gateway",
        now: Callable[[], int] = clock,
        new_id: Callable[[], str] = new_run_id,
    ) -> None:
        self.model = model
        self.name = model.name
        self._log = log
        self._agent = agent
        self._now = now
        self._new_id = new_id
        self._places: OrderedDict[bytes, Checkpoint] = OrderedDict()

    @property
    def capabilities(self) -> Capabilities:
        """Those of the model."""
        return self.model.capabilities

    async def respond(
        self,
        request: ModelRequest,
        emit: Emit | None = None,
        record: Record | None = None,  # noqa: ARG002  (the facts of this exchange are on its own run)
    ) -> ModelResponse:
        """Ask the model, and write down that it was asked and what came of it."""
        marks = _marks(request.messages)
        known, place = self._known(marks)
        entry = _Entry(self._log, self._new_id(), self._now)
        await entry.write(
            RunStarted(
                agent=self._agent, model=self.name, fingerprint="", input=request.messages[known:], continues=place
            ),
            ModelRequested(model=self.name, history=len(request.messages), iteration=1),
        )
        try:
            response = await self.model.respond(request, emit, entry.write)
        except asyncio.CancelledError:
            await asyncio.shield(entry.write(RunCancelled()))
            raise
        except Exception as error:
            await entry.write(RunFailed(failure=failure_of(error)))
            raise
        await entry.write(ModelResponded(response=response), RunFinished())
        asked = marks[-1] if marks else b""
        self._remember(asked, Checkpoint(entry.run, _ASKED))
        if not response.message.tool_calls:
            # After an answer that calls tools, a run would go on with results of its own; the client brings them, so the
            # next run begins before that answer and writes it down with them.
            self._remember(_mark(asked, response.message), Checkpoint(entry.run, entry.seq - 2))
        return response

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The model's own."""
        return self.model.preview(request, stream=stream)

    def _known(self, marks: Sequence[bytes]) -> tuple[int, Checkpoint | None]:
        """How many of the messages the journal has, and where."""
        for count in range(len(marks), 0, -1):
            place = self._places.get(marks[count - 1])
            if place is not None:
                self._places.move_to_end(marks[count - 1])
                return count, place
        return 0, None

    def _remember(self, mark: bytes, place: Checkpoint) -> None:
        self._places[mark] = place
        if len(self._places) > REMEMBERED:
            self._places.popitem(last=False)


class _Entry:
    """The run of one exchange."""

    def __init__(self, log: Log, run: str, now: Callable[[], int]) -> None:
        self.run = run
        self.seq = 0
        self._log = log
        self._now = now

    async def write(self, *facts: Fact) -> None:
        """Append facts, in the order in which they came."""
        at, now = self.seq, self._now()
        self.seq += len(facts)
        await self._log.append(self.run, at, [replace(fact, seq=at + n, at=now) for n, fact in enumerate(facts)])


def _marks(messages: Sequence[Message]) -> list[bytes]:
    """A mark for each beginning of a conversation, the shortest first."""
    marks: list[bytes] = []
    mark = b""
    for message in messages:
        mark = _mark(mark, message)
        marks.append(mark)
    return marks


def _mark(before: bytes, message: Message) -> bytes:
    """What was said, without what each wire adds to it: a client sends back words and calls, not always their ids."""
    said: list[object] = [message.role]
    for part in message.parts:
        match part:
            case Text(text):
                said.append(text)
            case ToolCall(name=name, arguments=arguments):
                said.append((name, arguments))
            case _ if message.role == "assistant":
                # Thoughts and blocks of the provider's own: clients may leave them out.
                continue
            case _:
                said.append(replace(part, origin=None) if hasattr(part, "origin") else part)
    return hashlib.sha256(before + _encode(said)).digest()
