"""Where programs run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .granting import Grant
from .limits import ProgramLimits
from .outcome import Outcome, Suspended


class Sandbox(Protocol):
    """Runs programs that nobody has to trust.

    Whatever a program does is in its `Outcome`; exceptions are the caller's own: `CallerError` for a language that there is
    not, for data that JSON has no form for and for answers to calls that do not wait; `ReplayMismatch` for a suspended
    program that no longer makes the calls that were recorded; and whatever the granted `Call` raises.
    """

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
        """Run a program to its end, or to where it waits."""
        ...

    async def resume(
        self,
        suspended: Suspended,
        answers: Mapping[int, Any] = {},
        *,
        tools: Grant | Sequence[Any] | None = None,
    ) -> Outcome:
        """Go on with a suspended program, here or in another process, with values (or `Failed`) for calls that wait."""
        ...

    def describe(
        self, *, language: str = "python", data: Mapping[str, Any] | None = None, tools: Grant | Sequence[Any] = ()
    ) -> str:
        """What a model has to be told before it writes a program: text for a prompt."""
        ...

    async def close(self) -> None:
        """End the workers; programs that still run end with an error."""
        ...
