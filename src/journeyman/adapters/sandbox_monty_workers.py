"""Worker processes for programs: a program that waits for tools gives its worker up as soon as another one needs it."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic_monty import Monty

from ..data import CallerError

T = TypeVar("T")


async def end_with(threads: ThreadPoolExecutor, function: Callable[[], None]) -> None:
    """Do the last thing that these threads are for."""
    try:
        ending = asyncio.get_running_loop().run_in_executor(threads, function)
    except RuntimeError:
        # The interpreter is at its end, which is when the loop behind blocking calls is closed: there are no threads any more.
        function()
        return
    await asyncio.shield(ending)
    threads.shutdown(wait=False)


_CLOSED = "the sandbox was closed while a program ran in it; wait for its programs before you close it"


class Seat:
    """A program's claim to a worker.

    `leave` writes the program down and lets go of its worker, in a thread; `is_out` tells whether it has already.
    """

    def __init__(self, leave: Callable[[], None], is_out: Callable[[], bool]) -> None:
        self.leave = leave
        self.is_out = is_out
        self.leaving: asyncio.Future[None] | None = None
        self.held = False


class Workers:
    """A pool of worker processes with a thread each, for one event loop.

    The library's blocking interface is used, in threads: its async one can abort the interpreter at exit (1.4.0). A program
    that waits keeps its worker while nobody else wants it, which costs nothing, and spares the dump for quick tools.
    """

    def __init__(self, processes: int | None = None) -> None:
        self._count = processes or os.cpu_count() or 2
        # What a session may leave behind in its process (memory, above all) is bounded by beginning anew; spawning takes 10 ms.
        self.pool = Monty(
            min_processes=1,
            max_processes=self._count,
            max_checkouts_per_worker=1_000,
            feed_duration_limit_grace=0.5,
        )
        self._threads = ThreadPoolExecutor(self._count + 1, thread_name_prefix="journeyman sandbox")
        self._free = self._count
        self._closed = False
        self._wanted: deque[asyncio.Future[None]] = deque()
        self._resting: dict[Seat, None] = {}

    async def open(self) -> None:
        """Start the first worker."""
        await self._in_thread(self.pool.__enter__)

    async def close(self) -> None:
        """End the workers; a program that still runs ends with `CallerError` at its next step."""
        self._closed = True
        while self._wanted:
            if not (wanted := self._wanted.popleft()).done():
                wanted.set_exception(CallerError(_CLOSED))
        await end_with(self._threads, lambda: self.pool.__exit__(None, None, None))

    async def take(self, seat: Seat) -> None:
        """Wait for a worker; whoever waits longest is first."""
        if self._closed:
            raise CallerError(_CLOSED)
        if seat.leaving is not None:
            await asyncio.shield(seat.leaving)
            seat.leaving = None
        if seat in self._resting:
            del self._resting[seat]  # nobody wanted it in the meantime
            return
        if self._free:
            self._free -= 1
        else:
            wanted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._wanted.append(wanted)
            self._turn_out()
            try:
                await wanted
            except asyncio.CancelledError:
                if wanted.done() and not wanted.cancelled():
                    self._hand_on()
                raise
        seat.held = True

    def rest(self, seat: Seat) -> None:
        """The program waits: its worker may go to somebody else."""
        self._resting[seat] = None
        if self._wanted:
            self._turn_out()

    async def work(self, seat: Seat, step: Callable[[], T]) -> T:
        """Run one step of a program in a thread; its worker is held until the step has ended, even if nobody waits for it."""
        if self._closed:
            raise CallerError(_CLOSED)
        running = self._in_thread(step)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            if not running.done():
                # It ends within the limits of the program; until then the worker is not free.
                seat.held = False
                running.add_done_callback(lambda ended: self._after(seat, ended))
            raise

    async def give_back(self, seat: Seat) -> None:
        """The program has ended."""
        if self._closed:
            return
        if seat.leaving is not None:
            await asyncio.shield(seat.leaving)
        self._resting.pop(seat, None)
        if seat.held:
            seat.held = False
            try:
                if not seat.is_out():
                    await asyncio.shield(self._in_thread(seat.leave))
            finally:
                self._hand_on()

    def _after(self, seat: Seat, ended: asyncio.Future[Any]) -> None:
        if not ended.cancelled():
            ended.exception()  # heard of, so that asyncio need not complain: whoever wanted it is gone
        if self._closed:
            return
        leaving = self._in_thread(seat.leave)
        leaving.add_done_callback(lambda _: self._hand_on())

    def _turn_out(self) -> None:
        """Make the program that has rested longest give its worker up, if there is one."""
        if not self._resting or self._closed:
            return
        seat = next(iter(self._resting))
        del self._resting[seat]
        seat.held = False
        seat.leaving = self._in_thread(seat.leave)
        seat.leaving.add_done_callback(lambda _: self._hand_on())

    def _hand_on(self) -> None:
        while self._wanted:
            wanted = self._wanted.popleft()
            if not wanted.done():
                wanted.set_result(None)
                return
        self._free += 1

    def _in_thread(self, function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, function)
