"""The store in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError
from journeyman.models import MemoryStore
from journeyman.testing.store_kit import STORE_CHECKS


@pytest.mark.parametrize("check", STORE_CHECKS)
async def test_it_passes_the_kit(check):
    """Like every store."""
    await check(MemoryStore())


async def test_what_was_not_asked_for_the_longest_goes_first():
    """A hit makes an answer young again; what is too large for the store pushes nothing out."""
    store = MemoryStore(max_bytes=30)
    for key in ("a", "b", "c"):
        await store.put(key, b"123456789")
    assert await store.get("a") is not None
    await store.put("d", b"123456789")
    assert [await store.get(key) is not None for key in "abcd"] == [True, False, True, True]
    await store.put("a", b"x" * 30)
    assert [await store.get(key) is not None for key in "abcd"] == [False, False, True, True]


async def test_time_to_live():
    """To the second, on the clock that it was given."""
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    await store.put("a", b"1", 10)
    now[0] = 9.99
    assert await store.get("a") == b"1"
    now[0] = 10.0
    assert await store.get("a") is None
    assert store.size == 0


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 60), st.none() | st.integers(1, 9))),
    st.integers(1, 100),
)
async def test_it_never_holds_more_than_it_may(changes, most):
    """And its own count of bytes is right, whatever is put, deleted and outlived."""
    now = [0.0]
    store = MemoryStore(most, clock=lambda: now[0])
    for key, size, ttl in changes:
        now[0] += 1
        if size is None:
            await store.delete(key)
        else:
            await store.put(key, b"x" * size, ttl)
        await store.get("a")
        assert store.size == sum(len(key) + len(value) for key, (value, _) in store._kept.items()) <= most
    await store.close()
    assert store.size == 0


def test_a_store_of_nothing_is_refused():
    """It would look like one that works."""
    with pytest.raises(CallerError, match="max_bytes=0"):
        MemoryStore(0)
