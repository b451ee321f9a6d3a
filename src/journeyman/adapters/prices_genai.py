"""Rates from the price list that the package genai-prices carries; nothing is fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from ..providers import Rates

_PROVIDERS = {"lmstudio": None, "ollama": None, "compatible": None}
"""Vendors of ours that the list does not know; all others have the same name there."""


def list_rates(model: str) -> Rates | None:
    """The rates of `vendor:model` as of today, or None where the list has no price for input and output."""
    vendor, _, name = model.partition(":")
    provider = _PROVIDERS.get(vendor, vendor)
    if provider is None or not name:
        return None
    try:
        _, found = get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return None
    prices = found.get_prices(datetime.now(UTC))
    base = _rates(prices, 0)
    if base is None:
        return None
    tiers = ((start, _rates(prices, start)) for start in sorted(_starts(prices)))
    return Rates(
        input=base.input,
        output=base.output,
        cache_read=base.cache_read,
        cache_write=base.cache_write,
        reasoning=base.reasoning,
        tiers=tuple((start, tier) for start, tier in tiers if tier is not None),
    )


def _starts(prices: ModelPrice) -> set[int]:
    tiered = [price for price in vars(prices).values() if isinstance(price, TieredPrices)]
    return {tier.start for price in tiered for tier in price.tiers}


def _rates(prices: ModelPrice, start: int) -> Rates | None:
    def at(price: Decimal | TieredPrices | None) -> Decimal | None:
        if not isinstance(price, TieredPrices):
            return price
        reached = [tier.price for tier in price.tiers if tier.start <= start]
        return reached[-1] if reached and start else price.base

    paid, given = at(prices.input_mtok), at(prices.output_mtok)
    if paid is None or given is None:
        return None
    return Rates(
        input=paid,
        output=given,
        cache_read=at(prices.cache_read_mtok),
        cache_write=at(prices.cache_write_mtok),
        reasoning=at(getattr(prices, "output_reasoning_mtok", None)),
    )
