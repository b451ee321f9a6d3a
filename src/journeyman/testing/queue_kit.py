"""What every `Engine` of a queue must do, as checks that any test framework can run.

With pytest: `@pytest.mark.parametrize("check", ENGINE_CHECKS)` over a test that opens an empty engine of yours and awaits
`check(engine)`. A check that fails raises `AssertionError` with what was expected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec.structs import replace

from ..data import Message
from ..queues import Engine, Job, Placement, Policy, Timetable
from .log_probes import claim

EngineCheck: TypeAlias = Callable[[Engine], Awaitable[None]]

_JOB = Job(
    run="run-1",
    agent="clerk",
    input=(Message.user("Sell \u201cit\u201d \u2603."),),
    restarts=(1, 2),
    policy=Policy(restart="permanent", max_restarts=7),
    placement=Placement(priority=3, tenant="ada"),
    tags=("a", "b"),
)


async def jobs_are_kept_whole(engine: Engine) -> None:
    """A job comes back as it was put in, and says that it waits."""
    await engine.put(_JOB)
    found = await engine.entries("run-1")
    claim([entry.job for entry in found] == [_JOB], f"one job was put in, and there is: {found}")
    claim(found[0].state == "queued", f"a job that waits for a worker is queued, not {found[0].state}")


async def an_id_is_one_job(engine: Engine) -> None:
    """A job that is put in again, even many times at once, is there once, as it was first."""
    await engine.put(_JOB)
    await asyncio.gather(*(engine.put(replace(_JOB, tags=())) for _ in range(5)))
    found = await engine.entries()
    claim([entry.job.tags for entry in found] == [("a", "b")], f"six times the same job are the first one, not {found}")


async def delayed_jobs_wait(engine: Engine) -> None:
    """A job with a delay is not to be had yet, and says so."""
    await engine.put(_JOB, delay=3600.0)
    found = await engine.entries()
    claim([entry.state for entry in found] == ["delayed"], f"a job for later is delayed, not {found}")


async def the_newest_come_first(engine: Engine) -> None:
    """As many as are asked for; those of a run whose id begins alike are not among them."""
    for facts in range(4):
        await engine.put(replace(_JOB, facts=facts))
        # An engine may count in milliseconds.
        await asyncio.sleep(0.002)
    await engine.put(replace(_JOB, run="run-11"))
    found = [entry.job.facts for entry in await engine.entries("run-1", 3)]
    claim(found == [3, 2, 1], f"of the jobs 0, 1, 2, 3 the newest three are 3, 2, 1 and not {found}")
    whole = await engine.entries()
    claim(len(whole) == 5, f"five jobs of all runs were put in, and {len(whole)} are listed")  # noqa: PLR2004  (as said)
    claim(not await engine.entries("run-2"), "a run without a job has none")


async def what_waits_is_withdrawn(engine: Engine) -> None:
    """A run's jobs that wait are taken out and given back; a second time there is nothing left to take."""
    await engine.put(_JOB)
    await engine.put(replace(_JOB, facts=1), delay=60.0)
    await engine.put(replace(_JOB, run="run-2"))
    taken = sorted(entry.state for entry in await engine.withdraw("run-1"))
    claim(taken == ["delayed", "queued"], f"a delayed and a queued job are taken out as they were, not as {taken}")
    left = {entry.state for entry in await engine.entries("run-1")}
    claim(left == {"cancelled"}, f"what was taken out is cancelled, not {left}")
    whole = await engine.entries()
    claim(len(whole) == 3, f"what was taken out is still listed, so there are three and not {len(whole)}")  # noqa: PLR2004
    others = [entry.state for entry in await engine.entries("run-2")]
    claim(others == ["queued"], f"the job of another run waits as before, and is not {others}")
    claim(not await engine.withdraw("run-1"), "there is nothing left to take out")


async def timetables_come_and_go(engine: Engine) -> None:
    """A timetable can be put in, replaced and taken away, and only what is there can be taken away."""
    table = Timetable(name="morning", cron="0 7 * * *", job=_JOB)
    claim(await engine.schedule("morning", table), "a timetable is put in")
    claim(await engine.schedule("morning", replace(table, cron="0 8 * * *")), "another one takes its place")
    claim(await engine.schedule("morning", None), "there is one to take away")
    claim(not await engine.schedule("morning", None), "there is none any more")


ENGINE_CHECKS: tuple[EngineCheck, ...] = (
    jobs_are_kept_whole,
    an_id_is_one_job,
    delayed_jobs_wait,
    the_newest_come_first,
    what_waits_is_withdrawn,
    timetables_come_and_go,
)
