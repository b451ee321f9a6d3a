"""`journeyman prices`: what a model's tokens cost, as far as it is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from cyclopts import Parameter

from ...compose import get_model_rates
from ...providers import Rates, vendor_and_model
from .flags import PLAIN, Shown
from .outcome import carry_out
from .view.screen import Screen, money

_LINES = {
    "input": "input",
    "cache_read": "input, read from the cache",
    "cache_write": "input, written to the cache",
    "output": "output",
    "reasoning": "reasoning",
    "audio_input": "sound as input",
    "audio_output": "sound as output",
}


def prices(
    model: Annotated[str, Parameter(help="The model as vendor:model, such as openai:gpt-5-mini.")],
    /,
    *more: Annotated[str, Parameter(help="Further models.")],
    shown: Shown = PLAIN,
) -> int:
    """Say what a model's tokens cost, in dollars for a million.

    From the price list that is installed; nothing is fetched. Exit code 1: a price is not known, which does not mean that
    it is nothing. With --json an object for each model.
    """
    return carry_out(shown, lambda screen: _prices(screen, (model, *more)))


async def _prices(screen: Screen, names: tuple[str, ...]) -> int:
    unknown = 0
    for name in names:
        vendor, reference = vendor_and_model(name)
        rates = get_model_rates(name)
        unknown += rates is None
        if screen.json:
            screen.object({"model": f"{vendor.name}:{reference}", "rates": None if rates is None else _object(rates)})
        else:
            _tell(screen, f"{vendor.name}:{reference}", rates)
    return 1 if unknown else 0


def _tell(screen: Screen, name: str, rates: Rates | None) -> None:
    if rates is None:
        screen.line((name, "bold"), "  price unknown; set_model_rates() in a program says what it is")
        return
    screen.line((name, "bold"), "  for a million tokens")
    for start, tier in ((0, rates), *rates.tiers):
        if start:
            screen.line(f"  with more than {start:,} tokens of input:")
        for key, label in _LINES.items():
            if (price := _decimal(tier, key)) is not None:
                screen.line(f"  {label:<28}{money(price):>12}")


def _object(rates: Rates) -> dict[str, Any]:
    prices: dict[str, Any] = {key: price for key in _LINES if (price := _decimal(rates, key)) is not None}
    if rates.tiers:
        prices["tiers"] = [{"above_input_tokens": start, **_object(tier)} for start, tier in rates.tiers]
    return prices


def _decimal(rates: Rates, key: str) -> Decimal | None:
    price = getattr(rates, key)
    return None if price is None else Decimal(str(price))
