"""A run's part of a tape, as it is played."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from ...agents.programming import computed
from ...compose import clock
from ...data import ModelRequest, ModelResponse, Progress, ReplayMismatch, ToolResult
from ...journal import CallState, Fact, ProgramSuspended
from ...loop import Report
from ...models import Emit, Model, Record
from ...models.tapes import Called, Exchange, Moment, Question, mismatch, nearest_difference, question_of, told_again
from ...tools import Done, Outcome, Waits
from .recording import what
from .turns import Turns

if TYPE_CHECKING:
    from .player import Player

log = logging.getLogger(__name__)

_NEXT = ("ToolFinished", "ToolPending", "ProgramSuspended", "ToolStarted")
"""What comes of a call that was carried out; the last one where it is retried."""


_SHOWN = 200
"""Characters of a call's arguments, enough to know it by."""


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A moment, and its place in the order of all moments of a run and the runs below it."""

    place: int
    moment: Moment


class PlayedTrack:
    """Plays one track; from the first difference on, it `lives`: the clock is the real one and no order is kept."""

    def __init__(self, player: Player, number: int, run: str, moments: list[Placed], turns: Turns) -> None:
        self.run = run
        self._player = player
        self._number = number
        self._moments = moments
        self._turns = turns
        self._at = 0
        self._asked = 0
        self._lives = False

    def time(self, fact: Fact | None = None) -> int:
        """The recorded time of this fact. Raises `ReplayMismatch` where the tape has another one."""
        if self._lives:
            return clock()
        kind, call_id = what(fact)
        placed = self._moments[self._at] if self._at < len(self._moments) else None
        if placed is not None and (placed.moment.fact, placed.moment.call_id) == (kind, call_id):
            self._at += 1
            self._turns.come(placed.place)
            return placed.moment.at
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            # What is cut off cleans up in whatever order it comes to.
            self._miss(
                ReplayMismatch(
                    f"run {self.run} records {_named(kind, call_id)} where the tape {self._player.tape.name} has "
                    + ("nothing more" if placed is None else _named(placed.moment.fact, placed.moment.call_id))
                )
            )
        self.leave()
        return clock()

    async def turn(self, fact: Fact) -> None:
        """Wait until everything that was recorded before this fact has come."""
        kind, call_id = what(fact)
        await self._wait(call_id, kind)

    async def ask(self, model: Model, request: ModelRequest, emit: Emit | None, record: Record | None) -> ModelResponse:
        """The recorded answer, or the error that was raised."""
        self._check()
        player = self._player
        asked = question_of(request, model.name, player.scrub)
        number = player.exchange(self._number, self._asked)
        if number is not None and player.tape.exchanges[number].hash == asked.hash:
            self._asked += 1
            player.use("request", number)
            return await self._again(player.tape.exchange(number), emit, record)
        return await _asked_elsewhere(self, player, asked, (model, request, emit, record))

    async def call(self, call: CallState, report: Report, carry_out: Callable[[Report], Awaitable[Outcome]]) -> Outcome:
        """The recorded outcome; a run below this one, or a program, is begun again, for what it does is on the tape, too."""
        self._check()
        player = self._player
        number = player.call(self._number, call.call, call.attempt + 1)
        if number is None:
            self._miss(
                ReplayMismatch(
                    f"run {self.run} calls tool {call.call.name} (call {call.call.id!r}, attempt {call.attempt + 1}) with "
                    f"{call.call.arguments[:_SHOWN]}, and the tape {player.tape.name} does not hold what came of it; "
                    "make the tape again"
                )
            )
            self.leave()
            return await _called_for_real(player, self.run, call, report, carry_out)
        player.use("call", number)
        entry = player.tape.call(number)
        if entry.track is None:
            self.leave()
        if entry.cut_off:
            await _wait_to_be_cut_off(f"call {entry.call_id!r} of tool {entry.name}")
        if entry.by_run:
            outcome = await _carried_out_again(entry, report, carry_out)
            await self._wait(call.call.id, *_NEXT)
            return outcome
        player.skip_within(entry.call)
        await self._wait(call.call.id, *_NEXT)
        for message, fraction in entry.progress:
            report(Progress(call.call.id, message, fraction))
        return outcome_of(entry, call.call.id)

    def close(self) -> None:
        """The stretch is over: nobody waits for what it did not come to."""
        for placed in self._moments[self._at :]:
            self._turns.come(placed.place)
        self._at = len(self._moments)
        self._lives = True

    def differs(self, asked: Question) -> ReplayMismatch:
        """What is raised for a request that is not the recorded one."""
        player = self._player
        numbers = player.exchanges(self._number)
        there = numbers[self._asked : self._asked + 1] or numbers
        where = f"the tape {player.tape.name} (run {self.run}, request {self._asked + 1})"
        return mismatch(where, asked, nearest_difference(player.tape, there, asked))

    def depart(self, error: ReplayMismatch) -> None:
        """Something else is done than on the tape; raises the error in a strict replay."""
        self._miss(error)
        self.leave()

    def _miss(self, error: ReplayMismatch) -> None:
        if self._player.strict:
            self._lives = True
            self._turns.let_all_go(self._player.miss(error))
            raise error
        if not self._lives:
            log.warning("%s; the run goes on without the tape", error)

    def leave(self) -> None:
        """From here on, what is on this track does not matter."""
        self._lives = True
        self._turns.let_all_go()

    def _check(self) -> None:
        if self._turns.broken is not None:
            raise self._turns.broken

    async def _again(self, entry: Exchange, emit: Emit | None, record: Record | None) -> ModelResponse:
        for fact in entry.facts:
            await self._wait_for_next()
            if record is not None:
                await record(fact)
        await self._wait_for_next()
        if entry.response is None and entry.raised is None:
            await _wait_to_be_cut_off(f"request {entry.hash}")
        return told_again(entry, emit)

    async def _wait_for_next(self) -> None:
        if not self._lives and self._at < len(self._moments):
            await self._turns.wait(self._moments[self._at].place)

    async def _wait(self, call_id: str, *kinds: str) -> None:
        if self._lives:
            self._check()
            return
        for placed in self._moments[self._at :]:
            if placed.moment.call_id == call_id and placed.moment.fact in kinds:
                await self._turns.wait(placed.place)
                return


class UntapedTrack:
    """The track of a run that is on no track of the tape: answers are looked for among all that there are."""

    def __init__(self, player: Player, run: str) -> None:
        self.run = run
        self._player = player

    def time(self, fact: Fact | None = None) -> int:  # noqa: ARG002  (the tape has none of its facts)
        """The real time."""
        return clock()

    async def turn(self, fact: Fact) -> None:
        """At once."""

    async def ask(self, model: Model, request: ModelRequest, emit: Emit | None, record: Record | None) -> ModelResponse:
        """A recorded answer to this request, if there is one."""
        asked = question_of(request, model.name, self._player.scrub)
        return await _asked_elsewhere(self, self._player, asked, (model, request, emit, record))

    async def call(self, call: CallState, report: Report, carry_out: Callable[[Report], Awaitable[Outcome]]) -> Outcome:
        """The tool is called: a tape without tracks holds exchanges with models alone."""
        if self._player.has_tracks:
            self.depart(
                ReplayMismatch(
                    f"the tape {self._player.tape.name} has no run with this beginning, and so no call of {call.call.name}"
                )
            )
        return await _called_for_real(self._player, self.run, call, report, carry_out)

    def close(self) -> None:
        """Nothing is held."""

    def differs(self, asked: Question) -> ReplayMismatch:
        """What is raised for a request that is not on the tape."""
        tape = self._player.tape
        difference = nearest_difference(tape, self._player.exchanges(None), asked)
        return mismatch(f"the tape {tape.name} (a run that is not on it)", asked, difference)

    def depart(self, error: ReplayMismatch) -> None:
        """Something is done that is not on the tape; raises the error in a strict replay."""
        if self._player.strict:
            raise self._player.miss(error)
        log.warning("%s; the run goes on without the tape", error)


Asking = tuple[Model, ModelRequest, Emit | None, Record | None]


async def _asked_elsewhere(
    track: PlayedTrack | UntapedTrack, player: Player, asked: Question, asking: Asking
) -> ModelResponse:
    """An answer from another place on the tape, or else the model's own."""
    model, request, emit, record = asking
    number = player.answer(asked, anywhere=not player.strict)
    if number is not None:
        if isinstance(track, PlayedTrack):
            track.leave()
        player.use("request", number)
        entry = player.tape.exchange(number)
        if entry.response is None and entry.raised is None:
            await _wait_to_be_cut_off(f"request {entry.hash}")
        return told_again(entry, emit)
    track.depart(track.differs(asked))
    if player.recorder is not None:
        return await player.recorder.trackless(track.run).ask(model, request, emit, record)
    return await model.respond(request, emit, record)


