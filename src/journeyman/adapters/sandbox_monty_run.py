"""One program from its start to its end: turns in threads, tools in the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import assert_never

from ..programs import Answer, Answered, Failed, ProgramError, Waits
from ..programs.crossing import as_json_has_it
from ..programs.recording import Recording
from .sandbox_monty_turns import Broke, Needs, Program, Turn, Turns
from .sandbox_monty_workers import Seat, Workers


class Drive:
    """Carries a program on until it ends, or until all that it waits for lies outside.

    `late` are the answers that came while it waited, in the order in which they came. It hears of them where it stood then,
    whether a snapshot tells where that was or it is run again: only so does it do the same in both cases.
    """

    def __init__(
        self,
        workers: Workers,
        program: Program,
        recording: Recording,
        turns: Turns,
        late: Mapping[int, Answered | Failed],
    ) -> None:
        self._workers = workers
        self._program = program
        self._recording = recording
        self._turns = turns
        self._late = dict(late)
        self._seat = Seat(turns.leave, lambda: turns.is_out)
        self._queue: deque[int] = deque()
        self._running: dict[asyncio.Task[None], int] = {}

    async def run(self, *, fresh: bool) -> Turn:
        """The last turn: an end, or the calls that nobody here can answer. Its worker is given back."""
        try:
            await self._workers.take(self._seat)
            if not fresh:
                self._hand_over()
            turn = await self._workers.work(self._seat, self._turns.start if fresh else self._turns.go_on)
            while isinstance(turn, Needs) and (await self._answered(turn) or self._answered_late(turn)):
                turn = await self._workers.work(self._seat, self._turns.go_on)
            if not (isinstance(turn, Broke) and _may_be_the_machine(turn)):
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
            for task in done:
                del self._running[task]
            # All of them are looked at, so that asyncio need not complain of those behind the first.
            failed = [error for task in done if (error := task.exception()) is not None]
            if failed:
                raise failed[0]
            self._begin()
        await self._workers.take(self._seat)
        return self._recording.next_heard(needs.calls) is not None

    async def _answered_alone(self, needs: Needs) -> bool:
        call_id = self._queue.popleft()
        self._workers.rest(self._seat)
        await self._call(call_id)
        await self._workers.take(self._seat)
        return self._recording.next_heard(needs.calls) is not None

    def _answered_late(self, needs: Needs) -> bool:
        if not self._late or self._recording.catching_up:
            return False
        self._hand_over()
        return self._recording.next_heard(needs.calls) is not None

    def _hand_over(self) -> None:
        for call_id, answer in self._late.items():
            self._recording.answer(call_id, answer)
        self._late.clear()

    def _begin(self) -> None:
        # While a program catches up, what it calls anew is held back: it may turn out to be another program.
        while (
            self._queue and len(self._running) < self._program.limits.parallel_tools and not self._recording.catching_up
        ):
            call_id = self._queue.popleft()
            self._running[asyncio.create_task(self._call(call_id))] = call_id

    async def _call(self, call_id: int) -> None:
        call = self._recording.call(call_id)
        answer = _crossing(call.name, await self._program.grant.call(call.name, call.arguments, call_id))
        # At once: the program hears of its calls in the order in which they ended, as whoever carries them out tells it later.
        self._recording.answer(call_id, answer)

    async def _stop(self) -> None:
        """Tools that still run when their program has ended are cancelled, and waited for."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
            for task in self._running:
                if not task.cancelled():
                    task.exception()  # heard of, so that asyncio need not complain


def _crossing(name: str, answer: Answer) -> Answer:
    """An answer as it can cross into a program."""
    match answer:
        case Answered():
            try:
                return Answered(as_json_has_it(answer.value))
            except ValueError as error:
                return Failed(f"{name}: {error}")
        case Failed():
            # The interpreter's strings are whole text, and an error may quote what is not.
            return Failed(answer.message.encode("utf-8", "backslashreplace").decode())
        case Waits():
            try:
                return Waits(as_json_has_it(answer.info))
            except ValueError as error:
                return Failed(f"{name} waits for something that cannot be written down: {error}")
        case _:
            assert_never(answer)


def _may_be_the_machine(broke: Broke) -> bool:
    """Whether a program may have come to its end here only because this machine is slower, or in trouble."""
    return isinstance(broke.error, ProgramError) and broke.error.reason in ("timeout", "memory_exceeded", "crashed")
