"""A model that is asked again when its provider fails for a moment."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

import msgspec

from ...data import CallerError, ModelRequest, ModelResponse, ProviderError, failure_of
from ...journal import ModelRetried
from ..model import Emit, Model, Record
from .failures import in_doubt, passes
from .turns import Sleep
from .wrapping import Around, Begun

_LARGEST = 1000.0
"""The binary logarithm of a factor that is beyond every wait, and still a float."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how soon a request that failed is sent again; times are in seconds.

    `retry_attempts` counts the first one too. Before attempt n + 1 come `retry_delay * retry_backoff ** (n - 1)` seconds,
    `max_retry_delay` at most, half of it left to chance, so that those who failed together do not come back together. If the
    provider says when it wants to be asked again, it is not asked earlier; if that is later than `max_retry_after`, the
    request fails at once. Raises `CallerError` for numbers that make no sense.
    """

    retry_attempts: int = 3
    retry_delay: float = 1.0
    retry_backoff: float = 2.0
    max_retry_delay: float = 60.0
    max_retry_after: float = 60.0

    def __post_init__(self) -> None:
        if self.retry_attempts < 1:
            raise CallerError(f"retry_attempts={self.retry_attempts}: the first attempt counts, so it is 1 or more")
        if not (math.isfinite(self.retry_backoff) and self.retry_backoff >= 1):
            raise CallerError(f"retry_backoff={self.retry_backoff}: waits get longer, so it is a number from 1 up")
        for name in ("retry_delay", "max_retry_delay", "max_retry_after"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise CallerError(f"{name}={seconds}: a wait is a number of seconds from 0 up")

    def backoff(self, failed: int) -> float:
        """The longest wait after so many failed attempts."""
        if self.retry_delay == 0:
            return 0.0
        if (failed - 1) * math.log2(self.retry_backoff) > _LARGEST:
            return self.max_retry_delay
        return min(self.max_retry_delay, self.retry_delay * self.retry_backoff ** (failed - 1))


class Retry(Around):
    """Asks again after failures that pass: 408, 409, 429, 5xx, no or a broken connection, silence.

    In a stream only before its first glimpse. Each further attempt is a `ModelRetried` of the run, which counts it against
    `Limits.max_model_retries`. `sleep` waits, `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        model: Model,
        policy: RetryPolicy = RetryPolicy(),  # noqa: B008  (frozen)
        *,
        sleep: Sleep = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(model)
        self.policy = policy
        self._sleep = sleep
        self._chance = chance

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """The answer of the first attempt that does not fail; raises the last attempt's error."""
        attempt = 1
        while True:
            begun = Begun(emit)
            try:
                return await self.model.respond(request, begun.emit, record)
            except ProviderError as error:
                if begun.yet or attempt >= self.policy.retry_attempts or not passes(error):
                    raise
                delay = self._delay(error, attempt)
                attempt += 1
                if record is not None:
                    await record(self._fact(error, attempt, delay))
            await self._sleep(delay)

    def _delay(self, error: ProviderError, failed: int) -> float:
        asked = error.retry_after or 0.0
        if asked > self.policy.max_retry_after:
            raise error
        longest = self.policy.backoff(failed)
        return max(asked, longest / 2 + longest / 2 * self._chance())

    def _fact(self, error: ProviderError, attempt: int, delay: float) -> ModelRetried:
        return ModelRetried(
            model=self.name, attempt=attempt, delay=delay, failure=failure_of(error), in_doubt=in_doubt(error)
        )
