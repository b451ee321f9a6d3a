"""An engine and a worker's bench that keep everything in memory and do nothing by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from journeyman.queues import Entry, EntryState, Job, Lanes, Lost, Timetable


class FakeEngine:
    """Keeps jobs; the test moves them on with `take` and `mark`. `delays` is what `put` was told, by the id of the job."""

    def __init__(self) -> None:
        self.kept: dict[str, Entry] = {}
        self.delays: dict[str, float] = {}
        self.timetables: dict[str, Timetable] = {}

    async def put(self, job: Job, delay: float = 0.0) -> None:
        """Keeps the first job of an id."""
        if job.id not in self.kept:
            self.kept[job.id] = Entry(job=job, state="delayed" if delay else "queued")
            self.delays[job.id] = delay

    async def entries(self, run: str | None = None, limit: int = 50) -> Sequence[Entry]:
        """The newest first."""
        found = [entry for entry in reversed(self.kept.values()) if run in (None, entry.job.run)]
        return found[:limit]

    async def withdraw(self, run: str) -> Sequence[Entry]:
        """Takes out whatever is not done."""
        found = [entry for entry in await self.entries(run) if entry.state in ("delayed", "queued", "working")]
        for entry in found:
            self.mark(entry.job, "cancelled")
        return found

    async def schedule(self, name: str, timetable: Timetable | None) -> bool:
        """Keeps it, and that is all."""
        if timetable is None:
            return self.timetables.pop(name, None) is not None
        self.timetables[name] = timetable
        return True

    def bench(self, lanes: Lanes, *, lease: float) -> Any:
        """A bench at which the test itself works."""
        return FakeBench()

    async def close(self) -> None:
        """Nothing."""

    def mark(self, job: Job, state: EntryState) -> None:
        """Says what became of a job."""
        self.kept[job.id] = replace(self.kept[job.id], state=state)

    def take(self) -> Job:
        """The next job, which is at work from now on."""
        entry = next(entry for entry in self.kept.values() if entry.state in ("queued", "delayed"))
        self.mark(entry.job, "working")
        return entry.job


class FakeBench:
    """A worker whose lease stands until it is `lost`."""

    name = "fake"

    def __init__(self) -> None:
        self.number = 0
        self.keeper = self

    def claim(self) -> int:
        """The number of the lease."""
        return self.number

    async def hold(self, claim: int) -> None:
        """Raises `Lost` for a lease that is over."""
        if claim != self.number:
            raise Lost("the lease is over")

    def lose(self) -> None:
        """End the lease."""
        self.number += 1

    async def open(self, carry_out: Any, stop: Any) -> None:
        """Nothing."""

    async def close(self, grace: float) -> None:
        """Nothing."""
