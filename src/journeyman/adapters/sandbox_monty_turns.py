"""One program inside the interpreter: turn by turn, each in a thread, until it needs something of its host."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, assert_never, cast

import msgspec
from pydantic_monty import (
    FunctionSnapshot,
    FutureSnapshot,
    Monty,
    MontyComplete,
    MontyError,
    MontyRuntimeError,
    MontySession,
    NameLookupSnapshot,
    OSPolicy,
    ResourceLimits,
)

from ..data import Bug, ReplayMismatch
from ..programs import Answered, Compiled, Failed, Grant, ProgramError, ProgramLimits, Raised
from ..programs.crossing import Output
from ..programs.likeness import did_you_mean
from ..programs.recording import Recording
from .sandbox_monty_faults import Told, fault_of
from .sandbox_monty_inside import Names, cutting, measuring, preamble

Snapshot = FunctionSnapshot | FutureSnapshot | NameLookupSnapshot | MontyComplete


RETURN = "__return__"
"""What code says that ends the program by raising `KeyboardInterrupt`: an ordinary `except` of the program lets that pass."""


class Needs(msgspec.Struct, frozen=True):
    """The program goes on when one of these calls is answered."""

    calls: tuple[int, ...]


class Ended(msgspec.Struct, frozen=True):
    """What the program has bound to `__value__`; `early` where it was by `return` and not because its code came to its end."""

    value: object
    early: bool = False


class Broke(msgspec.Struct, frozen=True):
    """The program ended in an error: of the sandbox's own, or one for its language to tell."""

    error: ProgramError | Raised


Turn = Needs | Ended | Broke


class Program(msgspec.Struct, frozen=True):
    """What is to be run, with everything that its run depends on."""

    compiled: Compiled
    data: Mapping[str, Any]
    grant: Grant
    limits: ProgramLimits
    clock: float
    seed: int


class Paused(msgspec.Struct, frozen=True, gc=False):
    """A snapshot as it is kept: the interpreter's dump, and which of its calls is which of ours."""

    dump: bytes
    calls: dict[int, int]


