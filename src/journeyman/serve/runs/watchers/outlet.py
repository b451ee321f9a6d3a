"""What waits to be sent to one watcher: what is pushed is bounded, what is pulled waits for room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from ....observe import Batch, Item
from ...refusals import Refusal

AT_ONCE = 64
"""How many facts or glimpses are handed on in one piece."""


class Outlet:
    """Between a run, which waits for nobody, and one watcher, who may be slow.

    `after` is the number of the last fact that was put in. `most` is how much may be pushed in before the watcher is
    `cut`.
    """

    def __init__(self, after: int, most: int) -> None:
        self.after = after
        self.cut = False
        self.news = False
        self.refusal: Refusal | None = None
        self._most = most
        # What is pushed is the same object for all watchers of a run, and nothing around it: a thousand slow ones with ten
        # thousand batches each are 80 MB, and with a tuple around each batch they would be 700.
        self._batches: deque[Sequence[Item]] = deque()
        self._pushed = 0
        self._over = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()

    def push(self, batch: Batch) -> bool:
        """Take what a run just published; False where that is too much, and the watcher is cut off."""
        self._pushed += len(batch)
        if self._pushed > self._most:
            self.cut = True
            self.close()
            return False
        self._put(batch)
        return True

    def put_past(self, facts: Batch) -> None:
        """Take facts that the run holds in memory anyway; they count for nothing, since only their places are kept."""
        for at in range(0, len(facts), AT_ONCE):
            self._put(_Past(facts[at : at + AT_ONCE]))

    async def room(self) -> None:
        """Wait until the watcher has taken what there is; for whoever reads a journal for it."""
        while len(self._batches) >= AT_ONCE:
            self._room.clear()
            await self._room.wait()

    def nudge(self) -> None:
        """Somebody came or went; told once, however often it happened since the last time."""
        self.news = True
        self._wake.set()

    def close(self, refusal: Refusal | None = None) -> None:
        """Nothing more comes, and the reason if it is a bad one."""
        self.refusal = refusal
        self._over = True
        self._wake.set()

    async def take(self) -> Sequence[Item] | None:
        """Some facts or glimpses as soon as there are any, none where only watchers changed; None when all is over."""
        while not (self._batches or self._over or self.news):
            self._wake.clear()
            await self._wake.wait()
        if self.cut:
            return None
        taken: list[Item] = []
        while self._batches and len(taken) < AT_ONCE:
            batch = self._batches.popleft()
            self._pushed -= 0 if isinstance(batch, _Past) else len(batch)
            taken.extend(batch)
        self._room.set()
        return None if self._over and not taken and not self.news else taken

    def _put(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._wake.set()


class _Past(tuple[Item, ...]):
    """Facts that were there before."""

    __slots__ = ()
