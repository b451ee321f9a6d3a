"""The kit for stores finds a store that does wrong, check by check."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

import pytest

from journeyman.models import MemoryStore
from journeyman.testing import store_kit
from journeyman.testing.store_kit import STORE_CHECKS, check_store


class Trimming(MemoryStore):
    """Takes the bytes for text."""

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        await super().put(key, value.strip(), ttl)


class Careless(MemoryStore):
    """Looks at the beginning of a key."""

    async def get(self, key: str) -> bytes | None:
        return await super().get(key[:64])

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        await super().put(key[:64], value, ttl)


class Faithful(MemoryStore):
    """Keeps the first value."""

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        if await self.get(key) is None:
            await super().put(key, value, ttl)


class Keeping(MemoryStore):
    """Deletes nothing."""

    async def delete(self, key: str) -> None:
        return


class Immortal(MemoryStore):
    """Knows no time."""

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        await super().put(key, value)


class Hasty(MemoryStore):
    """Has nobody else's value when several tasks put."""

    last = ""

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        self.last = key
        await asyncio.sleep(0)
        await super().put(self.last, value, ttl)


class AtHome(MemoryStore):
    """Works in the event loop in which it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()

    async def get(self, key: str) -> bytes | None:
        return await super().get(key) if asyncio.get_running_loop() is self.loop else None


WRONG: dict[Callable[[], MemoryStore], str] = {
    Trimming: "what_was_put_comes_back",
    Careless: "an_unknown_key_has_nothing",
    Faithful: "a_later_value_takes_the_place",
    Keeping: "what_is_deleted_is_gone",
    Immortal: "what_outlived_its_time_is_gone",
    Hasty: "several_tasks_may_use_it_at_once",
    AtHome: "several_event_loops_may_use_it",
}


@pytest.mark.parametrize(("wrong", "name"), WRONG.items())
async def test_each_check_finds_what_it_is_for(wrong, name, monkeypatch):
    """A store that breaks one rule fails its check."""
    monkeypatch.setattr(store_kit, "PATIENCE", 0.01)
    (check,) = [check for check in STORE_CHECKS if check.__name__ == name]
    with pytest.raises(AssertionError):
        await check(wrong())


def test_there_is_a_wrong_store_for_each_check():
    """So that no check is without a proof."""
    assert sorted(WRONG.values()) == sorted(check.__name__ for check in STORE_CHECKS)


async def test_all_checks_at_once():
    """Each on a store of its own."""
    opened: list[MemoryStore] = []

    @contextlib.asynccontextmanager
    async def open_store() -> AsyncGenerator[MemoryStore]:
        opened.append(MemoryStore())
        yield opened[-1]

    await check_store(open_store)
    assert len(opened) == len(STORE_CHECKS)
