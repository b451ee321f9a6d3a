"""`Log` over a medium whose calls block: PostgreSQL, files, object stores.

What these have in common is here, once: threads, so that no event loop waits for a disk or a network and a log may be used
from several loops; followers, and the thread that looks out for what other processes wrote; closing and forking.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from ..journal import Fact, Page, RunQuery, RunSummary, encode_fact
from .log_opening import OpenedOnUse
from .log_rules import Followers, Part, check_batch, check_query, closed, cursor, following, reading

T = TypeVar("T")

Place: TypeAlias = tuple[int, str]
"""After which run a page begins: when it started, and its id."""

Read: TypeAlias = Callable[[int], Part]
"""The facts after a number; for one reader, so that it may remember where it stands."""

PAGE_FACTS = 256
PAGE_BYTES = 1024 * 1024
"""A reader takes facts until it has about as many of either, so that a long run is never in memory as a whole."""


class Batch(NamedTuple):
    """Facts to append as numbers `at` and on, and as lines; `at` and their numbers agree."""

    run: str
    at: int
    facts: Sequence[Fact]
    lines: Sequence[bytes]


class Medium(Protocol):
    """Where facts are kept. Its methods block, may be called by several threads at once, and raise our errors only.

    `append` is durable when it returns; only a reader that `follows` has to know whether the run is at its end; `page` gives up to `query.limit + 1` runs after a place.
    """

    def append(self, batch: Batch) -> None: ...
    def reader(self, run: str, *, follows: bool) -> Read: ...
    def page(self, query: RunQuery, after: Place | None) -> list[RunSummary]: ...
    def delete(self, run: str) -> None: ...
    def close(self) -> None: ...


class Lookout(Protocol):
    """Looks out for what other processes write; all but `wake` are called by one thread.

    `wait` blocks until some of the runs may have changed, a while has passed or another thread called `wake`.
    """

    def wait(self, runs: Collection[str]) -> Collection[str]: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


class Polling:
    """The lookout of media that tell nobody: it looks at a mark of each run every `poll` seconds.

    A mark is anything that changes with the run. A run is told of when it is first looked at, since it may have changed
    after its follower read and before that.
    """

    def __init__(self, marks: Callable[[Collection[str]], dict[str, Hashable]], poll: float) -> None:
        self._look = marks
        self._poll = poll
        self._woken = threading.Event()
        self._marks: dict[str, Hashable] = {}

    def wait(self, runs: Collection[str]) -> Collection[str]:
        """The runs whose marks have changed since they were last looked at."""
        if all(run in self._marks for run in runs):
            self._woken.wait(self._poll)
        self._woken.clear()
        before, self._marks = self._marks, self._look(runs)
        return [run for run, mark in self._marks.items() if run not in before or before[run] != mark]

    def wake(self) -> None:
        """End a wait."""
        self._woken.set()

    def close(self) -> None:
        """There is nothing to close."""


class ThreadedLog(OpenedOnUse["_Opened"]):
    """What a log over a medium that blocks does; see the logs themselves for what they keep where.

    It opens its medium when it is first used. It may be used from several threads and event loops; after a fork, the
    child opens the medium anew. The name holds no password; the address, which may, is kept where nothing is shown.
    """

    def __init__(self, name: str, open_medium: Callable[[], tuple[Medium, Lookout]], threads: int) -> None:
        super().__init__(name)
        self._open_medium = open_medium
        self._threads = threads

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        """Append facts as numbers `at` and on, durably; raises `Conflict` if the run does not end just before `at`.

        If it is cancelled, the facts may have been written or not.
        """
        check_batch(run, at, facts)
        batch = Batch(run, at, facts, [encode_fact(run, fact) for fact in facts])
        opened = self._use()
        await opened.ask_in_turn(run, lambda: opened.medium.append(batch))
        opened.followers.wake(run)

    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number, up to the last one, read page by page."""
        return reading(after, self._parts(self._use(), run, follows=False))

    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number and those to come, from this process or another, until the run ends."""
        opened = self._use()
        return following(opened.followers, run, after, self._parts(opened, run, follows=True))

    async def runs(self, query: RunQuery = RunQuery()) -> Page[RunSummary]:  # noqa: B008  (frozen)
        """A page of the runs asked for, newest first."""
        place = check_query(query)
        opened = self._use()
        rows = await opened.ask(lambda: opened.medium.page(query, place))
        shown = rows[: query.limit]
        return Page(tuple(shown), cursor(shown[-1]) if len(rows) > query.limit else None)

    async def delete(self, run: str) -> None:
        """Delete a run for good."""
        opened = self._use()
        await opened.ask_in_turn(run, lambda: opened.medium.delete(run))
        opened.followers.wake(run)

    def _open_here(self) -> _Opened:
        return _Opened(self._shown, *self._open_medium(), self._threads)

    @staticmethod
    def _parts(opened: _Opened, run: str, *, follows: bool) -> Callable[[int], Awaitable[Part]]:
        read = opened.medium.reader(run, follows=follows)

        async def part(after: int) -> Part:
            return await opened.ask(lambda: read(after))

        return part


class _Opened:
    """A log's medium and threads in one process."""

    def __init__(self, name: str, medium: Medium, lookout: Lookout, threads: int) -> None:
        self.pid = os.getpid()
        self.medium = medium
        self.followers = Followers(joined=self._joined)
        self._name = name
        self._lookout = lookout
        self._threads = ThreadPoolExecutor(threads, "journeyman log")
        self._lock = threading.Lock()
        self._turns: dict[str, deque[tuple[Future[None], Callable[[], None]]]] = {}
        self._watcher: threading.Thread | None = None
        self._nudged = threading.Event()
        self._stopped = False

    async def ask(self, question: Callable[[], T]) -> T:
        """Have a thread do something that blocks."""
        try:
            answer = asyncio.get_running_loop().run_in_executor(self._threads, question)
        except RuntimeError as error:
            raise closed(f"the journal {self._name}") from error
        return await answer

    async def ask_in_turn(self, run: str, question: Callable[[], None]) -> None:
        """Have a thread do something that changes a run, after whatever else was asked of the run before."""
        asked: Future[None] = Future()
        with self._lock:
            waits = self._turns.get(run)
            if waits is not None:
                waits.append((asked, question))
            else:
                try:
                    self._threads.submit(self._take_turns, run)
                except RuntimeError as error:
                    raise closed(f"the journal {self._name}") from error
                self._turns[run] = deque([(asked, question)])
        await asyncio.wrap_future(asked)

    def _take_turns(self, run: str) -> None:
        while True:
            with self._lock:
                waits = self._turns[run]
                if not waits:
                    del self._turns[run]
                    return
                asked, question = waits.popleft()
            if not asked.set_running_or_notify_cancel():
                continue
            try:
                asked.set_result(question())
            except BaseException as error:  # noqa: BLE001  (whatever it is, it is for whoever asked)
                asked.set_exception(error)

    def close(self) -> None:
        """End all threads; blocks until what was asked is done."""
        with self._lock:
            self._stopped = True
        self._nudge()
        self._threads.shutdown()
        if self._watcher is not None:
            self._watcher.join()
        self._lookout.close()
        self.medium.close()
        self.followers.wake_all()

    def _joined(self) -> None:
        with self._lock:
            if self._watcher is None and not self._stopped:
                # A daemon, so that a program that forgot to close its log still ends.
                self._watcher = threading.Thread(target=self._look_out, name="journeyman log lookout", daemon=True)
                self._watcher.start()
        self._nudge()

    def _nudge(self) -> None:
        self._nudged.set()
        self._lookout.wake()

    def _look_out(self) -> None:
        pause = 0.0
        while not self._stopped:
            runs = self.followers.runs()
            if not runs or pause:
                self._nudged.wait(pause or None)
            self._nudged.clear()
            try:
                changed = self._lookout.wait(runs) if runs else ()
                pause = 0.0
            except Exception:  # noqa: BLE001  (nobody waits for a look; followers meet the trouble when they read)
                changed = runs
                pause = min(1.0, max(0.05, pause * 2))
            for run in changed:
                self.followers.wake(run)


def patience(seconds: float, first: float) -> Callable[[], bool]:
    """Wait each time twice as long as before, up to a second; False, at once, when the seconds are over."""
    ends = time.monotonic() + seconds
    pause = first

    def wait() -> bool:
        nonlocal pause
        left = ends - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(1.0, pause * 2)
        return True

    return wait
