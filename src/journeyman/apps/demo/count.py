"""The question of the demonstration, and its answer counted without any of the code that the agent's tools use."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import msgspec

QUESTION = (
    "Which region earned the most from delivered orders, how much exactly, and which product brought in the most there?"
)

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


class Count(msgspec.Struct, frozen=True):
    """The right answer; `cents` is what the region earned."""

    region: str
    cents: int
    product: str
    regions: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()

    @property
    def dollars(self) -> str:
        """The sum as people write it."""
        return f"{self.cents // 100:,}.{self.cents % 100:02}"

    def agrees_with(self, answer: str) -> bool:
        """Whether an answer names this region and this product before any other, and the sum to the cent."""
        numbers = {number.replace(",", "").rstrip(".") for number in _NUMBER.findall(answer)}
        sums = {f"{self.cents // 100}.{self.cents % 100:02}", f"{self.cents / 100:.15g}"}
        return (
            _first_of(self.regions, answer) == self.region
            and _first_of(self.products, answer) == self.product
            and not sums.isdisjoint(numbers)
        )


def count(path: Path) -> Count:
    """Count in whole cents, line by line; the file that we made has no quotes, so a line is cut at its commas."""
    regions: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    with path.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            _, _, region, product, quantity, price, status = line.rstrip("\n").split(",")
            cents = int(quantity) * int(price.replace(".", "")) * (status == "delivered")
            regions[region] += cents
            pairs[region, product] += cents
    (region, total), *_ = regions.most_common(1)
    product = max((pair for pair in pairs if pair[0] == region), key=lambda pair: pairs[pair])[1]
    return Count(region, total, product, frozenset(regions), frozenset(pair[1] for pair in pairs))


def _first_of(names: frozenset[str], text: str) -> str | None:
    places = {name: text.casefold().find(name.casefold()) for name in names}
    named = [name for name, place in places.items() if place >= 0]
    return min(named, key=lambda name: places[name], default=None)
