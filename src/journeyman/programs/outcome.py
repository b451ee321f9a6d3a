"""What came of a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..data import JourneymanError
from .limits import ProgramLimits

Reason = Literal[
    "parse_error",  # it is no program of its language
    "unsupported",  # it is one, but uses what the language leaves out
    "unbound_var",
    "arity_error",
    "type_error",
    "value_error",  # the right type, and still no value that fits: int("x"), a missing key
    "arithmetic_error",
    "runtime_error",  # raised by the program, or of no closer kind
    "failed",  # the program said so itself
    "not_allowed",  # files, network, environment, modules that are not there
    "unknown_tool",
    "tool_error",
    "loop_limit_exceeded",
    "call_limit_exceeded",
    "depth_exceeded",
    "timeout",
    "memory_exceeded",
    "size_exceeded",  # of source, arguments or value
    "crashed",  # its worker process ended
]
"""Why a program came to no value; a closed list."""


class ProgramError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a program came to no value: said to whoever wrote it, mostly a model.

    `line` and `column` count from 1 and are of the source as it was given. For a limit `limit` is its value and `parameter`
    the field of `ProgramLimits` that sets it.
    """

    reason: Reason
    message: str
    line: int | None = None
    column: int | None = None
    limit: float | None = None
    parameter: str | None = None

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}, column {self.column or 1}: "
        return f"{self.reason}: {place}{self.message}"

    @classmethod
    def of_limit(cls, reason: Reason, what: str, parameter: str, limits: ProgramLimits) -> ProgramError:
        """A limit that was reached, with its name, value and parameter."""
        value = getattr(limits, parameter)
        shown = f"{value:,}" if isinstance(value, int) else f"{value:g}"
        message = f"the limit on {what} was reached: {parameter}={shown}"
        return cls(reason, message, limit=value, parameter=parameter)

    def at(self, line: int | None, column: int | None) -> ProgramError:
        """The same error with its place."""
        return msgspec.structs.replace(self, line=line, column=column)


class ProgramFault(JourneymanError):
    """Raised inside a language for a program that cannot run; `run` gives it as `Outcome.error`."""

    def __init__(self, error: ProgramError) -> None:
        super().__init__(str(error))
        self.error = error


class ProgramCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool call that a program made.

    `id` is its place in the program's own order, from 0; the same program with the same results gives the same ids. Where
    `state` is "waiting", `info` is what the tool says that it waits for; where it is "failed", `message` says why.
    "begun" is a call that was still under way when the program ended.
    """

    id: int
    name: str
    arguments: dict[str, Any]
    state: Literal["begun", "waiting", "done", "failed"] = "begun"
    value: Any = None
    message: str = ""
    info: Any = None


class Suspended(msgspec.Struct, frozen=True, dict=True, omit_defaults=True, kw_only=True):
    """A program that waits in the middle of an expression, as plain data: it can be written as JSON and kept for days.

    The recorded calls are the truth: from them, the source and the data the program can be run again up to where it waits, on
    any machine. `snapshot` is a cache that spares this; it is used only where `signature` proves that a sandbox with the same
    key and the same interpreter (`version`) made it for this very program. Drop it to save room.

    `settled` are the ids of answered calls in the order in which the program heard of them. `clock` (seconds since 1970) and
    `seed` are what the program's clock stands at and its chance begins with. `output` is what it has printed.
    """

    source: str
    language: str
    data: dict[str, Any] = {}
    memory: dict[str, Any] = {}
    limits: ProgramLimits = ProgramLimits()
    calls: tuple[ProgramCall, ...] = ()
    settled: tuple[int, ...] = ()
    clock: float = 0.0
    seed: int = 0
    output: str = ""
    version: str = ""
    snapshot: bytes = b""
    signature: bytes = b""

    @property
    def waiting(self) -> tuple[ProgramCall, ...]:
        """The calls that have to be answered before the program goes on."""
        return tuple([call for call in self.calls if call.state == "waiting"])


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What came of a program: a value, an error, or a wait.

    `printed` is the newest of what it printed, with a mark where the beginning was cut; `output` is all that was kept, at most
    `KEPT_OUTPUT` characters. `memory` is what the next program may be given: after an error or a wait what this one was given.
    `returned` says that the value was given by `return`, and not only as that of the last expression; `seconds` is for how
    long it has computed in this stretch.
    """

    value: Any = None
    printed: str = ""
    output: str = ""
    calls: tuple[ProgramCall, ...] = ()
    error: ProgramError | None = None
    suspended: Suspended | None = None
    memory: Mapping[str, Any] = {}
    returned: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it came to a value."""
        return self.error is None and self.suspended is None


KEPT_OUTPUT = 1_000_000
"""How many characters of a program's output are kept, the newest."""
