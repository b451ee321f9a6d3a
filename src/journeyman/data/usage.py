"""Tokens in disjoint buckets, and money as an integer."""

from __future__ import annotations

from decimal import Decimal

import msgspec

NANO = 1_000_000_000
"""Nano-dollars in a dollar: fine enough for a single cached token of the cheapest model."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one or more exchanges; no token is in two buckets.

    `input` is what was neither read from nor written to a prompt cache, `output` what was shown, `reasoning` what was
    thought.
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

    def __add__(self, other: Usage) -> Usage:
        """The sum, bucket by bucket."""
        return Usage(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


def nanodollars(amount: Decimal | float | str) -> int:
    """Dollars as integer nano-dollars; a float counts as the decimal that it prints as (0.1 is a tenth)."""
    return int((Decimal(str(amount)) * NANO).to_integral_value())


def dollars(nano: int) -> Decimal:
    """Integer nano-dollars as dollars, exactly."""
    return Decimal(nano) / NANO
