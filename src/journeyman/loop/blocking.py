"""Blocking twins of async functions, over one event loop in a thread of its own.

It works in scripts, in threads and where a loop is already running (a notebook, a web handler), because the caller's
loop is never touched. Nesting loops in one thread was rejected: it breaks what the outer loop promises to its tasks.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

from ..data import CallerError

P = ParamSpec("P")
T = TypeVar("T")


class _LoopThread:
    """The one owned loop; started when first needed, ended when the interpreter exits."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop."""
        with self._starting:
            if self._loop is None or not self.is_running():
                self._start()
            assert self._loop is not None  # noqa: S101  (`_start` has set it; this tells the type checkers)
            return self._loop

    def is_current(self) -> bool:
        """Whether the caller is in the loop's own thread."""
        return threading.current_thread() is self._thread

    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        ready = threading.Event()

        def work() -> None:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._loop.call_soon(ready.set)
                self._loop.run_forever()

        self._thread = threading.Thread(target=work, name="journeyman blocking calls", daemon=True)
        self._thread.start()
        ready.wait()
        atexit.register(self._stop)

    def _stop(self) -> None:
        # Ending the runner cancels what is left and closes what lives as long as the loop, such as connections.
        if self._loop is not None and self._thread is not None and self.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)


_owned = _LoopThread()


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in the owned loop and wait for it; Ctrl-C cancels it.

    Raises `CallerError` inside the owned loop itself, where waiting would wait for itself.
    """
    if _owned.is_current():
        coroutine.close()
        raise CallerError(
            "a blocking twin was called in async code of a blocking run: await the async function instead"
        )
    loop = _owned.loop()
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
    started: list[asyncio.Task[None]] = []

    def settle(_: object = None) -> None:
        # Only for a task that was cancelled, perhaps before its first step; another has set the outcome.
        coroutine.close()
        if outcome.cancel():
            # Without this, `concurrent.futures.wait` takes a cancelled future for one that is still at work.
            outcome.set_running_or_notify_cancel()

    def begin() -> None:
        task = loop.create_task(_carry(coroutine, outcome))
        task.add_done_callback(settle)
        started.append(task)

    def cancel() -> None:
        # Ctrl-C may come before the loop has heard of the call.
        if started:
            started[0].cancel()
        else:
            settle()

    try:
        # The callback, and so the task, gets a copy of the caller's context variables.
        loop.call_soon_threadsafe(begin)
        return outcome.result()
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(cancel)
        concurrent.futures.wait([outcome], timeout=5)
        raise


async def _carry(coroutine: Coroutine[Any, Any, T], outcome: concurrent.futures.Future[T]) -> None:
    try:
        value = await coroutine
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001  (it is raised again where the caller waits)
        outcome.set_exception(error)
    else:
        outcome.set_result(value)


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Give an async function its blocking twin."""

    @functools.wraps(function)
    def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_blocking(function(*args, **kwargs))

    _rename(twin, function)
    return twin


def blocking_iterator(iterate: Callable[P, AsyncIterator[T]]) -> Callable[P, Iterator[T]]:
    """The blocking twin of a function that gives an async iterator."""

    @functools.wraps(iterate)
    def twin(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        async def opened() -> AsyncIterator[T]:
            return iterate(*args, **kwargs)

        iterator = run_blocking(opened())

        async def following() -> tuple[bool, T | None]:
            try:
                return True, await anext(iterator)
            except StopAsyncIteration:
                return False, None

        try:
            while True:
                found, value = run_blocking(following())
                if not found:
                    return
                yield value  # type: ignore[misc]  # it is a T where one was found
        finally:
            # Where the loop has ended, at the interpreter's exit, it has closed all its generators.
            close = getattr(iterator, "aclose", None)
            if close is not None and _owned.is_running():
                run_blocking(close())

    _rename(twin, iterate)
    return twin


def _rename(twin: Callable[..., Any], function: Callable[..., Any]) -> None:
    twin.__name__ = f"{function.__name__}_sync"
    twin.__qualname__ = f"{function.__qualname__}_sync"
    twin.__doc__ = f"Blocking twin of `{function.__name__}`.\n\n{function.__doc__ or ''}".rstrip()
