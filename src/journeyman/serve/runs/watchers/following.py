"""A run for one watcher, from any cursor: facts from the journal, and with glimpses while it is at work here."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, cast

from ....agents.stretch import Stretch
from ....journal import Log, Stamped
from ..refusing import refusal_of
from ..workshop import Workshop
from .outlet import Outlet


async def follow(workshop: Workshop, log: Log, run: str, outlet: Outlet) -> None:
    """Fill an outlet until the run has ended for good or the watcher is too slow.

    While the run is at work in this process its own feed is read, in which facts and glimpses are in order; else the
    journal is watched, in which another process may be at work on it.
    """
    try:
        while True:
            stretch = workshop.stretch_of(run)
            if stretch is not None:
                if not await _hear(stretch, outlet):
                    return
            elif await _watched(workshop, log, run, outlet):
                outlet.close()
                return
    except Exception as error:  # noqa: BLE001  (the watcher is told, and the log of the server)
        outlet.close(refusal_of(error))


async def _hear(stretch: Stretch[Any], outlet: Outlet) -> bool:
    """All that is told until the stretch is over; False if that was too much."""
    # Both at once, before anything else can happen: no fact is missed and none comes twice.
    reader = stretch.feed.reader()
    past = tuple(stretch.drive.facts[outlet.after + 1 :])
    outlet.put_past(past)
    outlet.after += len(past)
    try:
        async for batch in reader:
            if not outlet.push(batch):
                return False
            if isinstance(batch[-1], Stamped):
                outlet.after = batch[-1].seq
    finally:
        reader.leave()
    return True


async def _watched(workshop: Workshop, log: Log, run: str, outlet: Outlet) -> bool:
    """All facts of the journal, until the run has ended (True) or is taken up here."""
    loop = asyncio.get_running_loop()
    reading = loop.create_task(_read(log, run, outlet))
    working = loop.create_task(workshop.until_work(run))
    try:
        await asyncio.wait((reading, working), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, working):
            task.cancel()
        await asyncio.wait((reading, working))
    if reading.cancelled():
        return False
    reading.result()
    # It may have been taken up again at the same moment.
    return workshop.stretch_of(run) is None


async def _read(log: Log, run: str, outlet: Outlet) -> None:
    async with aclosing(cast("Any", log.watch(run, outlet.after))) as facts:
        async for fact in facts:
            await outlet.room()
            outlet.put_past((fact,))
            outlet.after = fact.seq
