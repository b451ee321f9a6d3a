"""What waits for a watcher: in order, bounded, and no more than it takes."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import TextDelta
from journeyman.serve.runs.watchers.outlet import AT_ONCE, Outlet


def words(*texts):
    return [TextDelta(text) for text in texts]


@given(st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=8))
def test_order(batches):
    """What is put in comes out in its order, whatever was pushed and whatever is of the past, some at a time."""

    async def check():
        outlet = Outlet(-1, most=10_000)
        put = []
        for number, (size, past) in enumerate(batches):
            batch = words(*(f"{number}.{n}" for n in range(size)))
            put += batch
            if past:
                outlet.put_past(batch)
            else:
                assert outlet.push(batch)
        outlet.close()
        taken = []
        while (items := await outlet.take()) is not None:
            taken += items
        assert taken == put

    asyncio.run(check())


async def test_what_is_pushed_is_held_once():
    """A thousand watchers who do not read hold the batches that were published, and no more than a place for each."""
    outlets = [Outlet(-1, most=10) for _ in range(3)]
    batch = words("a", "b")
    for outlet in outlets:
        outlet.push(batch)
        assert [id(held) for held in outlet._batches] == [id(batch)]


async def test_bound():
    """What is pushed counts until it is taken; too much of it cuts the watcher off, what is of the past does not."""
    outlet = Outlet(-1, most=3)
    outlet.put_past(words(*"abcdef"))
    assert outlet.push(words(*"gh"))
    assert await outlet.take() == words(*"abcdefgh")
    assert outlet.push(words(*"ijk"))
    assert not outlet.push(words("l"))
    assert outlet.cut
    assert await outlet.take() is None


async def test_room():
    """Whoever reads a journal for a watcher waits while there is enough, and goes on when some was taken."""
    outlet = Outlet(-1, most=3)
    for n in range(AT_ONCE):
        outlet.put_past(words(str(n)))
    waiting = asyncio.ensure_future(outlet.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await outlet.take()
    await waiting


async def test_nudge():
    """News are told even where there is nothing else, and do not end anything."""
    outlet = Outlet(-1, most=3)
    outlet.nudge()
    assert await outlet.take() == []
    assert outlet.news
