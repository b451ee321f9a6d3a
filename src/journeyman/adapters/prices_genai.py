"""Rates from the price list that the package genai-prices carries; nothing is fetched."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices
from msgspec.structs import replace

from ..providers import Rates, vendor_named


def list_rates(model: str, *, gives_tokens: bool = True) -> Rates | None:
    """The rates of `vendor:model` as of today, or None where the list has no price for input and output.

    What is charged by the request as well has no rates either: tokens alone would tell less than is paid. What runs
    in this process costs nothing. A model of which one knows that it gives no tokens (but vectors) needs no price for
    them. A server of one's own has no price that anybody but its owner could know.
    """
    name, _, reference = model.partition(":")
    vendor = vendor_named(name)
    if vendor is None or not reference:
        return None
    if vendor.dialect == "in_process":
        return Rates(input=0, output=0)
    provider = vendor.prices
    if provider == "huggingface":
        # The list has a provider for each of those that the router passes requests on to.
        reference, _, host = reference.partition(":")
        provider = f"huggingface_{host}"
    return None if provider is None else _listed(provider, reference, gives_tokens=gives_tokens)


def _listed(provider: str, reference: str, *, gives_tokens: bool) -> Rates | None:
    try:
        _, found = get_snapshot().find_provider_model(reference, None, provider, None)
    except LookupError:
        return None
    prices = found.get_prices(datetime.now(UTC))
    base = None if getattr(prices, "requests_kcount", None) else _rates(prices, 0, gives_tokens=gives_tokens)
    if base is None:
        return None
    tiers = ((start, _rates(prices, start, gives_tokens=gives_tokens)) for start in sorted(_starts(prices)))
    return replace(base, tiers=tuple((start, tier) for start, tier in tiers if tier is not None))


def _starts(prices: ModelPrice) -> set[int]:
    tiered = [price for price in vars(prices).values() if isinstance(price, TieredPrices)]
    return {tier.start for price in tiered for tier in price.tiers}


def _rates(prices: ModelPrice, start: int, *, gives_tokens: bool = True) -> Rates | None:
    def at(price: Decimal | TieredPrices | None) -> Decimal | None:
        if not isinstance(price, TieredPrices):
            return price
        reached = [tier.price for tier in price.tiers if tier.start <= start]
        return reached[-1] if reached and start else price.base

    paid, given = at(prices.input_mtok), at(prices.output_mtok)
    if paid is None or (given is None and gives_tokens):
        return None
    return Rates(
        input=paid,
        output=given or Decimal(0),
        cache_read=at(prices.cache_read_mtok),
        cache_write=at(prices.cache_write_mtok),
        reasoning=at(getattr(prices, "output_reasoning_mtok", None)),
        audio_input=at(getattr(prices, "input_audio_mtok", None)),
        audio_output=at(getattr(prices, "output_audio_mtok", None)),
    )
