"""What every `Store` of a cache must do, as checks that any test framework can run.

With pytest: `@pytest.mark.parametrize("check", STORE_CHECKS)` over a test that opens an empty store of yours and awaits
`check(store)`; or `await check_store(open_store)` anywhere. A check that fails raises `AssertionError` with what was expected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from ..models import Store
from .log_probes import claim

StoreCheck: TypeAlias = Callable[[Store], Awaitable[None]]
OpenStore: TypeAlias = Callable[[], AbstractAsyncContextManager[Store]]

PATIENCE = 20.0
"""Seconds after which what should have been forgotten never will be."""

KEY = "1-" + "0af9" * 16
"""A key as `Cached` makes them."""


async def check_store(open_store: OpenStore) -> None:
    """Run all of `STORE_CHECKS`, each on an empty store that `open_store()` gives as a context."""
    for check in STORE_CHECKS:
        async with open_store() as store:
            await check(store)


async def what_was_put_comes_back(store: Store) -> None:
    """Byte for byte, whatever the bytes are, and under its own key alone."""
    values = {"a": b"{}", "b": bytes(range(256)), "c": b"", "d": b"x" * 300_000, "e": b" 1\r\n", KEY: "ä\n☃".encode()}
    for key, value in values.items():
        await store.put(key, value)
    for key, value in values.items():
        found = await store.get(key)
        claim(found == value, f"under {key!r} were put {len(value)} bytes, and there are {_shown(found)}")


async def an_unknown_key_has_nothing(store: Store) -> None:
    """Neither before anything is put nor after."""
    claim(await store.get(KEY) is None, "an empty store has nothing under any key")
    await store.put(KEY, b"1")
    for other in (KEY[:-1], f"{KEY}0", KEY.upper()):
        claim(await store.get(other) is None, f"nothing was put under {other!r}")


async def a_later_value_takes_the_place(store: Store) -> None:
    """The last one counts, with its own time to live."""
    await store.put(KEY, b"first", 3600)
    await store.put(KEY, b"second")
    claim(await store.get(KEY) == b"second", "of two values under one key the later one counts")


async def what_is_deleted_is_gone(store: Store) -> None:
    """And deleting what is not there harms nothing."""
    await store.put(KEY, b"1")
    await store.put("other", b"2")
    await store.delete(KEY)
    await store.delete(KEY)
    claim(await store.get(KEY) is None, "what was deleted is gone")
    claim(await store.get("other") == b"2", "deleting one key leaves the others")


async def what_outlived_its_time_is_gone(store: Store) -> None:
    """Sooner or later on any clock; what has longer to live, or no end, stays."""
    await store.put("short", b"1", 0.001)
    await store.put("long", b"2", 3600)
    await store.put("endless", b"3")

    async def gone() -> None:
        while await store.get("short") is not None:  # noqa: ASYNC110  (a store tells nobody when it forgets)
            await asyncio.sleep(0.001)

    try:
        await asyncio.wait_for(gone(), PATIENCE)
    except TimeoutError:
        claim(condition=False, sentence=f"what was to live a millisecond is there after {PATIENCE:g} seconds")
    claim(await store.get("long") == b"2", "what is to live an hour is there")
    claim(await store.get("endless") == b"3", "what is to live for ever is there")


async def several_tasks_may_use_it_at_once(store: Store) -> None:
    """Each finds what it put."""

    async def work(number: int) -> None:
        key, value = f"key {number}", b"%d" % number * 100
        await store.put(key, value)
        claim(await store.get(key) == value, f"task {number} must find what it put")

    await asyncio.gather(*(work(number) for number in range(50)))


async def several_event_loops_may_use_it(store: Store) -> None:
    """Blocking twins run in another loop, in another thread."""
    await store.put("here", b"1")

    async def elsewhere() -> bytes | None:
        await store.put("there", b"2")
        return await store.get("here")

    found = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
    claim(found == b"1", "another event loop finds what was put in this one")
    claim(await store.get("there") == b"2", "and this one what was put in the other, which is closed by now")


def _shown(found: bytes | None) -> str:
    return "none" if found is None else f"{len(found)}: {found[:20]!r}"


STORE_CHECKS: tuple[StoreCheck, ...] = (
    what_was_put_comes_back,
    an_unknown_key_has_nothing,
    a_later_value_takes_the_place,
    what_is_deleted_is_gone,
    what_outlived_its_time_is_gone,
    several_tasks_may_use_it_at_once,
    several_event_loops_may_use_it,
)
"""All checks; each wants a store of its own, empty."""
