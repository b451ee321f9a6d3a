"""Blocking twins over one owned loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import pytest

from journeyman.data import CallerError
from journeyman.loop import blocking, blocking_iterator, run_blocking
from journeyman.loop.blocking import _owned

SRC = Path(__file__).parents[2] / "src"
who = contextvars.ContextVar("who", default="nobody")


async def double(number: int, *, plus: int = 0) -> int:
    """Twice the number."""
    await asyncio.sleep(0)
    return number * 2 + plus


class Counter:
    """A class with an async method, an async iterator, and their twins."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def add(self, number: int) -> int:
        """One more."""
        return number + 1

    async def count(self, to: int) -> AsyncIterator[int]:
        """Numbers from 1."""
        try:
            for number in range(1, to + 1):
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0)
            self.ended.append(threading.current_thread().name)

    add_sync = blocking(add)
    count_sync = blocking_iterator(count)


# --- results and errors -------------------------------------------------------------------------------------------------


def test_a_twin_gives_the_result():
    """With positional and named arguments, as a function and as a method."""
    assert blocking(double)(2, plus=1) == 5
    assert Counter().add_sync(1) == 2


def test_a_twin_looks_like_its_function():
    """Name, place, signature and documentation; it is no coroutine function."""
    twin = Counter.add_sync
    assert (twin.__name__, twin.__qualname__) == ("add_sync", "Counter.add_sync")
    assert list(inspect.signature(twin).parameters) == ["self", "number"]
    assert twin.__doc__ == "Blocking twin of `add`.\n\nOne more."
    assert not inspect.iscoroutinefunction(twin)
    assert Counter.count_sync.__name__ == "count_sync"

    async def bare() -> None:
        pass

    assert blocking(bare).__doc__ == "Blocking twin of `bare`."


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt("from within")])
def test_an_error_comes_out_where_one_waits(error):
    """Whatever it is; the loop goes on."""

    async def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        run_blocking(fail())
    assert caught.value is error
    assert run_blocking(double(1)) == 2


def test_a_coroutine_that_is_cancelled_ends_the_wait():
    """With the error of `concurrent.futures`, for no task of the caller's was cancelled."""

    async def cancelled() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(CancelledError):
        run_blocking(cancelled())


# --- where it may be called ---------------------------------------------------------------------------------------------


async def test_a_running_loop_is_no_hindrance():
    """A notebook or a web handler has one; it is not touched, and ours is another."""
    here = asyncio.get_running_loop()

    async def there() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert run_blocking(there()) is not here
    assert asyncio.get_running_loop() is here


def test_all_calls_share_one_loop():
    """So that connections can be kept."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    with ThreadPoolExecutor(4) as pool:
        loops = set(pool.map(lambda _: run_blocking(loop()), range(20)))
    assert loops == {run_blocking(loop())}


def test_many_threads_may_call_at_once():
    """Their coroutines run beside each other: fifty that all wait for the last one get done."""
    arrived = 0
    everybody = asyncio.Event()

    async def meet(number: int) -> int:
        nonlocal arrived
        arrived += 1
        if arrived == 50:
            everybody.set()
        await everybody.wait()
        return number

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(lambda number: run_blocking(meet(number)), range(50))) == list(range(50))


def test_a_blocking_call_may_be_nested_in_a_thread():
    """A sync tool of a blocking run runs another agent."""

    async def outer() -> int:
        return await asyncio.to_thread(lambda: run_blocking(double(run_blocking(double(1)))))

    assert run_blocking(outer()) == 4


def test_async_code_of_the_owned_loop_cannot_block_it():
    """It is told to await, and does not wait for itself for ever."""

    async def outer() -> int:
        return run_blocking(double(1))

    with pytest.raises(CallerError, match="await the async function instead"):
        run_blocking(outer())


def test_an_iterator_in_async_code_of_the_owned_loop_cannot_block_it():
    """Likewise."""

    async def outer() -> list[int]:
        return list(Counter().count_sync(3))

    with pytest.raises(CallerError, match="await the async function instead"):
        run_blocking(outer())


def test_context_variables_are_carried():
    """The coroutine sees what its caller has set, and what it sets stays with it."""

    async def look() -> str:
        seen = who.get()
        who.set("other")
        await asyncio.sleep(0)
        return seen

    def called() -> tuple[str, str]:
        who.set("me")
        return run_blocking(look()), who.get()

    assert contextvars.Context().run(called) == ("me", "me")
    assert contextvars.Context().run(run_blocking, look()) == "nobody"


def test_a_forked_process_starts_a_loop_of_its_own():
    """The thread of the parent does not live in the child."""
    run_blocking(double(1))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(run_blocking(double(21))).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"42"
    os.close(reader)
    os.close(writer)


# --- iterators ----------------------------------------------------------------------------------------------------------


def test_an_iterator_twin_gives_every_value():
    """And its async generator has ended, in the owned loop."""
    counter = Counter()
    assert list(counter.count_sync(3)) == [1, 2, 3]
    assert counter.ended == ["journeyman blocking calls"]


@pytest.mark.parametrize("way", ["close", "drop", "raise"])
def test_leaving_an_iterator_early_ends_its_generator(way):
    """What it holds open is closed at once, however one leaves."""
    counter = Counter()
    if way == "close":
        iterator = counter.count_sync(10)
        assert next(iterator) == 1
        iterator.close()
    elif way == "drop":
        for _ in counter.count_sync(10):
            break
        gc.collect()
    else:
        iterator = counter.count_sync(10)
        next(iterator)
        with pytest.raises(ZeroDivisionError):
            iterator.throw(ZeroDivisionError)
    assert counter.ended == ["journeyman blocking calls"]


def test_an_iterator_that_is_never_read_begins_nothing():
    """And leaves nothing to close."""
    counter = Counter()
    iterator = counter.count_sync(3)
    iterator.close()
    assert counter.ended == []


def test_an_iterator_without_a_close_may_be_left():
    """Not every async iterator is a generator."""

    class Forever:
        def __aiter__(self) -> Forever:
            return self

        async def __anext__(self) -> int:
            return 7

    iterator = blocking_iterator(Forever)()
    assert next(iterator) == 7
    iterator.close()


def test_an_error_of_an_iterator_comes_out_where_one_reads():
    """After the values before it."""

    async def fails() -> AsyncIterator[int]:
        yield 1
        raise ValueError("bad")

    iterator = blocking_iterator(fails)()
    assert next(iterator) == 1
    with pytest.raises(ValueError, match="bad"):
        next(iterator)


# --- Ctrl-C -------------------------------------------------------------------------------------------------------------


def interrupt() -> None:
    """As Ctrl-C does it: a signal for the main thread."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def test_an_interrupt_cancels_the_coroutine():
    """The caller waits until it has cleaned up, and the loop goes on."""
    ended: list[str] = []

    async def forever() -> None:
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        run_blocking(forever())
    assert ended == ["cleaned up"]
    assert run_blocking(double(1)) == 2


