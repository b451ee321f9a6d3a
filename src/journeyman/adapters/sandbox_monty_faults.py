"""The interpreter's errors as errors of programs."""

from __future__ import annotations

from typing import Literal

from pydantic_monty import Frame, MontyCrashedError, MontyError, MontyRuntimeError, MontySyntaxError

from ..programs import Compiled, ProgramError, ProgramLimits, Raised, Reason
from .sandbox_monty_inside import TOO_LARGE

_LONGEST = 2_000
_CODE = "<python-input-0>"  # the session's first input: our preamble, the language's prelude, the program


class Told:
    """What this program was told while it ran, so that its end can be told apart from an error of its own."""

    def __init__(self, compiled: Compiled, limits: ProgramLimits, before: int) -> None:
        self.compiled = compiled
        self.limits = limits
        self.before = before
        """How many lines stand before the program."""
        self.breach: ProgramError | None = None
        """A limit that it has passed, after which it cannot come to a value."""
        self.lost: MontyError | None = None
        """Why its worker could not write it down."""
        self._messages: dict[str, Reason] = {}

    def remember(self, reason: Literal["unknown_tool", "tool_error"], message: str) -> str:
        """Note down an error that the program is given."""
        self._messages[message] = reason
        return message

    def reason_of(self, message: str) -> Reason | None:
        """Whether an exception is one that it was given."""
        return self._messages.get(message)

    def placed(self, error: MontyError) -> ProgramError:
        """The breach, with the place where the program was."""
        assert self.breach is not None  # noqa: S101  (asked for only where there is one)
        return self.breach.at(*place_of(error, self))


def place_of(error: MontyError, told: Told) -> tuple[int | None, int | None]:
    """Line and column, in the source, of the innermost frame that lies in the program's own code."""
    for frame in reversed(_frames(error)):
        if frame.line > told.before and (frame.filename == _CODE or isinstance(error, MontySyntaxError)):
            return told.compiled.place_of(frame.line - told.before, frame.column)
    return None, None


def _frames(error: MontyError) -> list[Frame]:
    return error.traceback() if isinstance(error, MontyRuntimeError | MontySyntaxError) else []


def fault_of(error: MontyError, told: Told) -> ProgramError | Raised:
    """What an error of the interpreter means: one of the sandbox's own, or one for the language to tell."""
    line, column = place_of(error, told)
    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return _limit("timeout", told)
        return ProgramError("crashed", "the program's worker process ended; the program may ask too much of it")
    inner = error.exception()
    kind, message = type(inner).__name__, _shortened(str(inner))
    if isinstance(error, MontySyntaxError):
        return ProgramError("parse_error", message, line, column)
    found = _of_sandbox(kind, message, told) or _of_limit(kind, message, told)
    if found is not None:
        return found.at(line, column)
    frames = _frames(error)
    return Raised(kind, message, line, column, frames[-1].function_name if frames else None)


def _limit(reason: Literal["timeout", "memory_exceeded", "depth_exceeded"], told: Told) -> ProgramError:
    what, parameter = {
        "timeout": ("computing time (seconds)", "cpu_seconds"),
        "memory_exceeded": ("memory", "memory_bytes"),
        "depth_exceeded": ("calls inside each other", "depth"),
    }[reason]
    return ProgramError.of_limit(reason, what, parameter, told.limits)


def _of_limit(kind: str, message: str, told: Told) -> ProgramError | None:
    match kind:
        case "TimeoutError" if "time limit exceeded" in message:
            return _limit("timeout", told)
        case "MemoryError":
            return _limit("memory_exceeded", told)
        case "RecursionError":
            return _limit("depth_exceeded", told)
        case "RuntimeError" if message.startswith("suspension limit"):
            return ProgramError.of_limit(
                "call_limit_exceeded", "tool calls and names looked up", "tool_calls", told.limits
            )
        case "RuntimeError" if message == TOO_LARGE:
            return ProgramError.of_limit("size_exceeded", "the size of a value as JSON", "value_bytes", told.limits)
        case _:
            return None


def _of_sandbox(kind: str, message: str, told: Told) -> ProgramError | None:
    match kind:
        case "RuntimeError" if reason := told.reason_of(message):
            return ProgramError(reason, message)
        case "PermissionError" | "ModuleNotFoundError":
            return ProgramError("not_allowed", f"{message}; programs have no files, network or modules from outside")
        case "RuntimeError" if "is not supported in this environment" in message:
            return ProgramError("not_allowed", f"{message}; programs reach the outside through their tools alone")
        case "NotImplementedError" if "cannot suspend in this synchronous context" in message:
            return ProgramError(
                "unsupported", "a tool cannot be called from inside map, sorted, min, max and the like; use a loop"
            )
        case "NotImplementedError":
            return ProgramError("unsupported", message.replace("The monty syntax parser does not yet support ", "no "))
        case _:
            return None


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST else message[:_LONGEST] + f"… ({len(message):,} characters)"
