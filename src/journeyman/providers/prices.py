"""What tokens cost: rates in integers, and the user's own table before anybody else's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal

import msgspec

from ..data import CallerError, ModelUsage, Usage, nanodollars

_PRICES = ("input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "audio_output")


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of a model in dollars for a million tokens; numbers are taken as the decimals that they print as.

    A bucket without a price of its own costs as its kind: cached input as `input`, reasoning as `output`. Providers do not
    tell sounds apart from words in what they count, so `audio_input` and `audio_output` are for knowing only: `cost` takes
    all tokens at the prices of words. `tiers` are prices for exchanges whose input exceeds a number of tokens, in
    ascending order. Raises `CallerError` for prices that are none.
    """

    input: Decimal | float
    output: Decimal | float
    cache_read: Decimal | float | None = None
    cache_write: Decimal | float | None = None
    reasoning: Decimal | float | None = None
    audio_input: Decimal | float | None = None
    audio_output: Decimal | float | None = None
    tiers: tuple[tuple[int, Rates], ...] = ()

    def __post_init__(self) -> None:
        for name in _PRICES:
            price = getattr(self, name)
            if price is not None and not (math.isfinite(price) and price >= 0):
                raise CallerError(f"Rates({name}={price}): a price is a number of dollars from 0 up")
        starts = [start for start, _ in self.tiers]
        if starts != sorted(starts):
            raise CallerError(f"the tiers of Rates have to ascend; these begin above {starts} tokens")

    def cost(self, item: ModelUsage) -> int:
        """What the tokens cost, in nano-dollars, rounded up: a budget may be too careful, never too generous."""
        rates = self
        for start, tier in self.tiers:
            # Where a tier of the user's begins within a band, some of the exchanges may have reached it.
            if item.most > start:
                rates = tier
        return rates._flat_cost(item.usage)  # noqa: SLF001  (a tier is of the same class)

    def _flat_cost(self, usage: Usage) -> int:
        paid, given = nanodollars(self.input), nanodollars(self.output)
        millionths = (
            usage.input * paid
            + usage.cache_read * (paid if self.cache_read is None else nanodollars(self.cache_read))
            + usage.cache_write * (paid if self.cache_write is None else nanodollars(self.cache_write))
            + usage.output * given
            + usage.reasoning * (given if self.reasoning is None else nanodollars(self.reasoning))
        )
        return -(-millionths // 1_000_000)


RatesOf = Callable[[str], Rates | None]
"""Rates by the name of a model (`vendor:model`); None where no price is known."""


def cost_of(used: Iterable[ModelUsage], rates_of: RatesOf) -> int | None:
    """The cost in nano-dollars; None as soon as one price is unknown, for an unknown price is not zero."""
    total = 0
    for item in used:
        if item.stated is not None:
            total += item.stated
            continue
        rates = rates_of(item.model)
        if rates is None:
            return None
        total += rates.cost(item)
    return total
