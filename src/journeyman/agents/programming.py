"""A program of the model's as a tool call: its own calls are the run's, and what it is at any moment is in the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import msgspec
from msgspec.structs import replace

from ..compose import loop_sandbox
from ..data import Bug, CallerError, Conflict, ReplayMismatch, Secret, ToolResult
from ..journal import CallState, ProgramFinished, ProgramSuspended, RunState
from ..loop import PROGRAM_TOOL, Drive, Inside
from ..programs import Answer, Grant, Offer, Outcome, ProgramLimits, Sandbox, Suspended
from ..programs.feedback import Told, Turn, told
from ..programs.protocol import tool_words
from ..programs.untold import untold
from ..schema.signatures import SignatureMismatch
from ..tools import Done, RunContext, Tool, Waits
from .program_facts import answer_of, as_it_stands, suspension

computed: ContextVar[float | None] = ContextVar("journeyman seconds of a program", default=None)
"""For how long the program has computed according to the tape that is played; it is measured where there is none."""

_SHORTEST = 0.001
"""Seconds below which there is no starting a program."""


def program_tool(offer: Offer, secret: Callable[[], Secret | None]) -> Tool[..., Any]:
    """The tool by which a run's programs are run; after a crash it may be run again, for its own calls are on the journal."""

    async def run_program(context: RunContext[Any], code: str) -> Done | Waits:
        return await _Program(context, offer, code).run(secret())

    async def run_spoken(context: RunContext[Any], code: str, note: str = "") -> Done | Waits:
        return await _Program(context, offer, code, note).run(secret())

    function = run_spoken if offer.in_words else run_program
    return Tool(function, name=PROGRAM_TOOL, description=tool_words(offer), idempotent=True)


class _Program:
    """One stretch of work on a program: from its start, or from where it waited, to its end or its next wait."""

    def __init__(self, context: RunContext[Any], offer: Offer, code: str, note: str = "") -> None:
        drive = context.host
        if not isinstance(drive, Drive):
            raise CallerError(f"{PROGRAM_TOOL} can only be called within a run")
        self._drive = drive
        self._offer = offer
        self._id = context.call_id
        self._code = code
        self._note = note
        self._inside = Inside(drive, self._id)

    async def run(self, secret: Secret | None) -> Done | Waits:
        state = self._drive.state
        number, most = _number(state, self._id), self._offer.max_turns
        if most is not None and number > most:
            return self._refused(f"no program is left: max_turns={most}; answer with what you have")
        seconds = _seconds_left(state, self._call, self._offer)
        if seconds < _SHORTEST and not state.calls_of(self._id):
            limit = f"turn_cpu_seconds={self._offer.turn_cpu_seconds:g}"
            return self._refused(f"the programs of this answer have computed for as long as they may: {limit}")
        sandbox = self._offer.sandbox or await loop_sandbox(secret)
        suspended, answers = as_it_stands(state, self._call, self._code, self._offer, max(seconds, _SHORTEST))
        outcome = await self._carried_on(sandbox, suspended, answers)
        if isinstance(outcome, Waits):
            return outcome
        known = computed.get()
        spent = self._call.seconds + outcome.seconds if known is None else known
        if outcome.suspended is not None:
            return Waits(program=suspension(self._id, outcome.suspended, spent))
        return await self._ended(_explained(outcome, self._offer, suspended.limits), number, spent)

    async def _carried_on(self, sandbox: Sandbox, suspended: Suspended, answers: dict[int, Any]) -> Outcome | Waits:
        try:
            outcome = await sandbox.resume(suspended, answers, tools=Grant(self._offer.tools, self._made))
            await self._inside.finish()
        except (Conflict, ReplayMismatch, Bug):
            await self._inside.cut_off()
            raise
        except Exception:
            # A limit of the run: nothing that the program could mend. Where it has calls that are open, they are the run's to
            # decide on, and it goes on once they have come to something.
            await self._inside.finish_or_cut_off()
            if any(call.phase != "done" for call in self._drive.state.calls_of(self._id)):
                return Waits(program=ProgramSuspended(call_id=self._id, seconds=self._call.seconds))
            raise
        except BaseException:
            await self._inside.cut_off()
            raise
        return outcome

    @property
    def _call(self) -> CallState:
        call = self._drive.state.call(self._id)
        assert call is not None  # noqa: S101  (it is the call that is being carried out)
        return call

    async def _made(self, name: str, arguments: dict[str, Any], call_id: int) -> Answer:
        text = msgspec.json.encode(arguments).decode()
        return answer_of(await self._inside.call(call_id, name, text))

    async def _ended(self, outcome: Outcome, number: int, seconds: float) -> Done:
        offer, error = self._offer, outcome.error
        value = None
        if outcome.returned and error is None:
            try:
                value = outcome.value if offer.signature is None else _checked(offer, outcome.value)
            except SignatureMismatch as mismatch:
                # As after any error, what the program has defined is not kept.
                return self._done(self._told(outcome, number, mismatch.faults), is_error=True, asks_retry=True)
        before = self._drive.state.memory
        kept, rest = untold(outcome, offer.language, offer.limits)
        defined = {} if error else {k: v for k, v in outcome.memory.items() if not _is_there(before, k, v)}
        await self._drive.record_in_turn(
            ProgramFinished(
                call_id=self._id,
                defined={**defined, **kept},
                forgotten=() if error else tuple(name for name in before if name not in outcome.memory),
                returned=outcome.returned and error is None,
                value=value,
                failed=error.message if error is not None and error.reason == "failed" else "",
                seconds=seconds,
            )
        )
        return self._done(self._told(outcome, number, rest=rest), is_error=error is not None)

    def _told(self, outcome: Outcome, number: int, faults: tuple[str, ...] = (), rest: str = "") -> str:
        offer, most = self._offer, self._offer.max_turns
        shown = outcome.returned or offer.show_values
        what = Told.of(outcome, self._code, self._drive.state.memory, show_value=shown)
        # What does not fit is given again within the same turn.
        following = number if faults else number + 1
        last = offer.must_return and most is not None and following >= most
        is_final = outcome.returned and outcome.error is None and not faults
        turn = None if is_final else Turn(following, most, last, offer.language)
        return told(replace(what, faults=faults, note=self._note, rest=rest), turn)

    def _done(self, text: str, *, is_error: bool, asks_retry: bool = False) -> Done:
        return Done(ToolResult(self._id, text, is_error=is_error), asks_retry=asks_retry)

    def _refused(self, message: str) -> Done:
        return self._done(f"The program was not run: {message}.", is_error=True)


