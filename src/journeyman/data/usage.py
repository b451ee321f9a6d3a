"""Tokens in disjoint buckets, and money as an integer."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

NANO = 1_000_000_000
"""Nano-dollars in a dollar: fine enough for a single cached token of the cheapest model."""


class Usage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Tokens of one or more exchanges; no token is in two buckets.

    `input` is what was neither read from nor written to a prompt cache, `output` what was shown, `reasoning` what was
    thought.

    >>> usage = Usage(input=10, cache_read=90) + Usage(output=3, reasoning=4)
    >>> usage.input_tokens, usage.output_tokens, usage.total_tokens
    (100, 7, 107)
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input_tokens(self) -> int:
        """All input tokens, cached or not."""
        return self.input + self.cache_read + self.cache_write

    @property
    def output_tokens(self) -> int:
        """All output tokens, visible or thought."""
        return self.output + self.reasoning

    @property
    def total_tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens

    def __sub__(self, other: Usage) -> Usage:
        """The difference, bucket by bucket."""
        return Usage(
            self.input - other.input,
            self.cache_read - other.cache_read,
            self.cache_write - other.cache_write,
            self.output - other.output,
            self.reasoning - other.reasoning,
        )

    def __add__(self, other: Usage) -> Usage:
        """The sum, bucket by bucket."""
        return Usage(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


PRICE_BANDS = (32_000, 100_000, 128_000, 199_999, 200_000, 256_000, 272_000, 512_000, 524_288)
"""Above how many input tokens of an exchange any vendor's price changes (the tiers in genai-prices 0.2)."""


class ModelUsage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Tokens of one model, of exchanges that are priced alike.

    `stated` is what the provider itself said that it charged for them, in nano-dollars; `band` is the largest of
    `PRICE_BANDS` that the input of each exchange exceeded, or 0.
    """

    model: str
    usage: Usage
    stated: int | None = None
    band: int = 0

    @property
    def most(self) -> float:
        """The most input tokens that one of the exchanges may have had."""
        return next((edge for edge in PRICE_BANDS if edge > self.band), math.inf)

    @classmethod
    def of(cls, model: str, usage: Usage, stated: int | None = None) -> ModelUsage:
        """What one exchange used."""
        tokens = usage.input_tokens
        band = 0 if tokens <= PRICE_BANDS[0] else max(edge for edge in PRICE_BANDS if edge < tokens)
        return cls(model, usage, stated, band)


def with_usage(used: tuple[ModelUsage, ...], new: ModelUsage) -> tuple[ModelUsage, ...]:
    """A bill with one more item: added to one that is priced alike, if there is one."""
    for index, item in enumerate(used):
        if item.model == new.model and item.band == new.band and (item.stated is None) == (new.stated is None):
            stated = None if item.stated is None or new.stated is None else item.stated + new.stated
            merged = ModelUsage(item.model, item.usage + new.usage, stated, item.band)
            return (*used[:index], merged, *used[index + 1 :])
    return (*used, new)


# A program may have set another precision for its own sums; money must not be rounded by it.
_EXACT = Context(prec=60)


def usage_since(total: tuple[ModelUsage, ...], counted: tuple[ModelUsage, ...]) -> tuple[ModelUsage, ...]:
    """What a bill that only grows holds beyond what was counted of it before."""
    before = {(item.model, item.band, item.stated is None): item for item in counted}
    new: list[ModelUsage] = []
    for item in total:
        old = before.get((item.model, item.band, item.stated is None))
        if old is not None:
            stated = None if item.stated is None or old.stated is None else item.stated - old.stated
            item = ModelUsage(item.model, item.usage - old.usage, stated, item.band)  # noqa: PLW2901  (what is left of it)
        if item.usage != Usage() or item.stated:
            new.append(item)
    return tuple(new)


def nanodollars(amount: Decimal | float | str) -> int:
    """Dollars as integer nano-dollars; a float counts as the decimal that it prints as.

    >>> nanodollars(0.1)
    100000000
    >>> nanodollars("0.00000015")
    150
    """
    return int(_EXACT.multiply(Decimal(str(amount)), NANO).to_integral_value(ROUND_HALF_EVEN))


def dollars(nano: int) -> Decimal:
    """Integer nano-dollars as dollars, exactly.

    >>> dollars(150)
    Decimal('1.5E-7')
    """
    return _EXACT.divide(Decimal(nano), NANO)
