"""Programs in worker processes of pydantic-monty, a Rust interpreter of a subset of Python."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, assert_never

import msgspec
import pydantic_monty
from msgspec.structs import replace

from ..data import CallerError, ReplayMismatch
from ..loop import blocking, run_blocking
from ..programs import (
    Answered,
    Compiled,
    Failed,
    Finished,
    Grant,
    Language,
    Outcome,
    ProgramError,
    ProgramFault,
    ProgramLimits,
    Raised,
    Scope,
    Suspended,
)
from ..programs.crossing import Output, as_json_has_it, data_as_json, shortened
from ..programs.recording import Recording, check_ids
from .sandbox_monty_checker import Checker
from .sandbox_monty_inside import secret_names
from .sandbox_monty_run import Drive
from .sandbox_monty_tools import granted
from .sandbox_monty_turns import Broke, Ended, Needs, Paused, Program, Turns
from .sandbox_monty_workers import Workers

VERSION = f"monty {pydantic_monty.__version__}, 1"
"""What a snapshot is good for: the interpreter, and the form in which we keep its dumps."""


class MontySandbox:
    """A sandbox over worker processes; `async with` opens and closes it, within one event loop, `with` for blocking use.

    `processes` is how many programs compute at the same time, by default as many as there are processors. `key` signs
    snapshots: give sandboxes that shall take up each other's programs the same one (32 random bytes, kept secret); with
    another key programs are run again from their recorded calls.
    """

    def __init__(
        self,
        languages: Callable[[str], Language],
        *,
        processes: int | None = None,
        key: bytes | None = None,
        limits: ProgramLimits = ProgramLimits(),  # noqa: B008  (a frozen value)
    ) -> None:
        if key is not None and len(key) < 16:  # noqa: PLR2004  (what can be guessed signs nothing)
            raise CallerError("key: at least 16 bytes, as of secrets.token_bytes(32)")
        self._languages = languages
        self._key = key or secrets.token_bytes(32)
        self._names = secret_names(self._key)
        self._limits = limits
        self._processes = processes
        self._workers: Workers | None = None
        self._checker = Checker()

    async def __aenter__(self) -> Self:
        self._workers = Workers(self._processes)
        await self._workers.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __enter__(self) -> Self:
        """For `run_sync` and `resume_sync`, in a script or a notebook."""
        return run_blocking(self.__aenter__())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_blocking(self.close())

    async def close(self) -> None:
        """End the workers; whoever opened the sandbox closes it."""
        workers, self._workers = self._workers, None
        if workers is not None:
            await workers.close()
            await self._checker.close()

    async def run(
        self,
        code: str,
        *,
        language: str = "python",
        data: Mapping[str, Any] | None = None,
        tools: Grant | Sequence[Any] = (),
        limits: ProgramLimits | None = None,
        memory: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Run a program to its end, or to where it waits for calls that are answered elsewhere.

        `data` is what it may read, `memory` what the program before it left behind (`Outcome.memory`); both cross as JSON has
        them. `tools` are functions, tools, or a `Grant`. Raises `CallerError` for what the caller can mend, and what a grant's
        own `call` raises.
        """
        started = Suspended(
            source=code,
            language=language,
            data=data_as_json(data, "data"),
            memory=data_as_json(memory, "memory"),
            limits=limits or self._limits,
            clock=time.time(),
            seed=int.from_bytes(os.urandom(4), "big"),
        )
        return await self._carry_on(started, granted(tools))

    async def resume(
        self,
        suspended: Suspended,
        answers: Mapping[int, Any] = {},
        *,
        tools: Grant | Sequence[Any] | None = None,
    ) -> Outcome:
        """Go on with a suspended program, with values (or `Failed`) for calls that wait; some may be left for later.

        `tools` are those of its run. They may be left out only for a suspension that `run` or `resume` itself has just given:
        what was written and read again holds no functions. Raises `CallerError` for an answer to a call that does not wait,
        and `ReplayMismatch` where the program is run again and calls something else than what was recorded.
        """
        grant = vars(suspended).get("grant") if tools is None else granted(tools)
        if grant is None:
            raise CallerError("this suspension was read from storage and holds no functions; resume(…, tools=[…]) it")
        return await self._carry_on(suspended, grant, _checked(suspended, answers))

    run_sync = blocking(run)
    resume_sync = blocking(resume)

    def describe(
        self, *, language: str = "python", data: Mapping[str, Any] | None = None, tools: Grant | Sequence[Any] = ()
    ) -> str:
        """What a model has to be told before it writes a program: text for a prompt."""
        scope = Scope(granted(tools).tools, data_as_json(data, "data"), limits=self._limits)
        return self._languages(language).describe(scope)

    async def _carry_on(self, state: Suspended, grant: Grant, late: Mapping[int, Answered | Failed] = {}) -> Outcome:
        workers = self._workers
        if workers is None:
            raise CallerError("the sandbox is not open: use it inside `async with open_sandbox() as sandbox:`")
        fresh = not self._is_ours(state)
        language = self._languages(state.language)
        scope = Scope(grant.tools, state.data, state.memory, state.limits)
        output = Output("" if fresh else state.output)
        recording = Recording(state.calls, state.settled)
        compiled = await self._compiled(language, state, scope)
        if isinstance(compiled, ProgramError):
            if state.calls:
                raise _other_program(compiled)
            return Outcome(error=compiled, memory=state.memory)
        program = Program(compiled, state.data, grant, state.limits, state.clock, state.seed)
        turns = Turns(workers.pool, program, recording, output, self._names)
        if not fresh:
            turns.restore(msgspec.msgpack.decode(_unpacked(state.snapshot), type=Paused))
        turn = await Drive(workers, program, recording, turns, late).run(fresh=fresh)
        finished, suspended = Finished(memory=state.memory), None
        match turn:
            case Ended():
                finished = language.finish(turn.value, scope)
            case Broke():
                told = language.fault(turn.error, scope) if isinstance(turn.error, Raised) else turn.error
                finished = Finished(error=told)
            case Needs():
                settled = (*(() if fresh else state.settled), *turns.heard)
                suspended = self._suspended(replace(state, settled=settled), recording, output, turns)
                vars(suspended)["grant"] = grant  # no part of the value: functions are not stored
            case _:
                assert_never(turn)
        return Outcome(
            value=finished.value,
            printed=shortened(output.text, state.limits.output_bytes),
            output=output.text,
            calls=recording.calls,
            error=finished.error,
            suspended=suspended,
            memory=state.memory if finished.error is not None or suspended is not None else finished.memory,
            returned=finished.returned or (isinstance(turn, Ended) and turn.early),
            seconds=turns.seconds,
        )

    async def _compiled(self, language: Language, state: Suspended, scope: Scope) -> Compiled | ProgramError:
        if len(state.source.encode("utf-8", "replace")) > state.limits.source_bytes:
            return ProgramError.of_limit("size_exceeded", "the size of a program", "source_bytes", state.limits)
        try:
            compiled = language.compile(state.source, scope)
        except ProgramFault as fault:
            return fault.error
        found = await self._checker.check(compiled, scope) if compiled.stubs else None
        return language.fault(found, scope) if isinstance(found, Raised) else found or compiled

    def _suspended(self, state: Suspended, recording: Recording, output: Output, turns: Turns) -> Suspended:
        unsigned = replace(
            state,
            calls=recording.calls,
            output=output.text,
            version=VERSION,
            snapshot=_packed(msgspec.msgpack.encode(turns.pause())),
            signature=b"",
        )
        return replace(unsigned, signature=self._signature(unsigned))

    def _is_ours(self, suspended: Suspended) -> bool:
        """Whether its snapshot may be loaded: a dump is trusted by the interpreter as its own memory is."""
        return (
            bool(suspended.snapshot)
            and suspended.version == VERSION
            and hmac.compare_digest(suspended.signature, self._signature(suspended))
        )

    def _signature(self, suspended: Suspended) -> bytes:
        # Not as a struct: whether one leaves a number out that is its default depends on whether it is the very same object.
        limits = msgspec.structs.astuple(suspended.limits)
        signed = (limits, replace(suspended, signature=b"", limits=ProgramLimits()))
        return hmac.new(self._key, msgspec.json.encode(signed, order="deterministic"), hashlib.sha256).digest()


