"""Who keeps jobs and hands them out: protocols for what runs in the background stands on.

The engine is not the truth of anything: a job says no more than that somebody should look at a run. Lose all of them, and the
journal tells which runs have work left.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal, Protocol

import msgspec

from ..data import Conflict
from .job import Job
from .lanes import Lanes

EntryState = Literal["delayed", "queued", "working", "done", "failed", "cancelled", "dead"]
"""`dead`: so many workers died over it that it is given up."""


class Lost(Conflict):
    """This worker was taken for dead, and its runs are others' now."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A job as the engine has it; `worker` is who works on it or did so last, `updated_at` in microseconds since 1970."""

    job: Job
    state: EntryState
    worker: str | None = None
    updated_at: int = 0
    error: str = ""


class Timetable(msgspec.Struct, frozen=True, kw_only=True):
    """A job again and again: `cron` has five fields (or six, beginning with seconds), read in `timezone`.

    Each time makes a run of its own, with an id that follows from the timetable's name and the time. With `catch_up`, times
    that passed while no worker was there are made up for.
    """

    name: str
    cron: str
    job: Job
    timezone: str = "UTC"
    catch_up: bool = False


class Keeper(Protocol):
    """A worker's lease: proof that it is alive.

    `claim` gives a number to whatever begins; `hold` returns as long as the lease under which it was given stands, waits while
    that is not known, and raises `Lost` once it is over.
    """

    def claim(self) -> int: ...
    async def hold(self, claim: int) -> None: ...


class Workbench(Protocol):
    """The worker's side of an engine.

    `open` begins to hand jobs to `carry_out`, and says with `stop` which run is to be cut off. `close` takes no more
    jobs, waits `grace` seconds for those under way, and gives the lease up.
    """

    @property
    def name(self) -> str: ...
    @property
    def keeper(self) -> Keeper: ...
    async def open(self, carry_out: Callable[[Job], Coroutine[Any, Any, str]], stop: Callable[[str], None]) -> None: ...
    async def close(self, grace: float) -> None: ...


class Engine(Protocol):
    """A durable queue.

    `put` keeps a job, or finds the one that is there under its id, to start after `delay` seconds. `entries` gives the
    newest jobs first, of one run or of all. `withdraw` takes a run's jobs out, or has its worker told to stop, and
    gives the entries as they were. `schedule` puts a timetable in the place of one with its name; None takes it away, and
    the answer says whether there was one. `bench` is for a worker, which opens and closes it; `lease` is in seconds.
    """

    async def put(self, job: Job, delay: float = 0.0) -> None: ...
    async def entries(self, run: str | None = None, limit: int = 50) -> Sequence[Entry]: ...
    async def withdraw(self, run: str) -> Sequence[Entry]: ...
    async def schedule(self, name: str, timetable: Timetable | None) -> bool: ...
    def bench(self, lanes: Lanes, *, lease: float) -> Workbench: ...
    async def close(self) -> None: ...
