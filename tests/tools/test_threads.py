"""Blocking functions beside an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from journeyman.tools.threads import in_thread

SRC = Path(__file__).parents[2] / "src"
who = contextvars.ContextVar("who", default="nobody")


async def test_a_function_runs_in_a_thread_of_its_own():
    """The loop's thread stays free, and the thread has the given name."""
    name = await in_thread(lambda: threading.current_thread().name, "tool x")
    assert name == "tool x"
    assert threading.current_thread().name != name


async def test_context_variables_are_carried():
    """What is set before is seen inside; what is set inside stays there."""
    who.set("me")

    def look() -> str:
        seen = who.get()
        who.set("other")
        return seen

    assert await in_thread(look, "t") == "me"
    assert who.get() == "me"


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), asyncio.CancelledError("from within")])
async def test_what_is_raised_inside_comes_out(error):
    """The same error, whatever its kind."""

    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await in_thread(fail, "t")
    assert caught.value is error or str(caught.value) == str(error)


async def test_the_end_of_an_iterator_is_an_error_like_any_other():
    """asyncio refuses StopIteration, so it comes as a RuntimeError that names it."""
    with pytest.raises(RuntimeError, match="StopIteration: done") as caught:
        await in_thread(_stop, "t")
    assert isinstance(caught.value.__cause__, StopIteration)


def _stop() -> None:
    raise StopIteration("done")


async def test_many_functions_do_not_wait_for_each_other():
    """A hundred that all wait for the last one get done: no pool is too small."""
    barrier = threading.Barrier(100)
    await asyncio.gather(*(in_thread(barrier.wait, "t") for _ in range(100)))
    assert barrier.n_waiting == 0


@pytest.mark.parametrize("fails", [False, True])
async def test_an_abandoned_thread_delivers_nothing(fails):
    """After the cancellation its result or error goes nowhere, and nobody complains."""
    release, handed = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))

    def slow() -> str:
        release.wait()
        loop.call_soon_threadsafe(handed.set)
        if fails:
            raise ValueError("too late")
        return "too late"

    task = asyncio.create_task(in_thread(slow, "slow one"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    thread = next(thread for thread in threading.enumerate() if thread.name == "slow one")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    thread.join()
    await handed.wait()
    await asyncio.sleep(0)
    assert complaints == []


def test_a_thread_outlives_its_loop_quietly():
    """Where the loop is closed there is nobody left to tell."""
    release = threading.Event()
    failures: list[object] = []
    threading.excepthook, hook = failures.append, threading.excepthook

    async def abandon() -> None:
        task = asyncio.ensure_future(in_thread(release.wait, "left behind"))
        await asyncio.sleep(0)
        task.cancel()

    try:
        asyncio.run(abandon())
        thread = next(thread for thread in threading.enumerate() if thread.name == "left behind")
        release.set()
        thread.join()
    finally:
        threading.excepthook = hook
    assert failures == []


class BrokenLoop(asyncio.SelectorEventLoop):
    """Refuses to be called from other threads, though it is open."""

    broken = False

    def call_soon_threadsafe(self, callback, *args, context=None):
        if self.broken:
            raise RuntimeError("broken")
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_only_a_closed_loop_is_forgiven():
    """A loop that is open and refuses is a fault that must be seen."""
    failures: list[threading.ExceptHookArgs] = []
    threading.excepthook, hook = failures.append, threading.excepthook

    async def begin() -> None:
        loop = asyncio.get_running_loop()
        release = threading.Event()
        task = asyncio.ensure_future(in_thread(release.wait, "refused"))
        await asyncio.sleep(0)
        thread = next(thread for thread in threading.enumerate() if thread.name == "refused")
        loop.broken = True
        release.set()
        thread.join()
        loop.broken = False
        task.cancel()

    try:
        with asyncio.Runner(loop_factory=BrokenLoop) as runner:
            runner.run(begin())
    finally:
        threading.excepthook = hook
    assert [str(failure.exc_value) for failure in failures] == ["broken"]


def test_an_abandoned_thread_does_not_keep_the_process_alive():
    """The interpreter ends, silently, while a tool still blocks for ever."""
    program = """
import asyncio, threading
from journeyman.tools.threads import in_thread
started = threading.Event()
def forever():
    started.set()
    threading.Event().wait()
async def main():
    task = asyncio.create_task(in_thread(forever, "stuck"))
    while not started.is_set():
        await asyncio.sleep(0)
    task.cancel()
asyncio.run(main())
print("over")
"""
    ended = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(SRC)},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "over\n", "")
