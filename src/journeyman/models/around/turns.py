"""A queue in which tasks of any event loop and any thread wait for their turn, first come, first served."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable

Sleep = Callable[[float], Awaitable[object]]
"""Waits so many seconds."""


class Turns:
    """Lets in the first of those who wait as soon as there is room, and nobody before it.

    What room is, its user says: `enter` gets a function that takes the room and gives 0.0, or takes nothing and gives the
    seconds after which there will be some (infinity where only somebody else can make it). It is called under the lock that
    `change` holds too, so neither has to care for threads.
    """

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        # In which the first is found, and any can leave, at the same cost however many wait.
        self._waiting: OrderedDict[_Ticket, None] = OrderedDict()

    async def enter(self, take: Callable[[], float]) -> None:
        """Wait for room, and take it; cancelling it gives up the place in the queue."""
        with self._lock:
            self._drop_dead()
            if not self._waiting and take() <= 0:
                return
            ticket = _Ticket()
            self._waiting[ticket] = None
        try:
            while (seconds := self._look(ticket, take)) > 0:
                await self._pause(ticket, seconds)
        finally:
            with self._lock:
                self._waiting.pop(ticket, None)
                self._wake_first()

    def change(self, alter: Callable[[], None]) -> None:
        """Alter what room depends on; whoever is first looks again."""
        with self._lock:
            alter()
            self._wake_first()

    def _look(self, ticket: _Ticket, take: Callable[[], float]) -> float:
        with self._lock:
            ticket.woken.clear()
            return take() if next(iter(self._waiting)) is ticket else math.inf

    async def _pause(self, ticket: _Ticket, seconds: float) -> None:
        if seconds == math.inf:
            await ticket.woken.wait()
            return
        tasks = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(ticket.woken.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _wake_first(self) -> None:
        self._drop_dead()
        if self._waiting:
            next(iter(self._waiting)).wake()

    def _drop_dead(self) -> None:
        # A loop that was closed in the middle of its work cannot give its places up itself.
        while self._waiting and next(iter(self._waiting)).loop.is_closed():
            self._waiting.popitem(last=False)


class _Ticket:
    """A place in the queue."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.woken = asyncio.Event()

    def wake(self) -> None:
        # An event may be set by its own loop alone.
        try:
            self.loop.call_soon_threadsafe(self.woken.set)
        except RuntimeError:
            # The loop was closed this moment; the next who comes or goes drops its place.
            return
