"""A log in memory does what every log must, without copying and without leaking."""

import asyncio
import gc
import threading

import pytest

from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import CallerError, Conflict
from journeyman.journal import RunQuery
from journeyman.testing.log_kit import LOG_CHECKS, LogCheck, check_log
from journeyman.testing.log_probes import finished, follow, listening, names, read, some_run


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck):
    """A log in memory passes each check of the kit."""
    async with MemoryLog() as log:
        await check(log)


async def test_the_whole_kit():
    """A log in memory passes the kit as somebody without pytest would run it."""
    await check_log(MemoryLog)


async def test_facts_are_kept_as_they_are():
    """What is read is the very object that was appended."""
    log = MemoryLog()
    facts = some_run(3)
    await log.append("r", 0, facts)
    assert all(found is given for found, given in zip(await read(log, "r"), facts, strict=True))


async def test_the_callers_list_is_not_kept():
    """A list that the caller changes after an append changes no run."""
    log = MemoryLog()
    facts = some_run(2)
    await log.append("r", 0, facts)
    facts.clear()
    assert len(await read(log, "r")) == 2


async def test_followers_do_not_leak():
    """A follower that ends, breaks off, is cancelled or is forgotten is not remembered."""
    log = MemoryLog()
    await log.append("r", 0, some_run(2))
    async with listening(log, "r") as heard:
        await heard.next()
        assert len(log._followers.waiting["r"]) == 1
    async for _ in log.watch("r"):
        break
    forgotten = log.watch("r")
    await anext(forgotten)
    del forgotten
    gc.collect()
    # An event loop closes a forgotten generator in a task of its own, in some later turn.
    for _ in range(10):
        await asyncio.sleep(0)
    assert log._followers.waiting == {}
    await log.append("r", 2, [finished(2)])
    await follow(log, "r")
    assert log._followers.waiting == {}


async def test_a_follower_whose_loop_is_gone_is_dropped():
    """A follower left behind by a loop that was closed under it is dropped when there is something to hear."""
    log = MemoryLog()
    await log.append("r", 0, some_run(1))
    left = []

    def elsewhere() -> None:
        loop = asyncio.new_event_loop()
        follower = log.watch("r")
        loop.run_until_complete(anext(follower))
        left.append(follower)
        loop.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert log._followers.waiting
    await log.append("r", 1, some_run(2)[1:])
    assert log._followers.waiting == {}
    await left[0].aclose()


async def test_a_follower_that_stays_is_not_dropped_with_another():
    """Of two followers of a run the one that leaves takes nothing from the other."""
    log = MemoryLog()
    facts = [*some_run(2), finished(2)]
    await log.append("r", 0, facts[:2])
    async with listening(log, "r") as stays:
        async with listening(log, "r") as leaves:
            await leaves.next()
        await log.append("r", 2, facts[2:])
        assert await stays.rest() == facts


def test_threads_race_for_a_place():
    """Of several threads that append at the same place exactly one wins, place after place."""
    log = MemoryLog()
    facts = some_run(200)
    wins: list[int] = []
    barrier = threading.Barrier(4, timeout=60)

    async def writer() -> None:
        for at in range(200):
            try:
                await log.append("r", at, [facts[at]])
            except Conflict:
                continue
            wins.append(at)

    def work() -> None:
        barrier.wait()
        while len(wins) < 200:
            asyncio.run(writer())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wins) == list(range(200))
    assert asyncio.run(read(log, "r")) == facts


async def test_a_run_longer_than_a_page_is_followed_from_its_middle():
    """Pages of a reader hide neither the end of a run nor what comes between two of them."""
    log = MemoryLog()
    facts = [*some_run(2500), finished(2500)]
    await log.append("r", 0, facts)
    assert await follow(log, "r", 999) == facts[1000:]


async def test_lists_are_made_from_what_is_new():
    """Listing a run a second time reads the facts since the first."""
    log = MemoryLog()
    await log.append("r", 0, some_run(3))
    first = (await log.runs()).rows[0]
    assert (await log.runs()).rows[0] is first
    await log.append("r", 3, [finished(3)])
    assert await names(log, RunQuery(status="finished")) == ["r"]


async def test_closed_for_the_next_user():
    """A log that its context closed refuses what comes after."""
    async with MemoryLog() as log:
        await log.append("r", 0, some_run(1))
    with pytest.raises(CallerError, match="the log in memory is closed"):
        await log.append("r", 1, some_run(2)[1:])
