"""What tokens cost: rates in integers, and the user's own table before anybody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, Decimal

import msgspec

from ..data import NANO, ModelUsage, Usage


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of a model in dollars for a million tokens; numbers are taken as the decimals that they print as.

    A bucket without a price of its own costs as its kind: cached input as `input`, reasoning as `output`. `tiers` are
    prices for exchanges whose input exceeds a number of tokens, in ascending order.
    """

    input: Decimal | float
    output: Decimal | float
    cache_read: Decimal | float | None = None
    cache_write: Decimal | float | None = None
    reasoning: Decimal | float | None = None
    tiers: tuple[tuple[int, Rates], ...] = ()

    def cost(self, item: ModelUsage) -> int:
        """What the tokens cost, in nano-dollars, rounded up: a budget may be too careful, never too generous."""
        rates = self
        for start, tier in self.tiers:
            if item.band >= start:
                rates = tier
        return rates._flat_cost(item.usage)  # noqa: SLF001  (a tier is of the same class)

    def _flat_cost(self, usage: Usage) -> int:
        paid, given = _exact(self.input), _exact(self.output)
        millionths = (
            usage.input * paid
            + usage.cache_read * (paid if self.cache_read is None else _exact(self.cache_read))
            + usage.cache_write * (paid if self.cache_write is None else _exact(self.cache_write))
            + usage.output * given
            + usage.reasoning * (given if self.reasoning is None else _exact(self.reasoning))
        )
        return int((millionths * NANO / 1_000_000).to_integral_value(rounding=ROUND_CEILING))


def _exact(price: Decimal | float) -> Decimal:
    return price if isinstance(price, Decimal) else Decimal(str(price))


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