async def _called_for_real(
    player: Player,
    run: str,
    call: CallState,
    report: Report,
    carry_out: Callable[[Report], Awaitable[Outcome]],
) -> Outcome:
    if player.recorder is None:
        return await carry_out(report)
    return await player.recorder.trackless(run).call(call, report, carry_out)


def outcome_of(entry: Called, call_id: str) -> Outcome:
    """What came of a recorded call, as that of the call with this id."""
    if entry.pending:
        return Waits(entry.info, entry.response, entry.seconds, entry.until)
    result = entry.result or ToolResult(call_id)
    same = result if result.call_id == call_id else msgspec.structs.replace(result, call_id=call_id)
    return Done(same, entry.asks_retry, entry.failed, entry.abandoned, entry.structured)


async def _carried_out_again(
    entry: Called, report: Report, carry_out: Callable[[Report], Awaitable[Outcome]]
) -> Outcome:
    program = entry.program
    if program is None:
        return await carry_out(report)
    # For how long it computes is measured, and its snapshot is other bytes each time.
    token = computed.set(program.seconds)
    try:
        outcome = await carry_out(report)
    finally:
        computed.reset(token)
    waits = isinstance(outcome, Waits) and isinstance(program, ProgramSuspended)
    return msgspec.structs.replace(outcome, program=program) if waits else outcome


async def _wait_to_be_cut_off(named: str) -> None:
    log.warning("%s was cut off when it was recorded, and waits to be cut off again", named)
    await asyncio.Event().wait()


def _named(kind: str, call_id: str) -> str:
    name = kind or "a look at the clock"
    return f"{name} of call {call_id!r}" if call_id else name
