"""What every log checks, says and does alike, wherever it keeps its facts."""

from __future__ import annotations

import asyncio
import hashlib
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..data import CallerError, Conflict
from ..journal import (
    Fact,
    ModelRequested,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunQuery,
    RunResumed,
    RunStarted,
    RunSummary,
)

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NUMBER = re.compile(r"-?[0-9]{1,100}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)")


def check_batch(run: str, at: int, facts: Sequence[Fact]) -> None:
    """Refuse facts that are not numbered from `at` on, or do not begin the run where it begins."""
    seq = at
    for fact in facts:
        if fact.seq != seq or (type(fact) is RunStarted) is not (seq == 0):
            raise CallerError(
                f"run {run}: {type(fact).__name__} with number {fact.seq} cannot be fact {seq}; "
                "facts are numbered without a gap, and fact 0 alone is RunStarted"
            )
        seq += 1


def check_query(query: RunQuery) -> tuple[int, str] | None:
    """The place after which a page begins, or None for the first; raises `CallerError` for an impossible query."""
    if query.limit < 1:
        raise CallerError(f"RunQuery(limit={query.limit}): a page has room for one run at least")
    if query.before is None:
        return None
    started_at, colon, run = query.before.partition(":")
    # Digits without end are not read at all: Python refuses to, with an error of its own.
    if not colon or _NUMBER.fullmatch(started_at) is None:
        raise CallerError(f"RunQuery(before={query.before!r}) is no cursor; take the `next` of the page before")
    return int(started_at), run


def cursor(summary: RunSummary) -> str:
    """The cursor of the page that begins after this run."""
    return f"{summary.started_at}:{summary.run}"


def matches(summary: RunSummary, query: RunQuery) -> bool:
    """Whether a run is asked for; its place among the pages is another question."""
    return (
        query.status in (None, summary.status)
        and query.agent in (None, summary.agent)
        and query.conversation in (None, summary.conversation)
        and (query.tag is None or query.tag in summary.tags)
        and (query.started_after is None or summary.started_at > query.started_after)
        and (query.started_before is None or summary.started_at < query.started_before)
    )


def stem(run: str) -> str:
    """The name of a run in names of files and objects: its own, where every file system can keep that, else a digest."""
    # Capitals are one with small letters on some systems, and Windows takes "con.jsonl" for a device.
    if _PLAIN.fullmatch(run) and not _DEVICES.fullmatch(run):
        return run
    return "~" + hashlib.sha256(run.encode("utf-8", "surrogatepass")).hexdigest()


def taken(run: str, at: int, end: int) -> Conflict:
    """Another writer was there."""
    return Conflict(f"run {run} has {end} facts, so fact {at} cannot be appended to it: another writer was there")


def unknown(run: str) -> CallerError:
    """There is no such run."""
    return CallerError(f"there is no run {run!r} in this journal (or it was deleted)")


def closed(name: str) -> CallerError:
    """Nothing can be asked of a closed log."""
    return CallerError(f"{name} is closed; open another one")


def ended_with(fact: Fact, *, before: bool | None) -> bool | None:
    """Whether a run is at its end after a fact, as its summary's status says; None where that is not known before either."""
    match fact:
        case RunFinished() | RunFailed() | RunCancelled():
            return True
        case RunStarted() | ModelRequested() | RunPaused() | RunResumed():
            return False
        case _:
            return before


class Part(NamedTuple):
    """Some facts of a run; `more` says that there are others, `ended` that the run was at its end with the last one."""

    facts: Sequence[Fact]
    more: bool
    ended: bool


async def reading(after: int, read: Callable[[int], Awaitable[Part]]) -> AsyncIterator[Fact]:
    """The facts after a number, up to the last one that there is."""
    more = True
    while more:
        facts, more, _ = await read(after)
        for fact in facts:
            yield fact
            after = fact.seq


async def following(
    followers: Followers, run: str, after: int, read: Callable[[int], Awaitable[Part]]
) -> AsyncIterator[Fact]:
    """The facts after a number, those to come included, until the run is at its end."""
    with followers.follow(run) as follower:
        while True:
            # Before it reads: what comes while it does so wakes it again.
            follower.clear()
            facts, more, ended = await read(after)
            for fact in facts:
                yield fact
                after = fact.seq
            if ended and not more:
                return
            if not more:
                await follower.wait()


class Follower:
    """A reader that waits in its own event loop and can be woken from any thread."""

    __slots__ = ("_loop", "_woken", "clear", "wait")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self.clear = self._woken.clear
        self.wait = self._woken.wait

    def wake(self) -> bool:
        """There is something new; False where nobody can hear it because the loop is closed."""
        try:
            self._loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:
            return False
        return True


class Followers:
    """Who waits for more of which run; `joined` is told of each that comes."""

    def __init__(self, joined: Callable[[], None] = lambda: None) -> None:
        self._joined = joined
        self._lock = threading.Lock()
        self.waiting: dict[str, set[Follower]] = {}

    @contextmanager
    def follow(self, run: str) -> Generator[Follower]:
        """Be woken when the run has something new."""
        follower = Follower()
        with self._lock:
            self.waiting.setdefault(run, set()).add(follower)
        try:
            self._joined()
            yield follower
        finally:
            self._leave(run, follower)

    def runs(self) -> tuple[str, ...]:
        """The runs that somebody follows."""
        with self._lock:
            return tuple(self.waiting)

    def wake(self, run: str) -> None:
        """The run has something new."""
        with self._lock:
            followers = tuple(self.waiting.get(run, ()))
        for follower in followers:
            # A loop that was closed with its generators unfinished never leaves by itself.
            if not follower.wake():
                self._leave(run, follower)

    def wake_all(self) -> None:
        """Any run may have something new."""
        for run in self.runs():
            self.wake(run)

    def _leave(self, run: str, follower: Follower) -> None:
        with self._lock:
            followers = self.waiting.get(run, set())
            followers.discard(follower)
            if not followers:
                self.waiting.pop(run, None)
