"""A model that is asked by only so many at once."""

from __future__ import annotations

import math

from ...data import CallerError, ModelRequest, ModelResponse
from ..model import Emit, Model, Record
from .turns import Turns
from .wrapping import Around


class Slots:
    """So many places, shared by all models, runs, event loops and threads that they are given to; first come, first served.

    Raises `CallerError` for fewer than one.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise CallerError(f"Slots({count}): a limit that lets anybody through is 1 or more")
        self.count = count
        self.taken = 0
        self._turns = Turns()

    async def enter(self) -> None:
        """Wait for a place, and take it."""
        await self._turns.enter(self._take)

    def leave(self) -> None:
        """Give the place back."""
        self._turns.change(self._free)

    def _take(self) -> float:
        if self.taken >= self.count:
            return math.inf
        self.taken += 1
        return 0.0

    def _free(self) -> None:
        self.taken -= 1


class ConcurrencyLimited(Around):
    """Waits for a place before it asks, and gives it back when the answer is there.

    `slots` is how many may ask at once, or places that several models share. A run holds a place only while it waits for an
    answer, never while its tools work, so that runs within runs cannot block each other.
    """

    def __init__(self, model: Model, slots: int | Slots) -> None:
        super().__init__(model)
        self.slots = slots if isinstance(slots, Slots) else Slots(slots)

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """The model's answer, once there is a place."""
        await self.slots.enter()
        try:
            return await self.model.respond(request, emit, record)
        finally:
            self.slots.leave()