def _other_program(error: ProgramError) -> ReplayMismatch:
    return ReplayMismatch(
        f"the program has made calls, and now it is none that can be run: {error}; "
        "run it with the language and the tools that the calls were recorded with"
    )


def _checked(suspended: Suspended, answers: Mapping[int, Any]) -> dict[int, Answered | Failed]:
    given: dict[int, Answered | Failed] = {}
    check_ids(suspended.calls)
    waiting = {call.id for call in suspended.waiting}
    for call_id, value in answers.items():
        if call_id not in waiting:
            known = ", ".join(map(str, sorted(waiting))) or "none"
            raise CallerError(f"call {call_id!r} does not wait for an answer; the calls that do: {known}")
        try:
            given[call_id] = value if isinstance(value, Failed) else Answered(as_json_has_it(value))
        except ValueError as error:
            raise CallerError(f"the answer to call {call_id}: {error}") from error
    return given


def _packed(dump: bytes) -> bytes:
    """A dump as it is stored: a fifth to a quarter of its size, since it repeats itself much.

    Measured with dumps of 55 kB: xz at its quickest gives 12 kB in 2 ms, zlib 19 kB in half a millisecond.
    """
    try:
        import lzma  # noqa: PLC0415  (an optional module of Python's: builds without liblzma lack it)
    except ImportError:
        return zlib.compress(dump)
    return lzma.compress(dump, preset=0)


def _unpacked(snapshot: bytes) -> bytes:
    if not snapshot.startswith(b"\xfd7zXZ"):
        return zlib.decompress(snapshot)
    import lzma  # noqa: PLC0415

    return lzma.decompress(snapshot)
