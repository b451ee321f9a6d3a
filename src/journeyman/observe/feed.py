"""From a run at work to its readers: facts once they are durable, glimpses as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from ..data import CallerError, Glimpse, Progress
from ..journal import Fact, ModelRequested, ModelResponded

Item = Fact | Glimpse
Batch = Sequence[Item]
"""Some facts, or some glimpses, that were published at once."""


class Feed:
    """Hands every batch to every reader; costs nothing while nobody reads.

    `taps` are called at once, in the run's own task; they must not raise. Glimpses of the answer that is being written
    are kept until its fact is there, so that a reader who comes late sees it from its beginning.
    """

    def __init__(self, taps: Sequence[Callable[[Batch], None]] = (), *, streams: bool = False) -> None:
        self.streams = streams
        self.closed = False
        self._taps = taps
        self._readers: list[Reader] = []
        self._unfinished: list[Glimpse] = []

    def publish(self, facts: Sequence[Fact]) -> None:
        """Facts that are durable now."""
        if self._unfinished and any(isinstance(fact, ModelResponded | ModelRequested) for fact in facts):
            self._unfinished = []
        self._hand_out(facts)

    def glimpse(self, glimpses: Sequence[Glimpse]) -> None:
        """Glimpses, which are lost if nobody reads."""
        if not glimpses:
            return
        if not isinstance(glimpses[0], Progress):
            self._unfinished.extend(glimpses)
        self._hand_out(glimpses)

    def close(self) -> None:
        """The run rests or has ended: readers come to their end."""
        self.closed = True
        self._unfinished = []
        for reader in self._readers:
            reader.wake()

    def reader(self, past: Batch = ()) -> Reader:
        """A new reader: of the past that it is given, of what there is of an unfinished answer, and from then on of all."""
        reader = Reader(self)
        if past:
            reader.put(past)
        if self._unfinished:
            reader.put(tuple(self._unfinished))
        self._readers.append(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """A reader that hears no more."""
        if reader in self._readers:
            self._readers.remove(reader)

    def _hand_out(self, batch: Batch) -> None:
        for tap in self._taps:
            tap(batch)
        for reader in self._readers:
            reader.put(batch)


class Reader:
    """An async iterator over batches, for one task of the run's own event loop."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._batches: deque[Batch] = deque()
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None

    def put(self, batch: Batch) -> None:
        """Called by the feed."""
        self._batches.append(batch)
        self.wake()

    def wake(self) -> None:
        """Called by the feed."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def leave(self) -> None:
        """Hear no more; called by whoever stops reading early."""
        self._feed.leave(self)

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Batch:
        while not self._batches:
            if self._feed.closed:
                self._feed.leave(self)
                raise StopAsyncIteration
            self._check_alone()
            self._waiting = self._loop.create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._batches.popleft()

    def _check_alone(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise CallerError("a run is read in the event loop in which it runs; use the blocking twins elsewhere")
        if self._waiting is not None:
            raise CallerError("two tasks read from the same iterator; ask the run for one iterator each")
