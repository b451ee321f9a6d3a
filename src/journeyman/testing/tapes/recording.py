"""Recording: whatever comes to runs from outside is written on a tape as it comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import Any, Self, assert_never

from ...compose import clock, draw_run_id
from ...data import CallerError, Delta, JourneymanError, ModelRequest, ModelResponse, Progress, Secret
from ...journal import CallState, ChildStarted, Fact, ProgramFinished, ToolCalled, ToolFinished, ToolPending
from ...loop import Opening, Report, Surroundings, Track, surroundings
from ...models import Emit, Model, Record
from ...models.tapes import (
    Called,
    Drawn,
    Exchange,
    Moment,
    Question,
    Scrubber,
    Started,
    TapeWriter,
    cuts_of,
    hash_of,
    merged,
    question_of,
    raised_of,
)
from ...tools import Done, Outcome, Waits

_within: ContextVar[int | None] = ContextVar("journeyman call on the tape", default=None)


def record(path: str | os.PathLike[str], *, append: bool = False, secrets: Iterable[str | Secret] = ()) -> Recording:
    """Put a tape in that records whatever runs do within this `with` (or `async with`).

    An old tape of this name is replaced, or goes on with `append`. Keys never get onto it: the values of the environment's
    key variables and of `secrets`, and whatever looks like a key, are hidden. Raises `CallerError` within another
    recording or replay, and for a file that is no tape or cannot be written.
    """
    return Recording(Path(path), append=append, secrets=tuple(secrets))


class Taping:
    """Puts surroundings around what is done within `with`; made by `record` and `replay`."""

    def __init__(self) -> None:
        self._token: Token[Surroundings | None] | None = None

    def enter(self, around: Surroundings) -> None:
        """From here on, runs of this context are recorded or replayed."""
        self._token = surroundings.set(around)

    def leave(self) -> None:
        """And no longer."""
        if self._token is not None:
            token, self._token = self._token, None
            surroundings.reset(token)

    @staticmethod
    def check_alone() -> None:
        """Raise `CallerError` where a tape is in already."""
        if surroundings.get() is not None:
            raise CallerError("a tape is recording or playing here already; leave it before you put another one in")


class Recording(Taping):
    """Made by `record`; `path` is where the tape is."""

    def __init__(self, path: Path, *, append: bool, secrets: Sequence[str | Secret]) -> None:
        super().__init__()
        self.path = path
        self._append = append
        self._secrets = secrets
        self._writer: TapeWriter | None = None

    def __enter__(self) -> Self:
        self.check_alone()
        self._writer = TapeWriter.open(self.path, Scrubber(os.environ, self._secrets), append=self._append)
        self.enter(Recorder(self._writer))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()
        if self._writer is not None:
            self._writer.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


class Recorder:
    """The surroundings of runs that are recorded."""

    def __init__(self, writer: TapeWriter) -> None:
        self._writer = writer

    def new_id(self) -> str:
        """A fresh id, written down."""
        fresh = draw_run_id()
        self._writer.write(Drawn(id=fresh, within=_within.get()))
        return fresh

    def open(self, opening: Opening) -> Track:
        """A track for a stretch of work."""
        writer = self._writer
        entry = Started(
            track=writer.number("track"),
            run=opening.resumes or draw_run_id(),
            agent=opening.agent,
            fingerprint=opening.fingerprint,
            said=hash_of(opening.said, writer.scrub),
            parent=opening.parent,
            continues=opening.continues,
            resumed=opening.resumes is not None,
            # A run below another one is replayed with it; what a tool starts by itself is not, for the tool is not called.
            within=_within.get() if opening.parent is None else None,
        )
        writer.write(entry)
        return RecordedTrack(writer, entry.run, entry.track)

    def trackless(self, run: str) -> RecordedTrack:
        """For single exchanges and calls of a run, which may then answer any run."""
        return RecordedTrack(self._writer, run, None)


class RecordedTrack:
    """A track that is being written; without a number, single exchanges and calls that answer any run."""

    def __init__(self, writer: TapeWriter, run: str, track: int | None) -> None:
        self.run = run
        self._writer = writer
        self._track = track
        self._before: Question | None = None
        self._by_run: set[str] = set()
        self._ended: dict[str, ProgramFinished] = {}

    def time(self, fact: Fact | None = None) -> int:
        """The time, written down."""
        now = clock()
        match fact:
            case ChildStarted():
                self._by_run.add(fact.call_id)
            case ProgramFinished():
                self._ended[fact.call_id] = fact
            case ToolCalled():
                self._by_run.add(fact.parent)
            case _:
                pass
        if self._track is not None:
            kind, call_id = what(fact)
            self._writer.write(Moment(track=self._track, at=now, fact=kind, call_id=call_id))
        return now

    async def turn(self, fact: Fact) -> None:
        """At once: whatever comes is recorded as it comes."""

    async def ask(self, model: Model, request: ModelRequest, emit: Emit | None, record: Record | None) -> ModelResponse:
        """Ask the model, and write down what was asked and what came of it."""
        asked = question_of(request, model.name, self._writer.scrub)
        heard = _Heard(emit, record)
        try:
            response = await model.respond(
                request, None if emit is None else heard.emit, None if record is None else heard.record
            )
        except asyncio.CancelledError:
            self._put(asked, self._exchange(heard))
            raise
        except Exception as error:
            raised = raised_of(error)
            self._put(asked, self._exchange(heard, raised=raised, partial=merged(heard.deltas)))
            raise
        cuts = None if emit is None else cuts_of(heard.deltas, response.message)
        self._put(asked, self._exchange(heard, response=response, cuts=cuts))
        return response

    async def call(self, call: CallState, report: Report, carry_out: Callable[[Report], Awaitable[Outcome]]) -> Outcome:
        """Carry the call out, and write down what came of it."""
        number = self._writer.number("call")
        told: list[tuple[str, float | None]] = []

        def noted(progress: Progress) -> None:
            told.append((progress.message, progress.fraction))
            report(progress)

        token = _within.set(number)
        try:
            outcome = await carry_out(noted)
        except asyncio.CancelledError:
            self._writer.write(self._called(call, number, told, cut_off=True))
            raise
        finally:
            _within.reset(token)
        program = self._ended.pop(call.call.id, outcome.program if isinstance(outcome, Waits) else None)
        if program is not None or call.child is not None or call.call.id in self._by_run:
            self._writer.write(self._called(call, number, told, by_run=True, program=program))
            return outcome
        match outcome:
            case Done():
                came = {
                    name: getattr(outcome, name)
                    for name in ("result", "asks_retry", "failed", "abandoned", "structured")
                }
                self._writer.write(self._called(call, number, told, **came))
            case Waits():
                came = {name: getattr(outcome, name) for name in ("info", "response", "seconds", "until")}
                self._writer.write(self._called(call, number, told, pending=True, **came))
            case _:
                assert_never(outcome)
        return outcome

    def close(self) -> None:
        """Let go of what was kept for comparing."""
        self._before = None

    def _exchange(self, heard: _Heard, **came: Any) -> Exchange:
        return Exchange(track=self._track, hash="", frame=0, facts=tuple(heard.facts), **came)

    def _put(self, asked: Question, entry: Exchange) -> None:
        before = self._before if self._track is not None else None
        self._writer.write_exchange(entry, asked, before)
        self._before = asked

    def _called(self, call: CallState, number: int, told: Sequence[tuple[str, float | None]], **came: Any) -> Called:
        return Called(
            track=self._track,
            call=number,
            call_id=call.call.id,
            attempt=call.attempt + 1,
            name=call.call.name,
            arguments=call.call.arguments,
            progress=tuple(told),
            **came,
        )


class _Heard:
    """What is told on the way to an answer, noted and passed on."""

    def __init__(self, emit: Emit | None, record: Record | None) -> None:
        self.deltas: list[Delta] = []
        self.facts: list[Fact] = []
        self._emit = emit
        self._record = record

    def emit(self, deltas: Sequence[Delta]) -> None:
        self.deltas.extend(deltas)
        if self._emit is not None:
            self._emit(deltas)

    async def record(self, fact: Fact) -> None:
        # Noted before it is durable: two requests side by side tell theirs in the order in which they begin to. What is
        # refused (a used-up budget) never becomes a fact; what is cut off while it is written has become one.
        self.facts.append(fact)
        try:
            if self._record is not None:
                await self._record(fact)
        except JourneymanError:
            self.facts.remove(fact)
            raise


def what(fact: Fact | None) -> tuple[str, str]:
    """By what a tape knows a fact: its kind, and the call that it is about."""
    if fact is None:
        return "", ""
    match fact:
        case ToolFinished(result=result):
            return "ToolFinished", result.call_id
        case ToolPending():
            # Whether a call came to a result or waits is told by the call itself.
            return "ToolPending", fact.call_id
        case _:
            return type(fact).__name__, str(getattr(fact, "call_id", None) or "")
