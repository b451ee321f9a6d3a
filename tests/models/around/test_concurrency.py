"""A model that is asked by only so many at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from journeyman.data import CallerError, Message, ModelRequest, ModelResponse, ProviderError
from journeyman.models import ConcurrencyLimited, ScriptedModel, Slots

ASK = ModelRequest("", (Message.user("Hi"),))


class Busy(ScriptedModel):
    """Answers when it is told to, and knows how many wait for it."""

    def __init__(self) -> None:
        super().__init__([])
        self.at_once = self.most = 0
        self.go_on = asyncio.Event()

    async def respond(self, request: ModelRequest, emit: Any = None, record: Any = None) -> ModelResponse:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self.go_on.wait()
        finally:
            self.at_once -= 1
        return ModelResponse(Message.assistant("ok"))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_more_than_the_slots_at_once():
    """Two models share three places."""
    slots, models = Slots(3), [Busy(), Busy()]
    tasks = [asyncio.create_task(ConcurrencyLimited(models[n % 2], slots).respond(ASK)) for n in range(10)]
    await settle()
    assert [model.at_once for model in models] == [2, 1]
    for model in models:
        model.go_on.set()
    await asyncio.gather(*tasks)
    assert sum(model.most for model in models) >= 3
    assert slots.taken == 0


async def test_first_come_first_served():
    """Those who wait are let in in their order."""
    slots = Slots(1)
    order: list[int] = []

    async def one(number: int) -> None:
        await slots.enter()
        order.append(number)
        await asyncio.sleep(0)
        slots.leave()

    await asyncio.gather(*(one(number) for number in range(6)))
    assert order == list(range(6))


async def test_a_place_is_given_back_whatever_happens():
    """After a failure, and after a cancellation while waiting or working."""
    slots = Slots(1)
    failing = ConcurrencyLimited(ScriptedModel([ProviderError("no", status=500)]), slots)
    with pytest.raises(ProviderError):
        await failing.respond(ASK)
    busy = Busy()
    working, waiting, last = [asyncio.create_task(ConcurrencyLimited(busy, slots).respond(ASK)) for _ in range(3)]
    await settle()
    waiting.cancel()
    working.cancel()
    await settle()
    assert (busy.at_once, slots.taken) == (1, 1)
    busy.go_on.set()
    assert (await last).message.text == "ok"
    assert slots.taken == 0


def test_places_are_shared_by_event_loops():
    """Who gives a place back in one loop wakes who waits in another."""
    slots = Slots(1)
    inside = threading.Event()
    leave = threading.Event()
    done: list[str] = []

    async def first() -> None:
        await slots.enter()
        inside.set()
        await asyncio.to_thread(leave.wait, 20)
        done.append("first")
        slots.leave()

    async def second() -> None:
        entering = asyncio.create_task(slots.enter())
        await settle()
        leave.set()
        await asyncio.wait_for(entering, 20)
        done.append("second")
        slots.leave()

    thread = threading.Thread(target=lambda: asyncio.run(first()))
    thread.start()
    assert inside.wait(20)
    asyncio.run(second())
    thread.join(20)
    assert done == ["first", "second"]


def test_a_loop_that_was_closed_in_the_queue_blocks_nobody():
    """Its places are dropped by the next one who comes or goes."""
    slots = Slots(1)

    async def hold() -> None:
        await slots.enter()

    asyncio.run(hold())
    dead = asyncio.new_event_loop()
    waiting = dead.create_task(slots.enter())
    dead.run_until_complete(asyncio.sleep(0))
    # What a program that closes its loop in the middle of its work leaves behind; Python would say so in a warning.
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]
    dead.close()
    slots.leave()
    asyncio.run(asyncio.wait_for(slots.enter(), 20))
    assert slots.taken == 1
    del waiting
    gc.collect()


def test_a_limit_of_nobody_is_refused():
    """It would let nobody in for ever."""
    with pytest.raises(CallerError, match="1 or more"):
        ConcurrencyLimited(ScriptedModel([]), 0)