def _programs(state: RunState) -> list[CallState]:
    """Those of the answer, in its order."""
    return [call for call in state.calls if call.call.name == PROGRAM_TOOL and not call.parent]


def _number(state: RunState, call_id: str) -> int:
    """Which of the run's programs it is, whatever those beside it have come to meanwhile."""
    programs = _programs(state)
    before = state.programs - sum(call.ended is not None for call in programs)
    return before + 1 + next(place for place, call in enumerate(programs) if call.call.id == call_id)


def _seconds_left(state: RunState, call: CallState, offer: Offer) -> float:
    """For how long a program may compute from its start: its own limit, or what it has and its share of the turn's rest."""
    programs = _programs(state)
    open_ones = sum(call.phase != "done" for call in programs)
    left = offer.turn_cpu_seconds - sum(call.seconds for call in programs)
    return min(offer.limits.cpu_seconds, call.seconds + max(left, 0.0) / max(open_ones, 1))


def _explained(outcome: Outcome, offer: Offer, limits: ProgramLimits) -> Outcome:
    """The outcome, naming the limit of the turn where it was that one that a program has reached."""
    error = outcome.error
    if error is None or error.reason != "timeout" or limits.cpu_seconds >= offer.limits.cpu_seconds:
        return outcome
    most = offer.turn_cpu_seconds
    message = f"the limit on the time of all programs of an answer was reached: turn_cpu_seconds={most:g}"
    return replace(outcome, error=replace(error, message=message, limit=most, parameter="turn_cpu_seconds"))


def _is_there(memory: Mapping[str, Any], name: str, value: Any) -> bool:
    # What Python takes for equal may be another value: 1, 1.0 and true.
    return name in memory and memory[name] == value and _json(memory[name]) == _json(value)


def _json(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def _checked(offer: Offer, value: Any) -> Any:
    assert offer.signature is not None  # noqa: S101  (the caller has looked)
    return offer.signature.dump(offer.signature.check_output(value))
