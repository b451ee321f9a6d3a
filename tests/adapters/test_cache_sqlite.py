"""A cache in an SQLite file."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from journeyman.adapters.cache_sqlite import SqliteStore
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.compose import open_cache
from journeyman.data import CallerError, JourneymanError
from journeyman.testing.log_probes import some_run
from journeyman.testing.store_kit import STORE_CHECKS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
async def store(path: Path) -> AsyncGenerator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    await store.close()


@pytest.mark.parametrize("check", STORE_CHECKS)
async def test_it_passes_the_kit(check, store: SqliteStore):
    """Like every store."""
    await check(store)


async def test_answers_outlive_the_process(path: Path):
    """Another store on the same file has them; a closed one opens again."""
    first, second = SqliteStore(path), SqliteStore(path)
    await first.put("a", b"1")
    await first.close()
    assert await second.get("a") == b"1"
    await second.put("b", b"2")
    assert await first.get("b") == b"2"
    await first.close()
    await second.close()


async def test_time_to_live(path: Path):
    """To the second, on the clock that it was given, in another process too."""
    now = [1e9]
    store = SqliteStore(path, clock=lambda: now[0])
    await store.put("a", b"1", 10)
    now[0] += 9.99
    assert await store.get("a") == b"1"
    await store.close()
    now[0] += 0.01
    assert await store.get("a") is None
    await store.close()


async def test_the_file_does_not_grow_without_end(path: Path):
    """What is outlived goes first, then the oldest; the newest stays."""
    now = [0.0]
    store = SqliteStore(path, max_bytes=200_000, clock=lambda: now[0])

    def keys() -> list[str]:
        with contextlib.closing(sqlite3.connect(path)) as db:
            return [row[0] for row in db.execute("SELECT key FROM answers ORDER BY number")]

    put = ["old", "short 1", "short 2", "short 3"]
    for key in put:
        await store.put(key, b"x" * 10_000, None if key == "old" else 1)
    now[0] = 2.0
    while keys() == put:
        put.append(f"k{len(put)}")
        await store.put(put[-1], b"x" * 10_000)
    assert keys() == [key for key in put if not key.startswith("short")]
    for n in range(100):
        await store.put(f"more{n}", b"x" * 10_000)
    assert await store.get("old") is None
    assert await store.get("more99") is not None
    await store.close()
    assert path.stat().st_size < 400_000  # noqa: ASYNC240  (a small file of the test itself)


async def test_a_value_larger_than_the_store_is_not_kept(path: Path):
    """Nor is what stood under its key before."""
    store = SqliteStore(path, max_bytes=50_000)
    await store.put("a", b"1")
    await store.put("b", b"2")
    await store.put("a", b"x" * 60_000)
    assert await store.get("a") is None
    assert await store.get("b") == b"2"
    await store.put("c", b"x" * 49_000)
    assert await store.get("c") is not None
    await store.close()


async def test_a_journal_is_no_cache(path: Path):
    """Nor is any other database; nothing is written into it."""
    async with SqliteLog(path) as log:
        await log.append("r", 0, some_run(1))
    store = SqliteStore(path)
    with pytest.raises(CallerError, match="something else"):
        await store.put("a", b"1")
    await store.close()


async def test_damage_and_missing_directories_are_told(tmp_path: Path):
    """With what to do about them."""
    (tmp_path / "damaged.db").write_bytes(b"no database at all" * 100)
    for path in (tmp_path / "damaged.db", tmp_path / "nowhere" / "cache.db"):
        store = SqliteStore(path)
        with pytest.raises(CallerError, match="cannot be used"):
            await store.get("a")
        await store.close()


async def test_a_locked_file_is_a_failure_that_passes(path: Path):
    """No caller can mend it, so that the cache is only passed by."""
    store = SqliteStore(path, busy_timeout=0.0)
    await store.put("a", b"1")
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JourneymanError, match="locked") as caught:
        await store.put("a", b"2")
    assert not isinstance(caught.value, CallerError)
    other.rollback()
    other.close()
    assert await store.get("a") == b"1"
    await store.close()


async def test_many_may_open_a_new_file_at_once(path: Path):
    """Processes as well as threads; none is told that it is locked."""
    stores = [SqliteStore(path) for _ in range(8)]
    await asyncio.gather(*(store.put(f"k{n}", b"1") for n, store in enumerate(stores)))
    assert [await stores[0].get(f"k{n}") for n in range(8)] == [b"1"] * 8
    for store in stores:
        await store.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
async def test_a_forked_child_opens_it_anew(path: Path, store: SqliteStore):
    """The parent's connection and thread are not there in the child."""
    await store.put("a", b"1")

    def child(answers: multiprocessing.SimpleQueue[bytes | None]) -> None:
        answers.put(asyncio.run(store.get("a")))
        os._exit(0)

    context = multiprocessing.get_context("fork")
    answers: multiprocessing.SimpleQueue[bytes | None] = context.SimpleQueue()
    process = context.Process(target=child, args=(answers,))
    process.start()
    assert await asyncio.wait_for(asyncio.to_thread(answers.get), 20) == b"1"
    process.join(20)
    assert await store.get("a") == b"1"


async def test_it_is_opened_by_its_address(path: Path):
    """Three slashes before a relative path, four before an absolute one."""
    store = open_cache(f"sqlite:///{path}")
    assert isinstance(store, SqliteStore)
    assert store.path == str(path)
    assert SqliteStore("a/b.db").path == open_cache("sqlite:///a/b.db").path  # type: ignore[attr-defined]  # the same class


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_it_needs_a_file(path: str):
    """A database in memory would be lost with its thread."""
    with pytest.raises(CallerError, match="needs a file"):
        SqliteStore(path)
