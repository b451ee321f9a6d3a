"""Monty's type checker, in a worker of its own, before a program runs."""

from __future__ import annotations

import asyncio
import builtins
import re
from concurrent.futures import ThreadPoolExecutor

import msgspec
from pydantic_monty import Monty, MontyError, MontySession, MontyTypingError, ResourceLimits

from ..programs import Compiled, ProgramError, Raised, Reason, Scope
from .sandbox_monty_workers import end_with

# The checker knows many more faults, but it also takes good programs for bad ones (rows whose values have several types). Only
# what is certain to fail ends a program here; the rest it will meet, or not, as it runs.
_REASONS: dict[str, Reason] = {
    "invalid-syntax": "parse_error",
    "unresolved-reference": "unbound_var",
    "missing-argument": "arity_error",
    "unknown-argument": "arity_error",
    "too-many-positional-arguments": "arity_error",
    "parameter-already-assigned": "arity_error",
    "invalid-argument-type": "type_error",
    "invalid-await": "type_error",
}
# Argument types are certain only of tools: their schemas are checked in any case.
_OF_TOOLS = frozenset(
    {"missing-argument", "unknown-argument", "too-many-positional-arguments", "invalid-argument-type"}
)
# A list, since of `False` the checker would know that nothing after this line is ever reached.
_LAST_LINES = '__checked__: list[int] = []\nif not __checked__: raise RuntimeError("checked")\n'
_ENOUGH = 200


class _Place(msgspec.Struct):
    row: int
    column: int


class _Diagnostic(msgspec.Struct):
    code: str
    message: str
    location: _Place


class Checker:
    """One session that only checks: whatever it is given ends before its first own line runs, so nothing piles up in it.

    Checking in each program's own session was rejected: the checker takes 25 ms to warm up, in each session anew. It has no
    limits of its own and can be made to think for minutes, so its process is ended after `patience` seconds, and the program
    runs unchecked.
    """

    def __init__(self, patience: float = 0.5) -> None:
        self._patience = patience
        self._thread: ThreadPoolExecutor | None = None
        self._pool: Monty | None = None
        self._session: MontySession | None = None
        self._checked = 0
        self._good: dict[tuple[str, str], None] = {}

    async def check(self, compiled: Compiled, scope: Scope) -> ProgramError | Raised | None:
        """The first thing in a program that is certain to fail."""
        key = (compiled.stubs, compiled.code)
        if key in self._good:
            return None
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="journeyman checker")
        found = await asyncio.get_running_loop().run_in_executor(self._thread, self._diagnostics, compiled)
        for diagnostic in found:
            if (fault := _fault(diagnostic, compiled, scope)) is not None:
                return fault
        if len(self._good) >= _ENOUGH:
            del self._good[next(iter(self._good))]
        self._good[key] = None
        return None

    async def close(self) -> None:
        """End its process."""
        if self._thread is not None:
            thread, self._thread = self._thread, None
            await end_with(thread, self._end)

    def _diagnostics(self, compiled: Compiled) -> list[_Diagnostic]:
        head = compiled.stubs + _LAST_LINES
        try:
            self._opened().feed_run(head + compiled.code, print_callback=_unheard)
        except MontyTypingError as error:
            lines = head.count("\n")
            found = msgspec.json.decode(error.display(), type=list[_Diagnostic])
            for item in found:
                item.location.row -= lines
            # Of several at one place the wrong name of an argument says more than the right one that is missing.
            found.sort(key=lambda item: (item.location.row, item.code != "unknown-argument"))
            return [item for item in found if item.location.row > 0]
        except MontyError as error:
            if "checked" not in str(error):
                self._end()  # it ran out of time, or crashed
        return []

    def _opened(self) -> MontySession:
        if self._session is None or self._checked >= _ENOUGH:
            self._end()
            self._pool = Monty(max_processes=1, request_timeout=self._patience)
            self._pool.__enter__()
            bounds = ResourceLimits(max_feed_duration_secs=0.1, max_memory=16_000_000)
            checkout = self._pool.checkout(limits=bounds, type_check=True, type_check_format="json")
            self._session = checkout.__enter__()
        self._checked += 1
        return self._session

    def _end(self) -> None:
        session, pool = self._session, self._pool
        self._session, self._pool, self._checked = None, None, 0
        if session is not None:
            session.__exit__(None, None, None)
        if pool is not None:
            pool.__exit__(None, None, None)


def _unheard(_: str, text: str) -> None:
    """Nothing is printed before the first own line of a program."""


def _fault(found: _Diagnostic, compiled: Compiled, scope: Scope) -> ProgramError | Raised | None:
    reason = _REASONS.get(found.code)
    if reason is None:
        return None
    if found.code in _OF_TOOLS and not _is_of_tool(found.message, scope):
        return None
    line, column = compiled.place_of(found.location.row, found.location.column)
    if found.code == "unresolved-reference" and (named := re.search(r"`(\w+)`", found.message)):
        # The checker knows fewer builtins than the interpreter has (1.4.0: no map, no filter).
        name = named[1]
        return None if hasattr(builtins, name) else Raised("NameError", f"name {name!r} is not defined", line, column)
    return ProgramError(reason, found.message, line, column)


def _is_of_tool(message: str, scope: Scope) -> bool:
    named = re.search(r"(?:function|bound method) `(?:\w+\.)?(\w+)`", message)
    return named is not None and any(re.sub(r"\W", "_", tool.name) == named[1] for tool in scope.tools)
