"""What one program may use."""

from __future__ import annotations

import math

import msgspec

from ..data import CallerError


class ProgramLimits(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What one program may use; reaching one ends the program with an error that names the field.

    `cpu_seconds` counts only while the program computes, not while it waits for tools; on a machine with more to do than
    processors it counts the wait for one too, since the interpreter reads an ordinary clock. `loop_steps` counts the rounds of its
    loops (comprehensions, and loops inside builtins, are left to `cpu_seconds`). `tool_calls` are reserved before any of them
    is scheduled. `output_bytes` is what `Outcome.printed` holds of what was printed, the newest; `Outcome.output` holds more.
    `value_bytes` bounds the program's value, and the arguments of one call, in the size of their JSON. `depth` counts calls
    of functions inside each other.
    """

    cpu_seconds: float = 1.0
    memory_bytes: int = 64_000_000
    parallel_tools: int = 8
    loop_steps: int = 1_000_000
    tool_calls: int = 100
    output_bytes: int = 16_384
    source_bytes: int = 65_536
    value_bytes: int = 1_048_576
    depth: int = 1_000

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            # The sandbox is not started without an end: a worker without a limit outlives its host.
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not fits or value < (0 if name in ("tool_calls", "output_bytes") else 0.001):
                raise CallerError(f"ProgramLimits({name}={value!r}): a limit of programs is a positive number")
            if name != "cpu_seconds" and not isinstance(value, int):
                raise CallerError(f"ProgramLimits({name}={value!r}): this limit is a whole number")
