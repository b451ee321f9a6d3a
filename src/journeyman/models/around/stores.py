"""Where answers are kept for `Cached`: the `Store` protocol, and one in memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from ...data import CallerError


class Store(Protocol):
    """Keeps bytes by a key of printable ASCII characters; usable from several tasks, threads and event loops at once.

    `ttl` is in seconds, None for ever; what has outlived it is gone. A store may forget anything at any time. It raises
    `CallerError` for what whoever set it up can mend, another `JourneymanError` where it fails.
    """

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None: ...
    async def delete(self, key: str) -> None: ...
    async def close(self) -> None: ...


class MemoryStore:
    """Keeps `max_bytes` of answers in this process and forgets first what was not asked for the longest.

    `clock` gives seconds.
    """

    def __init__(self, max_bytes: int = 64 * 1024 * 1024, *, clock: Callable[[], float] = time.monotonic) -> None:
        if max_bytes < 1:
            raise CallerError(f"max_bytes={max_bytes}: a store that keeps anything has 1 or more")
        self.max_bytes = max_bytes
        self.size = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()

    async def get(self, key: str) -> bytes | None:
        """What was put under the key, if it is still there."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            value, ends = found
            if ends is not None and self._clock() >= ends:
                self._forget(key)
                return None
            self._kept.move_to_end(key)
            return value

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep the value; one that is larger than the whole store is not kept."""
        ends = None if ttl is None else self._clock() + ttl
        with self._lock:
            self._forget(key)
            if len(key) + len(value) > self.max_bytes:
                return
            self._kept[key] = (value, ends)
            self.size += len(key) + len(value)
            while self.size > self.max_bytes:
                self._forget(next(iter(self._kept)))

    async def delete(self, key: str) -> None:
        """Forget what is under the key, if there is something."""
        with self._lock:
            self._forget(key)

    async def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.size = 0

    def _forget(self, key: str) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.size -= len(key) + len(found[0])
