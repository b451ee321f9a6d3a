"""A model that is asked no more often than its provider allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ...data import ModelRequest, ModelResponse, ProviderError
from ..model import Emit, Model, Record
from .estimate import estimated_tokens
from .failures import in_doubt
from .turns import Sleep, Turns
from .window import Grant, Window
from .wrapping import Around


class RateLimit:
    """Requests and tokens a minute; shared by all models, runs, event loops and threads that it is given to.

    Who comes first is let in first, also where a smaller request behind it would fit. `clock` gives seconds, `sleep` waits
    them. Raises `CallerError` for a limit below 1.
    """

    def __init__(
        self,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._window = Window(requests_per_minute, tokens_per_minute)
        self._clock = clock
        self._turns = Turns(sleep)

    async def reserve(self, tokens: int) -> Grant:
        """Wait until a request with so many tokens may begin, and count it."""
        grants: list[Grant] = []

        def take() -> float:
            now = self._clock()
            seconds = self._window.wait(now, tokens)
            if seconds <= 0:
                grants.append(self._window.take(now, tokens))
            return seconds

        await self._turns.enter(take)
        return grants[0]

    def correct(self, grant: Grant, tokens: int) -> None:
        """Say how many tokens a request really had; whoever waits may come in earlier, or has to wait longer."""
        self._turns.change(lambda: self._window.correct(grant, tokens))

    def close(self, seconds: float) -> None:
        """Let nobody in for so many seconds, a minute at most."""
        self._turns.change(lambda: self._window.close(self._clock(), seconds))


class RateLimited(Around):
    """Waits until the limit has room for a request, with its tokens estimated; corrects them when they are known.

    `estimate` says how many tokens a request will take, its answer included. When the provider refuses with a time to wait,
    everybody who shares the limit waits. Put `Retry` around this, not inside: each attempt counts.
    """

    def __init__(
        self, model: Model, limit: RateLimit, *, estimate: Callable[[ModelRequest], int] = estimated_tokens
    ) -> None:
        super().__init__(model)
        self.limit = limit
        self._estimate = estimate

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """The model's answer, once the request may leave."""
        grant = await self.limit.reserve(self._estimate(request))
        try:
            response = await self.model.respond(request, emit, record)
        except ProviderError as error:
            if not in_doubt(error):
                self.limit.correct(grant, 0)
            if error.kind == "rate_limit" and error.retry_after:
                self.limit.close(error.retry_after)
            raise
        # Some servers do not say what was used; then the estimate stands.
        if response.usage.total_tokens or response.cached:
            self.limit.correct(grant, response.usage.total_tokens)
        return response
