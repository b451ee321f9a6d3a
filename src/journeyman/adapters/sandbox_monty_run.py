"""One program from its start to its end: turns in threads, tools in the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import assert_never

from ..programs import Answer, Answered, Failed, Waits
from ..programs.crossing import as_json_has_it
from ..programs.recording import Recording
from .sandbox_monty_turns import Broke, Needs, Program, Turn, Turns
from .sandbox_monty_workers import Seat, Workers


class Drive:
    """Carries a program on until it ends, or until all that it waits for lies outside."""

    def __init__(self, workers: Workers, program: Program, recording: Recording, turns: Turns) -> None:
        self._workers = workers
        self._program = program
        self._recording = recording
        self._turns = turns
        self._seat = Seat(turns.leave, lambda: turns.is_out)
        self._queue: deque[int] = deque()
        self._running: dict[asyncio.Task[Answer], int] = {}

    async def run(self, *, fresh: bool) -> Turn:
        """The last turn: an end, or the calls that nobody here can answer. Its worker is given back."""
        try:
            await self._workers.take(self._seat)
            turn = await self._workers.work(self._seat, self._turns.start if fresh else self._turns.go_on)
            while isinstance(turn, Needs) and await self._answered(turn):
                turn = await self._workers.work(self._seat, self._turns.go_on)
            if not isinstance(turn, Broke):
                self._recording.expect_caught_up()
            return turn
        finally:
            await self._stop()
            await self._workers.give_back(self._seat)

    async def _answered(self, needs: Needs) -> bool:
        """Whether the program can be told something that it waits for; waits for its tools as long as it takes."""
        self._queue.extend(self._turns.new)
        self._turns.new.clear()
        if self._recording.next_heard(needs.calls) is not None:
            return True
        if len(self._queue) == 1 and not self._running and not self._recording.catching_up:
            # The common case, one call at a time, needs no task of its own.
            return await self._answered_alone(needs)
        self._begin()
        if not self._running:
            return self._recording.next_heard(needs.calls) is not None
        self._workers.rest(self._seat)
        while self._running and self._recording.next_heard(needs.calls) is None:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=self._running.__getitem__):
                self._recording.answer(self._running.pop(task), task.result())
            self._begin()
        await self._workers.take(self._seat)
        return self._recording.next_heard(needs.calls) is not None

    async def _answered_alone(self, needs: Needs) -> bool:
        call_id = self._queue.popleft()
        self._workers.rest(self._seat)
        answer = await self._call(call_id)
        await self._workers.take(self._seat)
        self._recording.answer(call_id, answer)
        return self._recording.next_heard(needs.calls) is not None

    def _begin(self) -> None:
        # While a program catches up, what it calls anew is held back: it may turn out to be another program.
        while (
            self._queue and len(self._running) < self._program.limits.parallel_tools and not self._recording.catching_up
        ):
            call_id = self._queue.popleft()
            self._running[asyncio.create_task(self._call(call_id))] = call_id

    async def _call(self, call_id: int) -> Answer:
        call = self._recording.call(call_id)
        answer = await self._program.grant.call(call.name, call.arguments, call_id)
        match answer:
            case Answered():
                try:
                    return Answered(as_json_has_it(answer.value))
                except ValueError as error:
                    return Failed(f"{call.name}: {error}")
            case Failed():
                # The interpreter's strings are whole text, and an error may quote what is not.
                return Failed(answer.message.encode("utf-8", "backslashreplace").decode())
            case Waits():
                try:
                    return Waits(as_json_has_it(answer.info))
                except ValueError as error:
                    return Failed(f"{call.name} waits for something that cannot be written down: {error}")
            case _:
                assert_never(answer)

    async def _stop(self) -> None:
        """Tools that still run when their program has ended are cancelled, and waited for."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
            for task in self._running:
                if not task.cancelled():
                    task.exception()  # heard of, so that asyncio need not complain
