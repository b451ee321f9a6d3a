"""Blocking functions beside an event loop, each in a daemon thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T], name: str) -> T:
    """What `function` returns or raises; cancelling abandons the thread, which cannot be stopped from outside.

    A pool was rejected: asyncio's has few threads, so that blocking tools of many runs would wait for each other, and
    the interpreter waits at its exit for the threads of every `ThreadPoolExecutor`.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            value = context.run(function)
        except StopIteration as error:
            # asyncio refuses to set it on a future, since a generator would take it for its own end.
            failure = RuntimeError(f"StopIteration: {error}")
            failure.__cause__ = error
            _hand_over(loop, _fail, future, failure)
        except BaseException as error:  # noqa: BLE001  (it is raised again where the caller awaits)
            _hand_over(loop, _fail, future, error)
        else:
            _hand_over(loop, _succeed, future, value)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await future


def _hand_over(loop: asyncio.AbstractEventLoop, deliver: Callable[..., None], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(deliver, *args)
    except RuntimeError:
        # The loop is closed: the run was abandoned together with its loop, and there is nobody left to tell.
        if not loop.is_closed():
            raise


def _succeed(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
