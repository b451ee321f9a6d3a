"""Goes through the journal for runs that wait, whoever brought them there: nothing is known from before a restart."""

from __future__ import annotations

import asyncio
import logging

from ....data import JourneymanError
from ....journal import Log, RunQuery
from ..workshop import Workshop
from .webhooks import Webhooks

log = logging.getLogger(__name__)

_PAGE = 200


class Rounds:
    """Has each waiting run woken when its time comes, and told of by webhooks if it has not been: at once and every `seconds`.

    With 0 seconds it goes only once. A run is looked at again when it has new facts. Runs of a queue are woken by their
    workers, runs below another by the outermost one.
    """

    def __init__(self, journal: Log, workshop: Workshop, webhooks: Webhooks | None, seconds: float) -> None:
        self._log = journal
        self._workshop = workshop
        self._webhooks = webhooks
        self._seconds = seconds
        self._seen: dict[str, int] = {}
        self._going: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go, beside whatever else there is to do."""
        self._going = asyncio.get_running_loop().create_task(self._go(), name="journeyman rounds")

    async def close(self) -> None:
        """Go no more."""
        if self._going is not None:
            self._going.cancel()
            await asyncio.wait([self._going])

    async def look(self) -> None:
        """Go through all runs that wait."""
        seen: dict[str, int] = {}
        place: str | None = None
        while True:
            page = await self._log.runs(RunQuery(status="waiting", limit=_PAGE, before=place))
            for row in page.rows:
                if self._seen.get(row.run) != row.facts and row.parent is None:
                    await self._look_at(row.run)
                seen[row.run] = row.facts
            place = page.next
            if place is None:
                self._seen = seen
                return

    async def _look_at(self, run: str) -> None:
        try:
            rest = await self._workshop.expect(run)
        except (JourneymanError, OSError) as error:
            log.warning("run %s waits and could not be looked at: %s", run, error)
            return
        if rest is not None and self._webhooks is not None:
            self._webhooks.tell(rest, self._workshop.note)

    async def _go(self) -> None:
        while True:
            try:
                await self.look()
            except (JourneymanError, OSError) as error:
                log.warning("the runs that wait could not be listed: %s", error)
            if not self._seconds:
                return
            await asyncio.sleep(self._seconds)
