"""The order in which the facts of a run, and of all runs below it, came; a replay keeps to it.

Tools of one turn, and runs below a run, work side by side. When they are replayed nothing takes any time, and what came last
could come first; so each answer and each outcome waits until every fact that was recorded before it has come again. No answer
waits for what it causes itself, since that was recorded after it: the earliest thing that is still missing is never waiting.
"""

from __future__ import annotations

import asyncio

from ...data import ReplayMismatch

PATIENCE = 30.0
"""Seconds in which nothing at all came: what is waited for never will. A replay itself takes no time."""


class Turns:
    """One for a run and all runs below it, used in their event loop."""

    def __init__(self, length: int, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._come = bytearray(length)
        self._next = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._open = False
        self._broken: ReplayMismatch | None = None

    @property
    def broken(self) -> ReplayMismatch | None:
        """What broke the replay off."""
        return self._broken

    def come(self, place: int) -> None:
        """The fact in this place of the order has come, or never will."""
        self._come[place] = 1
        while self._next < len(self._come) and self._come[self._next]:
            self._next += 1
            self._wake(self._next)

    async def wait(self, place: int) -> None:
        """Until everything before this place has come. Raises `ReplayMismatch` where the replay broke off meanwhile."""
        task = asyncio.current_task()
        while not self._open and self._next < place and not (task is not None and task.cancelling()):
            waiting = self._waiting.get(place)
            if waiting is None:
                waiting = self._waiting[place] = asyncio.get_running_loop().create_future()
            await self._patiently(waiting)
        if self._broken is not None:
            raise self._broken

    def let_all_go(self, broken: ReplayMismatch | None = None) -> None:
        """Keep no order from here on: the runs do something else than on the tape."""
        self._open = True
        self._broken = self._broken or broken
        for place in list(self._waiting):
            self._wake(place)

    async def _patiently(self, waiting: asyncio.Future[None]) -> None:
        before = self._next
        await asyncio.wait([waiting], timeout=self._patience)
        if not waiting.done() and self._next == before:
            # Only a tape that was changed by hand can have an order that cannot be kept.
            self.let_all_go(ReplayMismatch("the tape has an order that its runs cannot keep to; make it again"))

    def _wake(self, place: int) -> None:
        waiting = self._waiting.pop(place, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
