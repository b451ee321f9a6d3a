"""A model that is asked a second time when it is slow; the first answer counts."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from msgspec.structs import replace

from ...data import CallerError, ModelRequest, ModelResponse
from ...journal import ModelHedged
from ..model import Emit, Model, Record
from .race import Race
from .turns import Sleep
from .wrapping import Around

_LEAST = 10
"""How many answers tell enough about how long they take."""


class Hedged(Around):
    """Asks `other` (the same model if there is none) beside the first when that has given nothing for a while.

    The first whole answer wins, in a stream the first glimpse; the other request is cut off. The while is `after` seconds,
    or, with `percentile` (0.95, say) and once ten answers are known, what that part of the `last` answers took at most. It
    buys time with money: what the loser used is charged where it is known, and counted as in doubt where it is not
    (`ModelDropped`). A failure before the second request leaves is raised at once; put `Retry` around this.
    """

    def __init__(  # noqa: PLR0913  (two models, when, and the two passed-in sources of time)
        self,
        model: Model,
        other: Model | None = None,
        *,
        after: float,
        percentile: float | None = None,
        last: int = 100,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(model, *(() if other is None else (other,)))
        if not (math.isfinite(after) and after >= 0):
            raise CallerError(f"after={after}: a wait is a number of seconds from 0 up")
        if percentile is not None and not 0 < percentile < 1:
            raise CallerError(f"percentile={percentile}: it lies between 0 and 1; 0.95 hedges one request in twenty")
        if last < _LEAST:
            raise CallerError(f"last={last}: it takes {_LEAST} answers or more to know how long they take")
        self._after = after
        self._percentile = percentile
        self._last = last
        self._sleep = sleep
        self._clock = clock
        # Times to the first glimpse are no measure for whole answers. Tuples, which other threads may read meanwhile.
        self._took: dict[bool, tuple[float, ...]] = {False: (), True: ()}

    def delay(self, *, stream: bool) -> float:
        """The seconds after which a second request would leave now."""
        took = self._took[stream]
        if self._percentile is None or len(took) < _LEAST:
            return self._after
        return sorted(took)[min(len(took) - 1, math.ceil(self._percentile * len(took)) - 1)]

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """The answer that came first; raises the first request's error if there is none."""
        stream = emit is not None
        began = self._clock()
        race = Race(emit, record)
        try:
            race.start(self.model, request)
            await self._hedge(race, request, self.delay(stream=stream))
            await race.decided.wait()
            self._took[stream] = (*self._took[stream][1 - self._last :], self._clock() - began)
            return await race.result()
        finally:
            await race.cut_off()

    async def _hedge(self, race: Race, request: ModelRequest, delay: float) -> None:
        waiting = asyncio.ensure_future(self._sleep(delay))
        deciding = asyncio.ensure_future(race.decided.wait())
        try:
            await asyncio.wait([waiting, deciding], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            deciding.cancel()
        if race.decided.is_set():
            return
        other = self.models[-1]
        await race.told(ModelHedged(model=other.name, delay=delay))
        # It may have been decided while that was written down.
        if not race.decided.is_set():
            race.start(other, request if other is self.model else replace(request, model=""))
