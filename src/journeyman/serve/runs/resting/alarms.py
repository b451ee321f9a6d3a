"""Looks at a waiting run again when its call has waited long enough, or when its tool can be asked how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

LONGEST = 3600.0
"""Seconds after which a run is looked at in any case: clocks are set, and a timer of an event loop does not hear of it."""


class Alarms:
    """A timer for each run that can go on without an answer; after a restart, `Rounds` sets them anew.

    `wake` is called with the run's id.
    """

    def __init__(self, wake: Callable[[str], Awaitable[None]]) -> None:
        self._wake = wake
        # Timers and no tasks: many thousands of runs may wait.
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waking: set[asyncio.Future[None]] = set()
        self._closed = False

    def set(self, run: str, at: datetime) -> None:
        """Wake a run at a time, in place of the time that was set before."""
        if self._closed:
            return
        self.clear(run)
        seconds = min(max(0.0, (at - datetime.now(UTC)).total_seconds()), LONGEST)
        self._timers[run] = asyncio.get_running_loop().call_later(seconds, self._ring, run)

    def clear(self, run: str) -> None:
        """Do not wake a run."""
        timer = self._timers.pop(run, None)
        if timer is not None:
            timer.cancel()

    async def close(self) -> None:
        """Wake nobody any more."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._waking:
            task.cancel()
        await asyncio.gather(*self._waking, return_exceptions=True)

    def _ring(self, run: str) -> None:
        self._timers.pop(run, None)
        task = asyncio.ensure_future(self._wake(run))
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)
