"""The order in which a replay lets things come."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import ReplayMismatch
from journeyman.testing.tapes.turns import Turns


@given(st.permutations(range(8)))
def test_whoever_waits_comes_in_the_recorded_order(arrivals):
    """In whatever order things get ready, each comes after all that were recorded before it."""
    came = []

    async def come(turns, place):
        await turns.wait(place)
        came.append(place)
        turns.come(place)

    async def main():
        turns = Turns(len(arrivals))
        await asyncio.gather(*(come(turns, place) for place in arrivals))

    asyncio.run(main())
    assert came == sorted(arrivals)


async def test_a_broken_replay_lets_everybody_go_with_its_error():
    """Nobody waits for what cannot come any more, and all hear the same miss."""
    turns = Turns(3)
    waiting = [asyncio.ensure_future(turns.wait(place)) for place in (1, 2)]
    await asyncio.sleep(0)
    missed = ReplayMismatch("first")
    turns.let_all_go(missed)
    turns.let_all_go(ReplayMismatch("second"))
    assert await asyncio.gather(*waiting, return_exceptions=True) == [missed, missed]
    with pytest.raises(ReplayMismatch, match="first"):
        await turns.wait(2)


async def test_an_order_that_cannot_be_kept_does_not_hang():
    """Where nothing comes any more, waiting ends with an error that says what to do."""
    turns = Turns(2, patience=0.0)
    with pytest.raises(ReplayMismatch, match="make it again"):
        await turns.wait(1)
    assert turns.broken is not None


async def test_what_is_cut_off_waits_for_nobody():
    """A task that is being cancelled cleans up without its turn."""
    turns = Turns(2)
    cleaned = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            await turns.wait(1)
            cleaned.append(True)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert cleaned == [True]
