"""A worker as a process of its own."""

from __future__ import annotations

import asyncio
import signal
import sys

from ...background import Worker


async def work(worker: Worker, ended: asyncio.Event | None = None) -> None:
    """Work until somebody ends it: SIGTERM and Ctrl-C end it in good order, SIGKILL costs the others a lease's time.

    Whoever embeds it passes an event of its own and keeps the signals.
    """
    if ended is None:
        ended = asyncio.Event()
        if sys.platform != "win32":
            for name in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with worker:
        await ended.wait()


__all__ = ["work"]
