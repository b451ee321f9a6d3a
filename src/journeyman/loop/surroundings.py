"""What is around runs while a tape records or plays: the one place where they look for it.

A context variable was chosen so that whoever calls `agent.run` need not pass anything on; it goes with the task and, through the
blocking twins, with the thread that waits. It is empty unless a tape is in, and a run reads it once, when it begins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol

import msgspec

from ..data import Message, ModelRequest, ModelResponse, Progress
from ..journal import CallState, Checkpoint, Fact, Parent
from ..models import Emit, Model, Record
from ..providers import Capabilities
from ..tools import Outcome
from ..wire import HttpRequest

Report = Callable[[Progress], None]
"""Takes how far a tool has come; may be called from any thread."""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """How a stretch of work begins; by this a replay finds its part of the tape.

    `agent` and `fingerprint` are the plan's, `resumes` names a run that is taken up.
    """

    agent: str
    fingerprint: str
    said: tuple[Message, ...] = ()
    parent: Parent | None = None
    continues: Checkpoint | None = None
    resumes: str | None = None


class Track(Protocol):
    """The part of a tape that belongs to one stretch of work.

    `time` is when a fact happens (None: a mere look at the clock), in microseconds since 1970. `turn` waits until a fact
    that comes from beside the loop may be recorded. `ask` and `call` give what comes of a request or a tool call,
    carrying it out if need be.
    """

    @property
    def run(self) -> str: ...
    def time(self, fact: Fact | None = None) -> int: ...
    async def turn(self, fact: Fact) -> None: ...
    async def ask(
        self, model: Model, request: ModelRequest, emit: Emit | None, record: Record | None
    ) -> ModelResponse: ...
    async def call(
        self, call: CallState, report: Report, carry_out: Callable[[Report], Awaitable[Outcome]]
    ) -> Outcome: ...
    def close(self) -> None: ...


class Surroundings(Protocol):
    """Whatever gives runs their tracks, and ids to what is no run."""

    def new_id(self) -> str: ...
    def open(self, opening: Opening) -> Track: ...


surroundings: ContextVar[Surroundings | None] = ContextVar("journeyman surroundings", default=None)


class TrackedModel:
    """A run's model while a tape is in: the track answers, with the model's help or without.

    It goes around everything that the model itself goes around: what a replay gives is what came of retries and caches.
    """

    def __init__(self, model: Model, track: Track) -> None:
        self._model = model
        self._track = track

    @property
    def name(self) -> str:
        """The model's."""
        return self._model.name

    @property
    def capabilities(self) -> Capabilities:
        """The model's."""
        return self._model.capabilities

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """What the track has or gets for this request."""
        return await self._track.ask(self._model, request, emit, record)

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The model's."""
        return self._model.preview(request, stream=stream)
