"""How logs that hold something of the system open it when they are first used, close it, and survive a fork."""

from __future__ import annotations

import asyncio
import os
import threading
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from .log_rules import closed


class Opened(Protocol):
    """What a log holds in one process; `close` blocks until what was asked is done."""

    pid: int

    def close(self) -> None: ...


O = TypeVar("O", bound=Opened)  # noqa: E741  (of Opened)

_abandoned: list[Opened] = []


class OpenedOnUse(Generic[O]):
    """A log that opens what it holds when it is first used, from whichever thread, and in a forked child anew.

    `_open_here` makes it; `_shown` is the place as errors may show it.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._lock = threading.Lock()
        self._opened: O | None = None
        self._closed = False

    async def close(self) -> None:
        """Finish what was asked, then let go of everything; followers end with a `CallerError`."""
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, None
        if opened is not None and opened.pid == os.getpid():
            # In a thread, which goes on even if this is cancelled: nothing is left half closed.
            await asyncio.to_thread(opened.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown!r})"

    def _open_here(self) -> O:
        raise NotImplementedError

    def _use(self) -> O:
        opened = self._opened
        return opened if opened is not None and opened.pid == os.getpid() else self._open()

    def _open(self) -> O:
        with self._lock:
            if self._closed:
                raise closed(f"the journal {self._shown}")
            opened = self._opened
            if opened is not None and opened.pid != os.getpid():
                # A parent's connection that the child closes, if only by collecting it, is closed for the parent as well,
                # and an SQLite file may be damaged by it (SQLite's "How To Corrupt An SQLite Database File", 2.6).
                _abandoned.append(opened)
                opened = None
            self._opened = opened = opened or self._open_here()
            return opened