def test_an_interrupt_before_the_first_step_leaves_nothing_behind():
    """The coroutine is closed without having begun; nobody complains that it was never awaited."""
    begun: list[str] = []
    run_blocking(double(1))
    loop = _owned.loop()
    held = threading.Event()

    async def never() -> None:
        begun.append("begun")

    def queued() -> int:
        return sum("run_blocking" in repr(handle) for handle in tuple(loop._ready))

    def hold() -> None:
        # The loop stands still until both the call and, after the interrupt, its cancellation are in its queue.
        held.set()
        while queued() < 1:
            pass
        interrupt()
        while queued() < 2:
            pass

    loop.call_soon_threadsafe(hold)
    held.wait()
    with pytest.raises(KeyboardInterrupt):
        run_blocking(never())
    run_blocking(double(1))
    gc.collect()
    assert begun == []


def test_an_interrupt_before_the_loop_has_heard_leaves_nothing_behind(monkeypatch):
    """Nothing is begun, nobody waits, and the loop goes on."""
    begun: list[str] = []
    run_blocking(double(1))
    loop = _owned.loop()
    tell = loop.call_soon_threadsafe
    interrupts = iter([KeyboardInterrupt()])

    def call_soon_threadsafe(*args, **kwargs):
        for error in interrupts:
            raise error
        return tell(*args, **kwargs)

    async def never() -> None:
        begun.append("begun")

    monkeypatch.setattr(loop, "call_soon_threadsafe", call_soon_threadsafe)
    with pytest.raises(KeyboardInterrupt):
        run_blocking(never())
    gc.collect()
    assert run_blocking(double(1)) == 2
    assert begun == []


# --- whole programs -----------------------------------------------------------------------------------------------------


def program(text: str, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  (our own program)
        [sys.executable, "-X", "dev", "-W", "error", "-c", text],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(SRC)}, **options,
    )  # fmt: skip


def test_ctrl_c_ends_a_program():
    """A signal from outside cancels the coroutine, which cleans up before the program ends."""
    running = program("""
import asyncio
from journeyman.loop import run_blocking
async def forever():
    print("running", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", flush=True)
try:
    run_blocking(forever())
except KeyboardInterrupt:
    print("interrupted", flush=True)
""")
    assert running.stdout is not None
    assert running.stdout.readline() == "running\n"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (out, err, running.returncode) == ("cleaned up\ninterrupted\n", "", 0)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("print(run_blocking(double(1)))", "2\n"),
        # Left in the middle of an iteration, with the iterator still held.
        ("rows = blocking_iterator(count)(); print(next(rows))", "1\nclosed\n"),
        # A task that nobody waits for any longer is cancelled.
        ("run_blocking(leave_behind())", "cancelled\n"),
        # A thread of the program's own that is still blocked in a call.
        ("threading.Thread(target=blocked, daemon=True).start(); begun.wait()", "cancelled\n"),
        ("pass", ""),
    ],
)
def test_the_interpreter_ends_cleanly(last, expected):
    """Whatever is still open is closed in the loop, without a warning and without a hang."""
    running = program(f"""
import asyncio, contextlib, threading
from concurrent.futures import CancelledError
from journeyman.loop import run_blocking, blocking_iterator
begun = threading.Event()
async def double(x):
    return x * 2
async def count():
    try:
        yield 1
        yield 2
    finally:
        await asyncio.sleep(0)
        print("closed")
async def forever():
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        print("cancelled")
def blocked():
    with contextlib.suppress(CancelledError):
        run_blocking(forever())
tasks = []
async def leave_behind():
    tasks.append(asyncio.create_task(forever()))
    await asyncio.sleep(0)
{last}
""")
    out, err = running.communicate(timeout=60)
    assert (out, err, running.returncode) == (expected, "", 0)
