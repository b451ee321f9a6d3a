"""From a run at work to its readers."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from journeyman.data import CallerError, Message, ModelResponse, Progress, TextDelta
from journeyman.journal import ModelRequested, ModelResponded, RunFinished, ToolStarted
from journeyman.observe import Batch, Feed, Reader

REQUESTED = ModelRequested(seq=0, model="m", history=0, iteration=1)
RESPONDED = ModelResponded(seq=1, response=ModelResponse(Message.assistant("a b")))
FINISHED = RunFinished(seq=2)


async def rest_of(reader: Reader) -> list[Batch]:
    return [batch async for batch in reader]


def flat(batches: list[Batch]) -> list[object]:
    return [item for batch in batches for item in batch]


async def test_every_reader_gets_every_batch():
    """In order, each at its own pace, until the feed is closed."""
    feed = Feed(streams=True)
    one, two = feed.reader(), feed.reader()
    feed.publish([REQUESTED])
    assert list(await anext(one)) == [REQUESTED]
    feed.glimpse([TextDelta("a")])
    feed.publish([RESPONDED, FINISHED])
    feed.close()
    assert flat(await rest_of(one)) == [TextDelta("a"), RESPONDED, FINISHED]
    assert flat(await rest_of(two)) == [REQUESTED, TextDelta("a"), RESPONDED, FINISHED]


async def test_a_waiting_reader_is_woken():
    """By a batch and by the end."""
    feed = Feed()
    task = asyncio.create_task(rest_of(feed.reader()))
    await asyncio.sleep(0)
    feed.publish([REQUESTED])
    await asyncio.sleep(0)
    feed.publish([RESPONDED])
    feed.publish([FINISHED])
    await asyncio.sleep(0)
    feed.close()
    assert flat(await task) == [REQUESTED, RESPONDED, FINISHED]


async def test_taps_hear_at_once():
    """Before `publish` returns."""
    heard: list[Batch] = []
    feed = Feed((heard.append,))
    feed.publish([REQUESTED])
    assert heard == [[REQUESTED]]
    feed.glimpse([Progress("c", "half")])
    assert heard[1] == [Progress("c", "half")]


async def test_a_late_reader_sees_an_unfinished_answer_from_its_beginning():
    """And then goes on where it is, with no glimpse twice."""
    feed = Feed(streams=True)
    feed.publish([REQUESTED])
    feed.glimpse([TextDelta("a"), TextDelta("b")])
    feed.glimpse([TextDelta("c")])
    late = feed.reader()
    feed.glimpse([TextDelta("d")])
    feed.publish([RESPONDED])
    feed.close()
    assert flat(await rest_of(late)) == [*map(TextDelta, "abcd"), RESPONDED]


@pytest.mark.parametrize("fact", [RESPONDED, REQUESTED])
async def test_a_fact_supersedes_the_glimpses_before_it(fact):
    """A reader who comes after the answer, or after it is asked for again, does not see them."""
    feed = Feed(streams=True)
    feed.glimpse([TextDelta("a")])
    feed.publish([fact])
    late = feed.reader()
    feed.close()
    assert await rest_of(late) == []


async def test_an_answer_that_never_came_is_forgotten_at_the_end():
    """A reader of a run that failed half-way reads its facts, with nothing behind the failure."""
    feed = Feed(streams=True)
    feed.glimpse([TextDelta("a")])
    feed.close()
    assert await rest_of(feed.reader()) == []


async def test_other_facts_leave_the_unfinished_answer():
    """A sibling's tool may end while a model writes."""
    feed = Feed(streams=True)
    feed.glimpse([TextDelta("a")])
    feed.publish([ToolStarted(call_id="c", name="t")])
    late = feed.reader()
    feed.close()
    assert flat(await rest_of(late)) == [TextDelta("a")]


async def test_progress_is_for_those_who_are_there():
    """A late reader does not get it."""
    feed = Feed(streams=True)
    here = feed.reader()
    feed.glimpse([Progress("c", "half")])
    late = feed.reader()
    feed.close()
    assert flat(await rest_of(here)) == [Progress("c", "half")]
    assert await rest_of(late) == []


async def test_no_glimpses_are_no_batch():
    """A server that does not stream may answer with nothing to show."""
    feed = Feed()
    reader = feed.reader()
    feed.glimpse([])
    feed.close()
    assert await rest_of(reader) == []


async def test_nothing_is_retained_once_a_fact_has_come():
    """Neither the glimpses nor the facts are held by the feed where nobody reads."""
    feed = Feed(streams=True)
    feed.publish([REQUESTED])
    glimpse = TextDelta("long " * 1000)
    feed.glimpse([glimpse])
    fact = ModelResponded(seq=1, response=ModelResponse(Message.assistant("x")))
    feed.publish([fact])
    gc.collect()
    assert not [holder for holder in (*gc.get_referrers(glimpse), *gc.get_referrers(fact)) if _belongs(holder, feed)]


def _belongs(holder: object, feed: Feed) -> bool:
    return holder is vars(feed) or any(holder is value for value in vars(feed).values())


async def test_a_reader_at_its_end_is_let_go():
    """The feed does not hold it any longer, and reading again stays at the end."""
    feed = Feed()
    reader = feed.reader()
    feed.close()
    assert await rest_of(reader) == []
    assert await rest_of(reader) == []
    gone = weakref.ref(reader)
    del reader
    gc.collect()
    assert gone() is None


async def test_a_reader_may_leave():
    """It gets nothing more; leaving twice is no harm."""
    feed = Feed()
    reader = feed.reader()
    feed.leave(reader)
    feed.leave(reader)
    feed.publish([REQUESTED])
    feed.close()
    assert await rest_of(reader) == []


async def test_two_tasks_cannot_share_an_iterator():
    """The second is told so, and the first goes on."""
    feed = Feed()
    reader = feed.reader()
    first = asyncio.create_task(rest_of(reader))
    await asyncio.sleep(0)
    with pytest.raises(CallerError, match="two tasks read from the same iterator"):
        await anext(reader)
    feed.publish([FINISHED])
    feed.close()
    assert flat(await first) == [FINISHED]


async def test_another_loop_cannot_read():
    """The error points to the blocking twins."""
    feed = Feed()
    reader = feed.reader()
    with pytest.raises(CallerError, match="blocking twins"):
        await asyncio.to_thread(asyncio.run, rest_of(reader))


async def test_a_cancelled_reader_can_read_on():
    """A timeout loses nothing."""
    feed = Feed()
    reader = feed.reader()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(reader)
    feed.publish([REQUESTED])
    assert list(await anext(reader)) == [REQUESTED]


async def test_a_batch_that_comes_with_a_cancellation_is_kept():
    """The next look finds it."""
    feed = Feed()
    reader = feed.reader()
    task = asyncio.create_task(anext(reader))  # type: ignore[arg-type]  # a coroutine, as asyncio sees it
    await asyncio.sleep(0)
    task.cancel()
    feed.publish([REQUESTED])
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(await anext(reader)) == [REQUESTED]


async def test_a_reader_waits_for_no_other():
    """One that never reads does not hold up one that does."""
    feed = Feed()
    feed.reader()
    quick = feed.reader()
    for _ in range(1000):
        feed.publish([REQUESTED])
    feed.close()
    assert len(await rest_of(quick)) == 1000