class Turns:
    """The interpreter's side of a program; its methods run in threads, one at a time."""

    def __init__(self, pool: Monty, program: Program, recording: Recording, output: Output, names: Names) -> None:
        self._pool = pool
        self._program = program
        self._recording = recording
        self._output = output
        self._names = names
        compiled = program.compiled
        calls = any(name in text for name in ("__tool__", "__later__") for text in (compiled.code, compiled.prelude))
        before = preamble(names, program.limits, calls=calls) + compiled.prelude
        before += "" if before.endswith("\n") else "\n"
        self._code = before + compiled.code
        self._told = Told(compiled, program.limits, before.count("\n"))
        self._session: MontySession | None = None
        self._at: Snapshot | None = None
        self._paused: Paused | None = None
        # The interpreter's ids of calls that it waits for, and ours.
        self._calls: dict[int, int] = {}
        self.new: list[int] = []
        """Calls that the program has made and nobody has begun yet."""
        self.heard: list[int] = []
        """Those whose answers it was given here, in that order."""
        self.seconds = 0.0
        """For how long it has computed here, without what it has only repeated."""

    def start(self) -> Turn:
        """From the first line."""
        self._recording.restart()
        return self._guarded(self._begin)

    def restore(self, paused: Paused) -> None:
        """Take up a snapshot at the next turn instead."""
        self._paused = paused

    def go_on(self) -> Turn:
        """Tell the program the answers that are there, until it needs another."""
        return self._guarded(self._hear)

    @property
    def is_out(self) -> bool:
        """Whether it holds no worker."""
        return self._session is None

    def leave(self) -> None:
        """Give the worker back; a program that is not at its end is written down first."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            if self._at is not None and not isinstance(self._at, MontyComplete):
                self._paused = self.pause()
        except MontyError as error:
            self._told.lost = error
        finally:
            self._at = None
            session.__exit__(None, None, None)

    def pause(self) -> Paused:
        """The program as it stands, to be kept."""
        if self._at is None or isinstance(self._at, MontyComplete):
            assert self._paused is not None  # noqa: S101  (only a program that waits is paused)
            return self._paused
        return Paused(self._at.dump(), dict(self._calls))

    def _guarded(self, step: Callable[[], Turn]) -> Turn:
        repeats = self._recording.catching_up
        began = time.perf_counter()
        try:
            turn = step()
        except MontyError as error:
            turn = self._returned() if _is_return(error) else self._broken(error)
        if not repeats:
            self.seconds += time.perf_counter() - began
        if not isinstance(turn, Needs):
            self._at = None
            self.leave()
        return turn

    def _returned(self) -> Turn:
        try:
            ended = self._end()
        except MontyError as error:
            return self._broken(error)
        return msgspec.structs.replace(ended, early=True) if isinstance(ended, Ended) else ended

    def _broken(self, error: MontyError) -> Broke:
        if self._told.breach is not None:
            return Broke(self._told.placed(error))
        return Broke(fault_of(error, self._told))

    def _begin(self) -> Turn:
        session = self._open()
        compiled = self._program.compiled
        inputs = dict(compiled.inputs) or None
        return self._until_needed(session.feed_start(self._code, inputs=inputs, print_callback=self._print))

    def _open(self) -> MontySession:
        limits = self._program.limits
        bounds = ResourceLimits(
            max_feed_duration_secs=limits.cpu_seconds,
            max_memory=limits.memory_bytes,
            max_recursion_depth=limits.depth,
            # Each call is at most two; the rest is for names that are looked up and not found.
            max_suspensions=2 * limits.tool_calls + 1_000,
        )
        policy = OSPolicy(
            datetime=dt.datetime.fromtimestamp(self._program.clock, dt.UTC),
            sleep="zero",
            random_start={"seed": self._program.seed},
        )
        checkout = self._pool.checkout(limits=bounds, os_policy=policy)
        self._session = session = checkout.__enter__()
        return session

    def _hear(self) -> Turn:
        at = self._at
        if at is None:
            at = self._reload()
        if isinstance(at, FutureSnapshot):
            return self._until_needed(at)
        assert isinstance(at, FunctionSnapshot)  # noqa: S101  (a program waits nowhere else)
        self._at = at
        call_id = self._calls[at.call_id]
        if self._recording.next_heard([call_id]) is None:
            return Needs((call_id,))
        del self._calls[at.call_id]
        return self._until_needed(at.resume(self._result(call_id)))

    def _reload(self) -> Snapshot:
        paused = self._paused
        if paused is None:
            assert self._told.lost is not None  # noqa: S101  (nothing else loses a program)
            raise self._told.lost
        session = self._open()
        self._calls = dict(paused.calls)
        self._paused = None
        return session.load_snapshot(paused.dump, print_callback=self._print)

    def _until_needed(self, at: Snapshot) -> Turn:
        while True:
            self._at = at
            if self._told.breach is not None and not isinstance(at, FunctionSnapshot):
                return Broke(self._told.breach)
            match at:
                case MontyComplete():
                    return self._end()
                case NameLookupSnapshot():
                    at = self._look_up(at)
                case FunctionSnapshot() | FutureSnapshot():
                    following = self._call(at) if isinstance(at, FunctionSnapshot) else self._deliver(at)
                    if isinstance(following, Needs):
                        return following
                    at = following
                case _:
                    assert_never(at)

    def _end(self) -> Turn:
        """The value, once it is known to be small enough to leave; what the program's own last line gave is never looked at."""
        limits = self._program.limits
        try:
            written = self._inside(measuring(self._names))
        except MontyRuntimeError as error:
            if not isinstance(error.exception(), TypeError | ValueError | RecursionError):
                raise
            return Ended(self._inside(cutting(self._names, limits)))
        if len(written) > limits.value_bytes:
            return Broke(ProgramError.of_limit("size_exceeded", "the size of a value as JSON", "value_bytes", limits))
        if written[0] in '"0123456789ntf':
            return Ended(msgspec.json.decode(written))
        return Ended(self._inside("__value__"))  # JSON would make lists of tuples

    def _inside(self, code: str) -> Any:
        assert self._session is not None  # noqa: S101  (the program has just run in it)
        at = self._session.feed_start(code)
        if not isinstance(at, MontyComplete):
            raise Bug(f"the sandbox's own code was interrupted by {type(at).__name__}")
        return at.output

    def _look_up(self, at: NameLookupSnapshot) -> Snapshot:
        if at.variable_name == "data" and at.object_id is None:
            return at.resume(value=self._program.data)
        return at.resume()

    def _call(self, at: FunctionSnapshot) -> Snapshot | Needs:
        if at.is_os_function:
            return at.resume_not_handled()
        plain = at.function_name == self._names.call
        if not plain and at.function_name != self._names.later:
            # What an unknown function was given is never looked at: it may be many times larger here than in there.
            return at.resume(_raised("NameError", f"name {_cut(at.function_name)!r} is not defined"))
        made = self._made(at)
        if isinstance(made, str):
            return at.resume(_raised("RuntimeError", made))
        self._calls[at.call_id] = made
        if not plain:
            return at.resume({"future": ...})
        if self._recording.next_heard([made]) is None:
            return Needs((made,))
        del self._calls[at.call_id]
        return at.resume(self._result(made))

    def _deliver(self, at: FutureSnapshot) -> Snapshot | Needs:
        pending = {self._calls[theirs]: theirs for theirs in at.pending_call_ids}
        call_id = self._recording.next_heard(pending)
        if call_id is None:
            return Needs(tuple(sorted(pending)))
        theirs = pending[call_id]
        del self._calls[theirs]
        return at.resume({theirs: self._result(call_id)})

    def _made(self, at: FunctionSnapshot) -> int | str:
        """Our id of the call that is made here, or why there can be none."""
        if self._told.breach is not None:
            return self._told.breach.message
        asked = self._asked(at.args)
        if isinstance(asked, str):
            return asked
        name, arguments = asked
        if name not in self._program.grant.names:
            hint = did_you_mean(name, self._program.grant.names)
            return self._told.remember("unknown_tool", f"there is no tool {_cut(name)!r}{hint}")
        if self._recording.count >= self._program.limits.tool_calls and not self._recording.catching_up:
            limit = ProgramError.of_limit("call_limit_exceeded", "tool calls", "tool_calls", self._program.limits)
            self._told.breach = limit
            return limit.message
        call_id, is_new = self._recording.make(name, arguments)
        if is_new and self._recording.catching_up and at.function_name == self._names.call:
            self._recording.expect_caught_up()
            raise ReplayMismatch(f"the program was run again and made a call that was not recorded: {name}")
        if self._recording.answer_of(call_id) is None:
            self.new.append(call_id)
        return call_id

    def _asked(self, given: Sequence[Any]) -> tuple[str, dict[str, Any]] | str:
        """What is called and with what, or why it cannot be told."""
        try:
            name, arguments = msgspec.json.decode(*given)
            msgspec.json.encode(arguments)  # what can be read and not be written could not be recorded
        except (msgspec.MsgspecError, RecursionError):
            return self._told.remember("tool_error", "the arguments of a tool are nested too deeply")
        except (TypeError, ValueError):
            name = arguments = None
        if not isinstance(name, str) or not isinstance(arguments, dict):
            return "a tool is called by its name and a dict of arguments"
        return name, cast("dict[str, Any]", arguments)

    def _result(self, call_id: int) -> Any:
        answer = self._recording.heard(call_id)
        self.heard.append(call_id)
        match answer:
            case Answered():
                return {"return_value": answer.value}
            case Failed():
                return _raised("RuntimeError", self._told.remember("tool_error", answer.message))
            case _:
                assert_never(answer)

    def _print(self, _: str, text: str) -> None:
        self._output.add(text)


def _is_return(error: MontyError) -> bool:
    if not isinstance(error, MontyRuntimeError):
        return False
    inner = error.exception()
    return isinstance(inner, KeyboardInterrupt) and str(inner) == RETURN


def _raised(kind: str, message: str) -> Any:
    return {"exc_type": kind, "message": message}


def _cut(name: str) -> str:
    return name if len(name) <= 80 else name[:80] + "…"  # noqa: PLR2004  (enough to know it by)
